//! The commands, each in a few lines: open the machine, look, say.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::apply;
use crate::cli::{Cli, Command, Target};
use crate::finding::Severity;
use crate::goal::Goal;
use crate::measure;
use crate::report::Report;
use crate::root::Root;
use crate::script;
use crate::size::constants::Constants;
use crate::size::plan;

/// Nothing should be otherwise.
const FINE: u8 = 0;
/// There is advice.
const ADVICE: u8 = 1;
/// Something is critical.
const CRITICAL: u8 = 2;

/// Runs a command; its exit code.
///
/// # Errors
/// One sentence.
pub fn execute(cli: Cli) -> Result<ExitCode, String> {
    match cli.command {
        Command::Check { target, all, json } => {
            let (root, goal) = open(&target)?;
            let report = Report::look(&root, &goal, target.knobs());
            print!("{}", if json { report.json() } else { report.table(&root, &goal, all) });
            Ok(exit_code(&report))
        }
        Command::Plan { target, undo, out } => {
            let (root, goal) = open(&target)?;
            let report = Report::look(&root, &goal, target.knobs());
            match out {
                Some(folder) => write_both(&report, &folder)?,
                None if undo => print!("{}", script::undo(&report)),
                None => print!("{}", script::apply(&report)),
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Apply { target, yes, undo } => {
            let (root, goal) = open(&target)?;
            let knobs = target.knobs();
            let whole = if yes {
                apply::run(&root, &goal, knobs, undo)?
            } else {
                apply::dry_run(&root, &goal, knobs)
            };
            Ok(ExitCode::from(if whole { FINE } else { ADVICE }))
        }
        Command::Size(size) => {
            let constants = Constants::open(size.constants.as_deref())?;
            let plan = plan::plan(&constants, &size.demand());
            print!("{}", if size.json { plan.json() } else { plan.text(&constants) });
            Ok(ExitCode::SUCCESS)
        }
        Command::Measure { server, port } => {
            let constants = measure::run(&server, port)?;
            print!("{}", toml::to_string(&constants).map_err(|e| e.to_string())?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Record { target } => {
            let (root, goal) = open(&target)?;
            let _ = Report::look(&root, &goal, target.knobs());
            print!("{}", root.recording());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn open(target: &Target) -> Result<(Root, Goal), String> {
    let root = Root::open(&target.root)?;
    let goal = target.wish()?.on(&root)?;
    Ok((root, goal))
}

fn exit_code(report: &Report) -> ExitCode {
    ExitCode::from(match report.worst() {
        None => FINE,
        Some(Severity::Low | Severity::High) => ADVICE,
        Some(Severity::Critical) => CRITICAL,
    })
}

fn write_both(report: &Report, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))?;
    for (name, text) in [("apply.sh", script::apply(report)), ("undo.sh", script::undo(report))] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
