//! `ringmaster-tune`: is this machine set up for Ringmaster, and how much memory does it need?
//!
//! Most of what makes a fast server slow is not in the server: a queue of the network card on the wrong CPU, a
//! governor that saves power, a container's quota. Each such thing is a knob ([`knobs`], a file each): it is
//! looked at, changed and looked at again. Checks see the machine through [`root`] only, so tests give them
//! recorded machines.
//!
//! The way of a check: [`cli`] > [`commands`] > [`goal`] (for whom) > [`knobs`] (what is found) > [`report`].
//! `plan` and `apply` go on from there to [`script`], which both use: what is applied is what was shown.
//! Memory is another matter: [`size`] adds it up, from what [`measure`] found.

mod apply;
mod cli;
mod commands;
mod finding;
mod goal;
mod knobs;
mod machine;
mod measure;
mod report;
mod root;
mod script;
mod size;
#[cfg(test)]
mod testing;
mod units;

use std::process::ExitCode;

use clap::Parser;

/// sysexits' EX_USAGE: the exit codes below it speak of the machine.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = cli::Cli::try_parse().unwrap_or_else(|e| {
        let _ = e.print();
        std::process::exit(if e.use_stderr() { i32::from(USAGE) } else { 0 })
    });
    commands::execute(cli).unwrap_or_else(|message| {
        eprintln!("ringmaster-tune: {message}");
        ExitCode::from(USAGE)
    })
}
