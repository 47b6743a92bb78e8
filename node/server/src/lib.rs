//! Ringmaster: one process, many masters of a Redis Cluster.
//!
//! The way of a request, a module per step: `listener` > `ring` > `core::request` (with `resp`) >
//! `core::dispatch` (with `commands::table`) > `route` (here, over `mesh` and `ingress`, or MOVED) > the handler
//! in `commands`, on `store` > `client::output`. `reactor` is the loop that drives it; `executor` is the only
//! module that knows glommio, `ring` the only one that knows io_uring.

mod admin;
mod allocator;
mod aof;
mod balance;
mod bus;
mod channel;
mod client;
mod clock;
pub mod config;
mod core;
mod descriptors;
mod doors;
mod executor;
mod folders;
mod hotkeys;
mod ingress;
mod listener;
mod log;
mod machine;
mod mesh;
mod metrics;
mod migrate;
mod monitor;
mod persist;
mod process;
mod pubsub;
mod reactor;
mod replication;
mod ring;
mod route;
mod settings;
mod shutdown;
mod slot_migration;
mod start;
mod tls;
mod tracking;
mod users;

pub use allocator::Allocator;

/// What `--version` and `-v` print.
fn version() -> String {
    format!("Ringmaster v={} (Redis {} compatible)", env!("CARGO_PKG_VERSION"), admin::REDIS_VERSION)
}

/// Runs the process from its arguments to its end.
pub fn run() {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.first().map(String::as_str) {
        Some("--version" | "-v") if args.len() == 1 => return println!("{}", version()),
        Some("--help" | "-h") if args.len() == 1 => return print!("{}", config::help()),
        _ => {}
    }
    let loaded = match config::load(&args, &mut config::Disk) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    if let Err(sentence) = start::run(loaded) {
        log::write(log::Level::Warning, 'X', &sentence);
        eprintln!("{sentence}");
        std::process::exit(1);
    }
}
