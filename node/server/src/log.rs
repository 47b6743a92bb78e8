//! The server's log, in the line format that Redis users and tools know.
//!
//! One log a process. A line is one write, so lines of several cores do not mix; the file is opened for
//! each line, as Redis does, so that it can be moved away by log rotation at any time.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::clock;

/// How much a line matters (`loglevel`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `debug`
    Debug,
    /// `verbose`
    Verbose,
    /// `notice`
    Notice,
    /// `warning`
    Warning,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
/// Path of the log file; empty for standard output.
static FILE: RwLock<String> = RwLock::new(String::new());

/// Sets the level and the file (`logfile`, empty for standard output).
pub fn configure(level: Level, file: &str) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    let mut path = FILE.write().unwrap_or_else(|e| e.into_inner());
    file.clone_into(&mut path);
}

/// Whether lines of `level` are written.
pub fn enabled(level: Level) -> bool {
    level as u8 >= LEVEL.load(Ordering::Relaxed)
}

/// Writes one line: `PID:ROLE DATE * TEXT`. `role` is `M` for a master, `S` for a replica, `X` for what
/// concerns the whole process.
pub fn write(level: Level, role: char, text: &str) {
    if !enabled(level) {
        return;
    }
    let mark = match level {
        Level::Debug => '.',
        Level::Verbose => '-',
        Level::Notice => '*',
        Level::Warning => '#',
    };
    let line = format!("{}:{role} {} {mark} {text}\n", std::process::id(), local_time());
    let path = FILE.read().unwrap_or_else(|e| e.into_inner());
    // A log that cannot be written must not stop the server.
    if path.is_empty() {
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    } else if let Ok(mut file) = OpenOptions::new().append(true).create(true).open(&*path) {
        let _ = file.write_all(line.as_bytes());
    }
}

/// Now, as `22 Nov 2026 11:58:00.123` in the local time zone.
fn local_time() -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let now = clock::unix_ms();
    let seconds = (now / 1000) as libc::time_t;
    // SAFETY: `tm` is plain data for which all zeros are valid.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right types; a null return leaves `tm` zeroed.
    unsafe { libc::localtime_r(&seconds, &mut tm) };
    format!(
        "{:02} {} {} {:02}:{:02}:{:02}.{:03}",
        tm.tm_mday,
        MONTHS[tm.tm_mon.clamp(0, 11) as usize],
        1900 + tm.tm_year,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec,
        now % 1000
    )
}

/// Logs what is worth knowing in daily work.
macro_rules! notice {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Notice, 'M', &format!($($arg)*)) };
}
/// Logs what an operator should look at.
macro_rules! warning {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Warning, 'M', &format!($($arg)*)) };
}
/// Logs what helps to follow single clients.
macro_rules! verbose {
    ($($arg:tt)*) => {
        if $crate::log::enabled($crate::log::Level::Verbose) {
            $crate::log::write($crate::log::Level::Verbose, 'M', &format!($($arg)*))
        }
    };
}
/// Logs what helps to follow the program.
macro_rules! debug {
    ($($arg:tt)*) => {
        if $crate::log::enabled($crate::log::Level::Debug) {
            $crate::log::write($crate::log::Level::Debug, 'M', &format!($($arg)*))
        }
    };
}
pub(crate) use {debug, notice, verbose, warning};
