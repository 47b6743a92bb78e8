//! Network cards: which there are, their queues and interrupts.

use crate::machine::cpus;
use crate::root::{Root, Unread};

const FOLDER: &str = "/sys/class/net";

/// A receive queue's interrupt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Irq {
    /// Its number.
    pub number: u32,
    /// The CPUs that may take it.
    pub cpus: Vec<usize>,
}

/// The path of a card's file.
pub fn path(nic: &str, file: &str) -> String {
    format!("{FOLDER}/{nic}/{file}")
}

/// All interfaces.
pub fn names(root: &Root) -> Vec<String> {
    root.list(FOLDER)
}

/// Whether there is such an interface.
pub fn exists(root: &Root, nic: &str) -> bool {
    root.read(&path(nic, "mtu")).is_ok()
}

/// The interface of the default route.
pub fn of_default_route(root: &Root) -> Option<String> {
    let text = root.read("/proc/net/route").ok()?;
    text.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace();
        let (nic, destination) = (words.next()?, words.next()?);
        (destination == "00000000").then(|| nic.to_owned())
    })
}

/// The driver's name; none for interfaces without a device, such as a container's.
pub fn driver(root: &Root, nic: &str) -> Option<String> {
    root.link(&path(nic, "device/driver"))
}

/// Numbers of the queues of a direction, `rx` or `tx`, ascending.
pub fn queues(root: &Root, nic: &str, direction: &str) -> Vec<usize> {
    let names = root.list(&path(nic, "queues"));
    let number = |name: &String| name.strip_prefix(direction)?.strip_prefix('-')?.parse().ok();
    let mut numbers: Vec<usize> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// The NUMA node of the card.
pub fn node(root: &Root, nic: &str) -> Option<usize> {
    root.read(&path(nic, "device/numa_node")).ok()?.parse().ok()
}

/// Words in the names of interrupts that bring no packets in.
const OTHER_WORDS: &[&str] =
    &["config", "output", "async", "ctrl", "control", "mgmnt", "event", "tx", "admin", "pages"];

/// The interrupts by which packets come in, by queue.
///
/// Drivers name them as they like: `eth0-TxRx-3`, `mlx5_comp3@pci:0000:3b:00.0`, `virtio3-input.3`, `ens5-Tx-Rx-3`. So a
/// line counts if it names the interface or its device, and has no word of something else.
///
/// # Errors
/// `/proc/interrupts` cannot be read, or knows none.
pub fn irqs(root: &Root, nic: &str) -> Result<Vec<Irq>, Unread> {
    let text = root.read("/proc/interrupts")?;
    let device = root.link(&path(nic, "device"));
    let ours = |name: &str| {
        let name = name.to_ascii_lowercase();
        let named = name.starts_with(&format!("{nic}-"))
            || device.as_ref().is_some_and(|device| belongs(&name, device));
        let receives = name.contains("rx") || !OTHER_WORDS.iter().any(|word| name.contains(word));
        named && receives
    };
    let parse = |line: &str| {
        let (number, rest) = line.trim_start().split_once(':')?;
        let name = rest.split_whitespace().last()?;
        Some((number.parse::<u32>().ok().filter(|_| ours(name))?, name.to_owned()))
    };
    let mut lines: Vec<(u32, String)> = text.lines().filter_map(parse).collect();
    lines.sort_by_key(|(number, name)| (queue_of(name), *number));
    let irqs: Vec<Irq> = lines
        .into_iter()
        .filter_map(|(number, _)| {
            let list = root.read(&affinity(number)).ok()?;
            Some(Irq { number, cpus: cpus::parse(&list) })
        })
        .collect();
    if irqs.is_empty() {
        Err(Unread::Absent(format!("{nic} has no interrupts of its own")))
    } else {
        Ok(irqs)
    }
}

/// The file that says which CPUs may take an interrupt.
pub fn affinity(irq: u32) -> String {
    format!("/proc/irq/{irq}/smp_affinity_list")
}

fn belongs(name: &str, device: &str) -> bool {
    name.starts_with(&format!("{device}-")) || name.ends_with(&format!("@pci:{device}"))
}

/// The queue's number in the name of its interrupt.
fn queue_of(name: &str) -> u32 {
    let name = name.split('@').next().unwrap_or(name);
    let from = name.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    name[from..].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_by_the_names_of_interrupts() {
        assert_eq!(queue_of("mlx5_comp12@pci:0000:3b:00.0"), 12);
        assert_eq!(queue_of("virtio3-input.0"), 0);
        assert_eq!(queue_of("eth0-TxRx-7"), 7);
        assert!(belongs("virtio3-rx", "virtio3") && !belongs("virtio33-rx", "virtio3"));
        assert!(belongs("mlx5_comp1@pci:0000:3b:00.0", "0000:3b:00.0"));
    }
}
