//! `ringmaster-bench`: a load generator for any server that speaks the Redis protocol, alone or as a cluster.
//!
//! The usual generators share three faults: they cost as much CPU as the server they measure, they stop asking
//! while the server stalls and so never see the stall, and they follow a cluster poorly. This one runs a
//! thread per core on io_uring ([`engine`]), can send on a schedule ([`engine::schedule`]), follows slots
//! through moves and failures ([`topology`]), and says when it was itself the bottleneck ([`report`]).
//!
//! The way of a run: [`cli`] > [`commands`] > [`target`] (whom) and [`workload`] (what) > [`session`] (one run)
//! > [`engine`] (the threads) > [`report`] (the result as data) > [`output`] (the result for people).

mod admin;
mod cli;
mod commands;
mod compare;
mod engine;
mod live;
mod machine;
mod output;
mod process;
mod random;
mod reply;
mod report;
mod ring;
mod session;
mod slo;
mod stats;
mod target;
mod text;
mod tls;
mod topology;
mod verify;
mod workload;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) if !e.use_stderr() => e.exit(), // --help and --version
        Err(e) => return fail(&cli::one_line(&e)),
    };
    commands::execute(cli).map_or_else(|message| fail(&message), |()| ExitCode::SUCCESS)
}

fn fail(message: &str) -> ExitCode {
    eprintln!("ringmaster-bench: {message}");
    ExitCode::FAILURE
}
