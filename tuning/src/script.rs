//! Findings as shell scripts: one that makes the changes, one that takes them back.

use crate::finding::Step;
use crate::report::{Line, Report};

/// Each line is tried, whatever became of the others; the exit code tells.
const HEAD: &str = "#!/bin/sh\n\
    # Made by ringmaster-tune. Run it as root.\n\
    failed=0\n";
const END: &str = "\nexit $failed\n";

/// The script that makes the changes. They last until the machine starts again.
pub fn apply(report: &Report) -> String {
    let mut text = HEAD.to_owned();
    for line in report.lines.iter().filter(|line| !line.steps().is_empty()) {
        text += &format!("\n# {}: {}; {}\n", line.knob.name, line.finding.now, line.knob.why);
        for step in line.steps() {
            text += &match change(step) {
                Some(command) => guarded(&command),
                None => by_hand(step),
            };
        }
    }
    text + END
}

/// The script that takes them back, last change first.
pub fn undo(report: &Report) -> String {
    undo_of(report.lines.iter().flat_map(Line::steps))
}

/// The script that takes these steps back, the last one first.
pub fn undo_of<'a>(steps: impl DoubleEndedIterator<Item = &'a Step>) -> String {
    let commands: String = steps.rev().filter_map(back).map(|command| guarded(&command)).collect();
    format!("{HEAD}{commands}{END}")
}

/// The command of a step.
pub fn change(step: &Step) -> Option<String> {
    match step {
        Step::Write { path, value, .. } => Some(write(path, value)),
        Step::Run { change, .. } => Some(change.clone()),
        Step::Hand(_) => None,
    }
}

fn back(step: &Step) -> Option<String> {
    match step {
        Step::Write { path, before, .. } => Some(write(path, before)),
        Step::Run { undo, .. } => Some(undo.clone()),
        Step::Hand(_) => None,
    }
}

fn write(path: &str, value: &str) -> String {
    format!("echo {} > {path}", quoted(value))
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,".contains(c);
    if !value.is_empty() && value.chars().all(plain) { value.to_owned() } else { format!("'{value}'") }
}

fn guarded(command: &str) -> String {
    format!("{command} || failed=1\n")
}

fn by_hand(step: &Step) -> String {
    if let Step::Hand(text) = step { format!("# by hand: {text}\n") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_as_commands_and_back() {
        let steps = [
            Step::write("/proc/a", "1", "2"),
            Step::run("ethtool -L eth0 combined 4", "ethtool -L eth0 combined 2"),
            Step::Hand("buy another".into()),
            Step::write("/sys/b", "", "max 100000"),
        ];
        assert_eq!(change(&steps[0]).unwrap(), "echo 2 > /proc/a");
        assert_eq!(change(&steps[3]).unwrap(), "echo 'max 100000' > /sys/b");
        assert_eq!(change(&steps[2]), None);
        let undo = undo_of(steps.iter());
        let lines: Vec<&str> = undo.lines().filter(|line| line.ends_with("|| failed=1")).collect();
        let want = ["echo '' > /sys/b", "ethtool -L eth0 combined 2", "echo 1 > /proc/a"];
        assert_eq!(lines, want.map(|command| format!("{command} || failed=1")));
    }
}
