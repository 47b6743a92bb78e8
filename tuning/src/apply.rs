//! Making the changes: knob by knob, each looked at just before and just after.
//!
//! Just before, because a change may make others: more queues bring more interrupts to place. What was done is kept as a
//! script that takes it back before the next knob is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::finding::{State, Step};
use crate::goal::Goal;
use crate::knobs::Knob;
use crate::machine::limits;
use crate::report::Report;
use crate::root::Root;
use crate::script;

/// Forgotten when the machine starts again, as the changes are.
const UNDO_FOLDER: &str = "/run/ringmaster-tune";

/// Says what would be done; whether that is nothing.
pub fn dry_run(root: &Root, goal: &Goal, knobs: impl Iterator<Item = &'static Knob>) -> bool {
    let report = Report::look(root, goal, knobs);
    for line in report.lines.iter().filter(|line| !line.steps().is_empty()) {
        println!("{}: {}", line.knob.name, line.finding.now);
        line.steps().iter().for_each(|step| println!("    {}", describe(step)));
    }
    println!("Nothing was changed: --yes does it.");
    report.worst().is_none()
}

/// Makes the changes; whether all that could be changed is now as it should be.
///
/// # Errors
/// Nothing was done, and why.
pub fn run(
    root: &Root,
    goal: &Goal,
    knobs: impl Iterator<Item = &'static Knob>,
    undo: Option<PathBuf>,
) -> Result<bool, String> {
    if root.is_here() && !is_root(root) {
        return Err("apply --yes needs root".to_owned());
    }
    let undo = undo.map_or_else(new_undo_file, Ok)?;
    let (mut done, mut whole) = (Vec::new(), true);
    for knob in knobs {
        let State::Bad { steps, .. } = knob.look(root, goal).state else { continue };
        println!("{}:", knob.name);
        for step in steps {
            match perform(root, &step) {
                Ok(()) => {
                    println!("    done     {}", describe(&step));
                    done.push(step);
                    keep(&undo, &done)?;
                }
                Err(why) => println!("    NOT DONE {}: {why}", describe(&step)),
            }
        }
        let after = knob.look(root, goal);
        whole &= after.state == State::Good;
        println!("    now      {}", after.now);
    }
    match done.is_empty() {
        true => println!("Nothing was changed."),
        false => println!("To take it back: sh {}", undo.display()),
    }
    Ok(whole)
}

fn describe(step: &Step) -> String {
    match step {
        Step::Hand(text) => format!("by hand: {text}"),
        step => script::change(step).unwrap_or_default(),
    }
}

fn perform(root: &Root, step: &Step) -> Result<(), String> {
    match step {
        Step::Write { path, value, .. } => root.write(path, value).map_err(|e| e.to_string()),
        Step::Run { .. } if !root.is_here() => Err("commands change this machine only".to_owned()),
        Step::Run { change, .. } => {
            let output = Command::new("sh").args(["-c", change]).output().map_err(|e| e.to_string())?;
            let errors = String::from_utf8_lossy(&output.stderr);
            if output.status.success() { Ok(()) } else { Err(errors.trim().replace('\n', "; ")) }
        }
        Step::Hand(_) => Err("only you can".to_owned()),
    }
}

fn is_root(root: &Root) -> bool {
    // Real, effective, saved, file system.
    let ids = limits::status(root, "/proc/self", "Uid").unwrap_or_default();
    ids.split_whitespace().nth(1) == Some("0")
}

fn new_undo_file() -> Result<PathBuf, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    fs::create_dir_all(UNDO_FOLDER).map_err(|e| format!("{UNDO_FOLDER} cannot be made: {e}"))?;
    Ok(Path::new(UNDO_FOLDER).join(format!("undo-{now}.sh")))
}

fn keep(undo: &Path, done: &[Step]) -> Result<(), String> {
    let failed =
        |e: std::io::Error| format!("{} cannot be written, so no more is changed: {e}", undo.display());
    fs::write(undo, script::undo_of(done.iter())).map_err(failed)?;
    fs::set_permissions(undo, fs::Permissions::from_mode(0o700)).map_err(failed)
}
