//! Fuzzing of everything that reads what comes from outside, on the stable toolchain.
//!
//! A target takes any bytes and checks what must hold of them: no panic, no endless loop, memory by what was sent
//! and not by what was announced, the same result whole or in pieces, and what was read can be written and read
//! again. Inputs are made from good ones by seeded mutation (`mutate`), so a run is repeated by its seed. There is no
//! coverage to steer by; instead a target answers with a number that tells how far it came, and an input with a
//! new answer is kept to mutate on.
//!
//! ```bash
//! cargo run -p fuzz --release -- all --seconds 3600          # an hour on each target; a new seed each time
//! cargo run -p fuzz --release -- requests --seed 7 --runs 1000000
//! cargo run -p fuzz --release -- requests --input fuzz-requests.input      # what a failed run left behind
//! ```

pub mod memory;
pub mod mutate;
pub mod targets;

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::Random;

use mutate::Mutator;
pub use targets::{TARGETS, Target};

/// Inputs kept to mutate on.
const CORPUS_MAX: usize = 4096;
/// The longest one input may take; far more than any should, for slow machines.
const INPUT_LIMIT: Duration = Duration::from_secs(20);
/// Memory an input may take beside a multiple of its own length, in bytes.
const MEMORY_BASE: usize = 8 << 20;
const MEMORY_FACTOR: usize = 64;

/// How long to run.
#[derive(Debug, Clone, Copy)]
pub enum Span {
    /// So many inputs.
    Runs(u64),
    /// So long.
    Time(Duration),
}

/// What a run saw.
#[derive(Debug)]
pub struct Report {
    /// Inputs tried.
    pub runs: u64,
    /// Different answers of the target.
    pub answers: usize,
    /// The most memory one input took, in bytes.
    pub peak_bytes: usize,
}

thread_local! {
    static CURRENT: RefCell<(&'static str, Vec<u8>)> = const { RefCell::new(("", Vec::new())) };
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// Runs `target` on mutated inputs; panics at the first that fails.
pub fn run(target: &Target, seed: u64, span: Span) -> Report {
    SEED.set(seed);
    let mut random = Random::new(seed);
    let mut corpus = (target.seeds)();
    let mutator = Mutator::new(target.words, &corpus);
    let mut answers = std::collections::HashSet::new();
    let (start, mut runs, mut peak_bytes) = (Instant::now(), 0, 0);
    let seeds = corpus.len() as u64;
    loop {
        let over = match span {
            Span::Runs(max) => runs >= max,
            Span::Time(limit) => start.elapsed() >= limit,
        };
        if over {
            return Report { runs, answers: answers.len(), peak_bytes };
        }
        let input =
            if runs < seeds { corpus[runs as usize].clone() } else { mutator.make(&corpus, &mut random) };
        let (answer, bytes) = try_one(target, &input);
        peak_bytes = peak_bytes.max(bytes);
        runs += 1;
        if answers.insert(answer) && corpus.len() < CORPUS_MAX {
            corpus.push(input);
        }
    }
}

/// Runs `target` on one input: its answer, and the memory it took, in bytes.
pub fn try_one(target: &Target, input: &[u8]) -> (u64, usize) {
    CURRENT.with_borrow_mut(|(name, bytes)| {
        *name = target.name;
        bytes.clear();
        bytes.extend_from_slice(input);
    });
    watch_for_loops();
    let allowed = MEMORY_BASE + MEMORY_FACTOR * input.len();
    let started = Instant::now();
    let (answer, bytes) = memory::peak_of(|| (target.run)(input));
    BUSY_SINCE_MS.store(0, Ordering::Relaxed);
    assert!(started.elapsed() < INPUT_LIMIT, "{:?} for {} bytes", started.elapsed(), input.len());
    assert!(bytes <= allowed, "{bytes} bytes of memory for an input of {}", input.len());
    (answer, bytes)
}

/// A number that tells one answer from another.
pub fn answer(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Makes a panic leave its input behind in `folder`, with the command that repeats it.
pub fn report_panics(folder: &Path) {
    let folder = folder.to_owned();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        leave_input(&folder);
        usual(info);
    }));
}

fn leave_input(folder: &Path) {
    CURRENT.with_borrow(|(name, input)| {
        let file = folder.join(format!("fuzz-{name}.input"));
        // Where it cannot be written the input itself is shown.
        match std::fs::write(&file, input) {
            Ok(()) => eprintln!(
                "seed {}, repeat: cargo run -p fuzz -- {name} --input {}",
                SEED.get(),
                file.display()
            ),
            Err(_) => eprintln!("seed {}, input: {}", SEED.get(), input.escape_ascii()),
        }
    });
}

/// When the input under test was begun, in ms since the watcher started; 0 for none. One test thread at a time
/// uses it; with several, an endless loop of one is found when the others are done.
static BUSY_SINCE_MS: AtomicU64 = AtomicU64::new(0);

/// Ends the process when an input never ends.
fn watch_for_loops() {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let started = *STARTED.get_or_init(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let Some(started) = STARTED.get() else { continue };
                let since = BUSY_SINCE_MS.load(Ordering::Relaxed);
                let now = started.elapsed().as_millis() as u64;
                if since > 0 && now.saturating_sub(since) > 2 * INPUT_LIMIT.as_millis() as u64 {
                    eprintln!("an input does not end; run with the same seed under a debugger");
                    std::process::abort();
                }
            }
        });
        Instant::now()
    });
    BUSY_SINCE_MS.store(started.elapsed().as_millis().max(1) as u64, Ordering::Relaxed);
}
