//! CPUs: lists, masks, nodes, siblings.

use crate::root::{Root, Unread};

/// Where the kernel describes CPUs.
pub const FOLDER: &str = "/sys/devices/system/cpu";

/// CPUs of a list such as `0-3,8`.
pub fn parse(list: &str) -> Vec<usize> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<usize>().ok()?..=last.trim().parse::<usize>().ok()?)
    };
    list.split(',').filter_map(part).flatten().collect()
}

/// The list of ascending CPUs.
pub fn format(cpus: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &cpu in cpus {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => runs.push((cpu, cpu)),
        }
    }
    let run = |(first, last): &(usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(",")
}

/// The mask of CPUs as `rps_cpus` and `xps_cpus` take it: hexadecimal words of 32 bits, highest first.
pub fn mask(cpus: &[usize]) -> String {
    let words = cpus.iter().max().map_or(1, |max| max / 32 + 1);
    let word =
        |w: usize| cpus.iter().filter(|cpu| *cpu / 32 == w).fold(0u32, |bits, cpu| bits | 1 << (cpu % 32));
    let text: Vec<String> = (0..words).rev().map(|w| format!("{:08x}", word(w))).collect();
    let text = text.join(",");
    let short = text.trim_start_matches(['0', ',']);
    if short.is_empty() { "0".to_owned() } else { short.to_owned() }
}

/// The CPUs of a mask.
pub fn parse_mask(mask: &str) -> Vec<usize> {
    let words = mask.split(',').rev().enumerate();
    let bits = words.flat_map(|(w, word)| {
        let word = u32::from_str_radix(word.trim(), 16).unwrap_or(0);
        (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| w * 32 + bit)
    });
    bits.collect()
}

/// CPUs that are switched on.
pub fn online(root: &Root) -> Vec<usize> {
    root.read(&format!("{FOLDER}/online")).map_or(vec![0], |list| parse(&list))
}

/// CPUs a process may run on; `process` is its folder in /proc.
pub fn allowed(root: &Root, process: &str) -> Vec<usize> {
    let status = root.read(&format!("{process}/status")).unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let allowed: Vec<usize> = list.map_or(Vec::new(), parse);
    let online = online(root);
    let both: Vec<usize> = allowed.into_iter().filter(|cpu| online.contains(cpu)).collect();
    if both.is_empty() { online } else { both }
}

/// CPUs of each NUMA node.
pub fn nodes(root: &Root) -> Vec<(usize, Vec<usize>)> {
    let nodes = root.read("/sys/devices/system/node/online").map_or(Vec::new(), |list| parse(&list));
    let cpus = |node: usize| root.read(&format!("/sys/devices/system/node/node{node}/cpulist")).ok();
    nodes.into_iter().filter_map(|node| Some((node, parse(&cpus(node)?)))).collect()
}

/// The CPUs that share a physical core with `cpu`, itself among them.
///
/// # Errors
/// The kernel does not say.
pub fn siblings(root: &Root, cpu: usize) -> Result<Vec<usize>, Unread> {
    Ok(parse(&root.read(&format!("{FOLDER}/cpu{cpu}/topology/thread_siblings_list"))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_masks() {
        assert_eq!(parse("0-3,8"), [0, 1, 2, 3, 8]);
        assert!(parse("").is_empty());
        assert_eq!(format(&[0, 1, 2, 3, 8]), "0-3,8");
        assert_eq!(mask(&[0, 3]), "9");
        assert_eq!(mask(&[33]), "2,00000000");
        assert_eq!(mask(&[]), "0");
        assert_eq!(parse_mask("2,00000001"), [0, 33]);
        assert!(parse_mask("0").is_empty());
    }
}
