//! What each task of the command line does.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::admin::Login;
use crate::cli::{Cli, Options, Task};
use crate::compare;
use crate::engine::{Load, Run};
use crate::machine::{Machine, rfc3339};
use crate::output::{csv, hdr, html, table};
use crate::process::{raise_file_limit, watch_interrupts};
use crate::report::{FORM, LoadFacts, Report, RunReport, run_report};
use crate::session::{self, Follow, INTERRUPTED, Outcome, Second};
use crate::slo::{self, Slo};
use crate::target::Target;
use crate::tls::{Papers, Tls};
use crate::topology::Topology;
use crate::verify;
use crate::workload::Workload;
use crate::workload::file::{self, Overrides, PRESETS};

/// Sending time when neither a time nor a number of requests is given, and for a try of `--find-slo`.
const DURATION_DEFAULT: Duration = Duration::from_secs(10);
const TRY_DURATION: Duration = Duration::from_secs(5);
/// Pipeline of a preload.
const PRELOAD_PIPELINE: usize = 32;
/// Fewest keys of a thread in verify mode: with less, writes would wait for each other.
const VERIFY_KEYS_MIN: u64 = 20_000;

/// Does what the command line asks. The error is one line for the user.
pub fn execute(cli: Cli) -> Result<(), String> {
    match cli.task {
        None => bench(&cli.options),
        Some(Task::Compare { files }) => {
            print!("{}", compare::compare(&files)?);
            Ok(())
        }
        Some(Task::Workloads { name }) => workloads(name.as_deref()),
    }
}

fn workloads(name: Option<&str>) -> Result<(), String> {
    let Some(name) = name else {
        for (name, _) in PRESETS {
            println!("{name:<12} {}", file::load(name, &Overrides::default())?.about);
        }
        return Ok(());
    };
    let preset = PRESETS.iter().find(|(preset, _)| *preset == name);
    print!("{}", preset.ok_or_else(|| format!("no built-in workload '{name}'"))?.1);
    Ok(())
}

/// What every run of one call shares.
struct Bench<'a> {
    options: &'a Options,
    target: Target,
    topology: Arc<Topology>,
    load: Load,
    /// Seconds of all runs, for the interval log.
    seconds: Vec<(String, Vec<Second>)>,
}

fn bench(options: &Options) -> Result<(), String> {
    let start = SystemTime::now();
    check_files(options)?;
    let mut workload = read_workload(options)?;
    if options.verify {
        check_verify(options, &workload)?;
        let prefix = format!("verify:{}:", unix_seconds(start));
        workload = workload.verifying(options.threads as u64, options.reads, &prefix)?;
    }
    let login = login(options)?;
    let target = Target::discover(&options.host, options.port, login, options.cluster)?;
    target.describe_commands(&mut workload)?;
    let load = load(options, &target)?;
    watch_interrupts();
    let mut report = empty_report(start, &target, &workload, &load);
    let topology = Topology::start(target.map.clone(), target.login.clone());
    let mut bench = Bench { options, target, topology, load, seconds: Vec::new() };
    if options.preload {
        bench.preload(&workload)?;
    }
    for turn in (0..options.repeat).flat_map(|_| workload.turns()) {
        if INTERRUPTED.load(Ordering::Relaxed) {
            break;
        }
        match &options.find_slo {
            Some(slo) => bench.find_slo(slo, turn, &mut report)?,
            None => {
                let run = bench.measure(bench.load.clone(), turn)?;
                report.runs.push(run);
            }
        }
    }
    print!("{}", table::render(&report));
    write_files(options, &report, start, &bench.seconds)
}

impl Bench<'_> {
    fn run(&self, load: Load, workload: Workload) -> Result<(Arc<Run>, Outcome), String> {
        let run = Arc::new(Run::new(load, workload, self.topology.clone()));
        let follow = Follow {
            warmup: self.options.warmup,
            encode: self.options.hdr.is_some(),
            live: !self.options.quiet,
        };
        let outcome = session::run(&run, follow)?;
        Ok((run, outcome))
    }

    /// One measured run; in verify mode with its check.
    fn measure(&mut self, load: Load, workload: Workload) -> Result<RunReport, String> {
        let (run, mut outcome) = self.run(load, workload)?;
        let mut report = run_report(&run, &outcome);
        if self.options.verify {
            report.verify = Some(verify::read_back(&self.target, &run.workload, &outcome.ledgers));
        }
        self.seconds.push((report.label.clone(), std::mem::take(&mut outcome.timeline)));
        Ok(report)
    }

    fn preload(&self, workload: &Workload) -> Result<(), String> {
        if workload.preload.is_none() && self.options.workload.is_some() {
            // A guess could write strings where the workload wants lists.
            return Err(format!("workload '{}' has no preload", workload.name));
        }
        let filling = workload.preload();
        let keys = filling.keys.count();
        let load = Load {
            requests: Some(keys),
            duration: None,
            rate: None,
            pipeline: PRELOAD_PIPELINE,
            ..self.load.clone()
        };
        if !self.options.quiet {
            eprintln!("writing {} keys", crate::text::count(keys));
        }
        let (_, outcome) = self.run(load, filling)?;
        let failed = outcome.total().failed() + outcome.total().dropped;
        let why = outcome.errors.keys().next().map_or(String::new(), |kind| format!(" ({kind})"));
        if failed > 0 { Err(format!("the preload failed for {failed} of {keys} keys{why}")) } else { Ok(()) }
    }

    fn find_slo(&mut self, slo: &Slo, workload: Workload, report: &mut Report) -> Result<(), String> {
        let duration = Some(self.options.duration.unwrap_or(TRY_DURATION));
        let closed = Load { rate: None, duration, ..self.load.clone() };
        let ceiling = run_throughput(&self.run(closed.clone(), workload.clone())?.1)?;
        let mut tries_before = std::mem::take(&mut report.tries);
        let tell = |result: &slo::Try| println!("{}", slo::line(slo, result));
        let attempt = |rate: f64| self.measure(Load { rate: Some(rate), ..closed.clone() }, workload.clone());
        let (tries, best) = slo.search(ceiling, attempt, tell)?;
        tries_before.extend(tries);
        report.tries = tries_before;
        let best =
            best.ok_or_else(|| format!("no rate keeps p{} at or below {} ms", slo.percentile, slo.limit_ms))?;
        report.load.rate = Some(best.throughput);
        report.runs.push(best);
        Ok(())
    }
}

fn run_throughput(outcome: &Outcome) -> Result<f64, String> {
    let rate = outcome.throughput();
    if rate > 0.0 { Ok(rate) } else { Err("the server answered nothing".into()) }
}

fn login(options: &Options) -> Result<Login, String> {
    let papers = Papers {
        authorities: options.cacert.as_deref(),
        certificate: options.cert.as_deref(),
        key: options.key.as_deref(),
        name: options.sni.as_deref(),
        insecure: options.insecure,
    };
    Ok(Login {
        user: options.user.clone(),
        password: options.password.clone(),
        resp: options.resp,
        tls: if options.tls { Some(Tls::read(papers)?) } else { None },
    })
}

fn read_workload(options: &Options) -> Result<Workload, String> {
    let flags = Overrides {
        keys: options.keys,
        prefix: options.key_prefix.clone(),
        key_size: options.key_size.clone(),
        tags: options.tags,
        distribution: options.distribution.clone(),
        size: options.size.clone(),
        expiry: options.expiry.clone(),
        replica_share: options.replica_share,
    };
    match &options.workload {
        Some(name) => file::load(name, &flags),
        None if options.command.is_empty() => file::from_commands(&["GET __key__".into()], &flags),
        None => file::from_commands(&options.command, &flags),
    }
}

fn check_verify(options: &Options, workload: &Workload) -> Result<(), String> {
    let needed =
        (VERIFY_KEYS_MIN + 4 * (options.connections * options.pipeline) as u64) * options.threads as u64;
    if workload.keys.count() < needed {
        return Err(format!("--verify needs at least {needed} --keys for this load"));
    }
    if workload.values.fixed().is_some_and(|size| size > 1024 * 1024) {
        return Err("--verify writes values of at most 1mb".into());
    }
    Ok(())
}

fn load(options: &Options, target: &Target) -> Result<Load, String> {
    let no_limit = options.requests.is_none() && options.duration.is_none();
    let connections = options.connections.max(target.map.masters().len() * options.threads);
    raise_file_limit(connections + target.map.nodes.len() * options.threads)?;
    Ok(Load {
        threads: options.threads,
        connections,
        pipeline: options.pipeline,
        requests: options.requests,
        duration: if no_limit { Some(DURATION_DEFAULT) } else { options.duration }
            .map(|duration| duration + Duration::from_secs(options.warmup as u64)),
        rate: options.rate,
        arrivals: options.arrivals,
        timeout: options.timeout,
        seed: options.seed,
        login: target.login.clone(),
        wait_replicas: options.wait,
        wait_limit: options.wait_limit,
        cpus: options.cpus.clone(),
    })
}

fn empty_report(start: SystemTime, target: &Target, workload: &Workload, load: &Load) -> Report {
    Report {
        form: FORM,
        date: rfc3339(unix_seconds(start)),
        command_line: command_line(std::env::args().skip(1)),
        machine: Machine::read(),
        server: target.server.clone(),
        target: target.address.to_string(),
        load: LoadFacts::from(load),
        workload: (workload.name.clone(), workload.about.clone()),
        runs: Vec::new(),
        tries: Vec::new(),
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// The arguments on one line, the password left out.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut hide = false;
    for word in arguments {
        let is_password = word == "-a" || word == "--password";
        let glued = word.starts_with("--password=") || (word.starts_with("-a") && !is_password);
        words.push(match word {
            _ if hide || glued => "***".into(),
            word if word.contains(' ') => format!("'{word}'"),
            word => word,
        });
        hide = is_password;
    }
    words.join(" ")
}

/// Finds out that a file cannot be written before the run and not after it.
fn check_files(options: &Options) -> Result<(), String> {
    let files = [&options.json, &options.csv, &options.hdr, &options.html];
    for path in files.into_iter().flatten() {
        let opened = fs::OpenOptions::new().create(true).append(true).open(path);
        opened.map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

fn write_files(
    options: &Options,
    report: &Report,
    start: SystemTime,
    seconds: &[(String, Vec<Second>)],
) -> Result<(), String> {
    let write = |path: &Path, bytes: Vec<u8>| {
        fs::write(path, bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))
    };
    if let Some(path) = &options.json {
        let json = serde_json::to_vec(report).map_err(|e| e.to_string())?;
        write(path, json)?;
    }
    if let Some(path) = &options.csv {
        write(path, csv::render(report).into_bytes())?;
    }
    if let Some(path) = &options.hdr {
        write(path, hdr::render(start, seconds)?)?;
    }
    if let Some(path) = &options.html {
        write(path, html::render(report).into_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_kept() {
        let line = |words: &[&str]| command_line(words.iter().map(|w| w.to_string()));
        assert_eq!(line(&["-p", "1", "-a", "secret", "--command", "GET x"]), "-p 1 -a *** --command 'GET x'");
        assert_eq!(line(&["--password=secret", "-asecret"]), "*** ***");
    }
}
