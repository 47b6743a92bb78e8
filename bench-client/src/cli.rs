//! The command line: names, meanings and defaults of all options, and nothing of what they do.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::engine::schedule::Arrivals;
use crate::slo::Slo;
use crate::target::ClusterMode;
use crate::workload::sizes::Sizes;

/// A load generator that tells the truth, for any server that speaks the Redis protocol.
#[derive(Debug, Parser)]
#[command(
    name = "ringmaster-bench",
    version,
    disable_help_flag = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What else it can do.
    #[command(subcommand)]
    pub task: Option<Task>,
    /// The load.
    #[command(flatten)]
    pub options: Options,
    /// Print help.
    #[arg(long, action = clap::ArgAction::Help, global = true)]
    help: Option<bool>,
}

/// Beside running a load.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Compare results that --json wrote: ratios B/A, their range, and what is only noise.
    Compare {
        /// What to compare with and the new one, in turn: A.json B.json [A2.json B2.json ...].
        #[arg(required = true, num_args = 2..)]
        files: Vec<PathBuf>,
    },
    /// List the built-in workloads, or print one as a start for your own.
    Workloads {
        /// Print this one.
        name: Option<String>,
    },
}

/// Whom, what, how hard, and what to keep.
#[derive(Debug, Args)]
pub struct Options {
    /// Server's host name or address.
    #[arg(short = 'h', long, default_value = "127.0.0.1", help_heading = "Target")]
    pub host: String,
    /// Server's port.
    #[arg(short, long, default_value_t = 6379, help_heading = "Target")]
    pub port: u16,
    /// ACL user.
    #[arg(long, requires = "password", help_heading = "Target")]
    pub user: Option<String>,
    /// Password; better given in the environment, where other users do not see it.
    #[arg(
        short = 'a',
        long,
        env = "RINGMASTER_BENCH_PASSWORD",
        hide_env_values = true,
        help_heading = "Target"
    )]
    pub password: Option<String>,
    /// Speak TLS.
    #[arg(long, help_heading = "Target")]
    pub tls: bool,
    /// Certificates of whom to trust, as PEM.
    #[arg(long, requires = "tls", help_heading = "Target")]
    pub cacert: Option<PathBuf>,
    /// Certificate to show, as PEM.
    #[arg(long, requires_all = ["tls", "key"], help_heading = "Target")]
    pub cert: Option<PathBuf>,
    /// Its private key, as PEM.
    #[arg(long, requires = "cert", help_heading = "Target")]
    pub key: Option<PathBuf>,
    /// Name that the server's certificate must have, if not its address.
    #[arg(long, requires = "tls", help_heading = "Target")]
    pub sni: Option<String>,
    /// Trust any server.
    #[arg(long, requires = "tls", conflicts_with = "cacert", help_heading = "Target")]
    pub insecure: bool,
    /// Version of the protocol.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3), help_heading = "Target")]
    pub resp: u8,
    /// Follow a cluster's slots, or stay with the one server.
    #[arg(long, value_enum, default_value_t = ClusterMode::Auto, help_heading = "Target")]
    pub cluster: ClusterMode,

    /// Built-in workload or a TOML file (see `workloads`).
    #[arg(short = 't', long, conflicts_with = "command", help_heading = "Workload")]
    pub workload: Option<String>,
    /// Command to send, e.g. 'SET __key__ __data__'; repeat for a mix, with weights as in '9: GET __key__'.
    #[arg(long, help_heading = "Workload")]
    pub command: Vec<String>,
    /// Number of keys.
    #[arg(short = 'r', long, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Workload")]
    pub keys: Option<u64>,
    /// What every key begins with.
    #[arg(long, help_heading = "Workload")]
    pub key_prefix: Option<String>,
    /// Length of keys in bytes: 16, 16-32, or 16:80,32:20 (size:weight).
    #[arg(long, help_heading = "Workload")]
    pub key_size: Option<Sizes>,
    /// Let keys share this many hash tags.
    #[arg(long, help_heading = "Workload")]
    pub tags: Option<u64>,
    /// How requests spread over keys: uniform, zipf:0.99, gaussian:0.1, sequential, hotslot:0.5.
    #[arg(long, help_heading = "Workload")]
    pub distribution: Option<String>,
    /// Length of values in bytes, in the forms of --key-size.
    #[arg(short = 'd', long, help_heading = "Workload")]
    pub size: Option<Sizes>,
    /// Seconds that __ttl__ becomes: 60, or 60-3600.
    #[arg(long, help_heading = "Workload")]
    pub expiry: Option<Sizes>,
    /// Share of the reads that goes to replicas, 0 to 1.
    #[arg(long, help_heading = "Workload")]
    pub replica_share: Option<f64>,

    /// Threads of the generator.
    #[arg(long, default_value_t = 1, value_parser = within::<1, 1024>, help_heading = "Load")]
    pub threads: usize,
    /// Connections in all, at least one for each thread and node.
    #[arg(short = 'c', long, default_value_t = 50, value_parser = within::<1, 1_000_000>, help_heading = "Load")]
    pub connections: usize,
    /// Requests that a connection sends before it waits for answers.
    #[arg(short = 'P', long, default_value_t = 1, value_parser = within::<1, 65_536>, help_heading = "Load")]
    pub pipeline: usize,
    /// Number of requests.
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    pub requests: Option<u64>,
    /// How long to send: 10s, 500ms, 2m. [default: 10s, if no --requests]
    #[arg(short = 'D', long, value_parser = duration, help_heading = "Load")]
    pub duration: Option<Duration>,
    /// Run all of it this many times: `compare` needs four or more to tell a difference from chance.
    #[arg(long, default_value_t = 1, value_parser = within::<1, 1000>, conflicts_with_all = ["find_slo", "verify"], help_heading = "Load")]
    pub repeat: usize,
    /// Seconds at the start that are not measured.
    #[arg(long, default_value_t = 0, value_parser = within::<0, 86_400>, help_heading = "Load")]
    pub warmup: usize,
    /// Open loop: send this many requests a second, whatever the server does.
    #[arg(long, value_parser = rate, help_heading = "Load")]
    pub rate: Option<f64>,
    /// How the requests of --rate are spread over time.
    #[arg(long, value_enum, default_value_t = Arrivals::Even, help_heading = "Load")]
    pub arrivals: Arrivals,
    /// Find the highest rate at which this holds, e.g. p99=1ms; each try lasts --duration (default: 5s).
    #[arg(long, conflicts_with_all = ["rate", "requests", "verify"], help_heading = "Load")]
    pub find_slo: Option<Slo>,
    /// Write every key before the run (a workload file's `preload`; else SET __key__ __data__).
    #[arg(long, help_heading = "Load")]
    pub preload: bool,
    /// Write values that can be checked, and count what is lost, stale or corrupt.
    #[arg(long, conflicts_with_all = ["workload", "command"], help_heading = "Load")]
    pub verify: bool,
    /// With --verify: follow each write with WAIT for this many replicas.
    #[arg(long, default_value_t = 0, requires = "verify", help_heading = "Load")]
    pub wait: u32,
    /// With --wait: how long the server may hold a write's connection for its replicas.
    #[arg(long, default_value = "50ms", value_parser = duration, help_heading = "Load")]
    pub wait_limit: Duration,
    /// With --verify: percent of the requests that read.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=99), requires = "verify", help_heading = "Load")]
    pub reads: u32,
    /// How long an answer may take.
    #[arg(long, default_value = "5s", value_parser = duration, help_heading = "Load")]
    pub timeout: Duration,
    /// What all randomness follows from: the same seed asks for the same things.
    #[arg(long, default_value_t = 1, help_heading = "Load")]
    pub seed: u64,
    /// CPUs of the threads, e.g. 2,3.
    #[arg(long, value_delimiter = ',', help_heading = "Load")]
    pub cpus: Vec<usize>,

    /// Write the result as JSON, for `compare`.
    #[arg(long, help_heading = "Output")]
    pub json: Option<PathBuf>,
    /// Write the timeline as CSV.
    #[arg(long, help_heading = "Output")]
    pub csv: Option<PathBuf>,
    /// Write an HdrHistogram interval log.
    #[arg(long, help_heading = "Output")]
    pub hdr: Option<PathBuf>,
    /// Write a page with charts, whole in one file.
    #[arg(long, help_heading = "Output")]
    pub html: Option<PathBuf>,
    /// Show no progress.
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

/// What is wrong with the command line, without the usage that clap adds.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let is_usage = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more");
    let words = text.lines().map(str::trim).take_while(|line| !is_usage(line));
    let line = words.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_string()
}

/// A whole number from `LOW` to `HIGH`.
fn within<const LOW: usize, const HIGH: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|n| (LOW..=HIGH).contains(n));
    number.ok_or_else(|| format!("a number from {LOW} to {HIGH} is needed"))
}

/// Reads `10s`, `500ms`, `2m` or `1h`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => 0.0,
    };
    let seconds = digits.parse::<f64>().unwrap_or(0.0) * factor;
    let usable = seconds > 0.0 && seconds <= 30.0 * 86_400.0;
    if usable { Ok(Duration::from_secs_f64(seconds)) } else { Err("write 10s, 500ms or 2m".into()) }
}

/// A rate above zero; `k` and `m` stand for thousands and millions.
fn rate(text: &str) -> Result<f64, String> {
    let lower = text.to_ascii_lowercase();
    let (digits, factor) = match lower.as_bytes().last() {
        Some(b'k') => (&lower[..lower.len() - 1], 1e3),
        Some(b'm') => (&lower[..lower.len() - 1], 1e6),
        _ => (&lower[..], 1.0),
    };
    let rate = digits.parse::<f64>().unwrap_or(0.0) * factor;
    if rate > 0.0 && rate <= 1e9 { Ok(rate) } else { Err("a rate is 20000, 20k or 1.5m a second".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn mistakes_take_one_line() {
        for (words, expected) in [
            (vec!["--rate", "x"], "invalid value 'x' for '--rate <RATE>'"),
            (vec!["compare"], "<FILES>"),
            (vec!["--wait", "1"], "--verify"),
            (vec!["--nonsense"], "unexpected argument '--nonsense'"),
        ] {
            let line = one_line(&Cli::try_parse_from([vec!["x"], words].concat()).unwrap_err());
            assert!(line.contains(expected) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn durations_and_rates() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert_eq!((rate("20k"), rate("1.5m"), rate("7")), (Ok(20e3), Ok(1.5e6), Ok(7.0)));
        for wrong in ["", "x", "5y", "-1s", "nan", "0"] {
            assert!(duration(wrong).is_err() && rate(wrong).is_err(), "{wrong}");
        }
    }
}
