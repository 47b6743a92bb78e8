//! Configuration: any file is loaded or refused with a reason, and what was loaded can be written and loaded
//! again.

use std::collections::HashMap;
use std::io;

use server::config::{Config, Files, SetContext, load, rewrite};

use super::Target;
use crate::answer;

pub(super) const TARGET: Target = Target {
    name: "config",
    about: "configuration files, options, CONFIG SET and REWRITE",
    words: &[
        "port",
        "bind",
        "save",
        "maxmemory",
        "100mb",
        "yes",
        "no",
        "include",
        "other.conf",
        "*.conf",
        "user default on",
        "client-output-buffer-limit",
        "normal",
        "replica",
        "notify-keyspace-events",
        "KEA",
        "\n",
        "\"",
        "'",
        "#",
        "\\x00",
        "dir",
        "/data",
        "appendfsync",
        "everysec",
        "oom-score-adj-values",
        "unixsocketperm",
        "0777",
        "shutdown-on-sigint",
    ],
    seeds,
    run,
    brief_runs: 400,
};

/// Files by path; the folder `/data` exists.
struct Memory(HashMap<String, Vec<u8>>);

impl Files for Memory {
    fn read(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn read_stdin(&mut self) -> io::Result<Vec<u8>> {
        self.read("-")
    }
    fn glob(&mut self, _pattern: &str) -> Vec<String> {
        let mut all: Vec<String> = self.0.keys().cloned().collect();
        all.sort();
        all
    }
    fn resolve_dir(&mut self, dir: &str) -> io::Result<String> {
        match dir {
            "." | "/data" => Ok("/data".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let defaults = rewrite(b"", &Config::default(), &[], true);
    let texts = [
        "port 7000\nbind * -::*\nsave 900 1\nsave 300 10 60 10000\nmaxmemory 100mb\n",
        "# a note\ninclude other.conf\ninclude *.conf\nrequirepass \"a b\\x00\"\nuser default on nopass ~* +@all\n",
        "client-output-buffer-limit normal 0 0 0 replica 256mb 64mb 60\nclient-output-buffer-limit pubsub 1 2 3\n",
        "cores auto\nnotify-keyspace-events KEA\noom-score-adj-values 0 200 800\nunixsocketperm 0770\nproto-max-bulk-len 1gb\n",
        "--port 1\n--save\n--save 1 1\n--loglevel debug\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([defaults]).collect()
}

fn loaded(text: &[u8], args: &[String]) -> Result<Config, String> {
    let other = b"port 7001\ninclude f.conf\n".to_vec();
    let files = [("f.conf".to_owned(), text.to_vec()), ("other.conf".to_owned(), other)];
    load(args, &mut Memory(files.into())).map(|loaded| loaded.config).map_err(|error| error.to_string())
}

fn shown(config: &Config) -> Vec<(String, String)> {
    config.get(&[b"*"])
}

fn run(input: &[u8]) -> u64 {
    let options: Vec<String> = String::from_utf8_lossy(input).split('\n').map(str::to_owned).collect();
    let by_options = loaded(b"", &options).err();
    // CONFIG SET by the same words: it changes all or nothing, and what it made can be shown.
    let words: Vec<&[u8]> = input.split(|b| b.is_ascii_whitespace()).collect();
    let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let context = SetContext { protected_allowed: true, loading: input.len().is_multiple_of(2) };
    let set = Config::default().set(&pairs, context).map(|change| shown(&change.config).len());
    let by_file = match loaded(input, &["f.conf".to_owned()]) {
        Err(error) => Err(shape(&error)),
        Ok(config) => {
            let text = rewrite(input, &config, &[], false);
            let again = loaded(&text, &["f.conf".to_owned()]);
            let again = again.unwrap_or_else(|e| panic!("{e} in {}", text.escape_ascii()));
            assert_eq!(shown(&again), shown(&config), "written as {}", text.escape_ascii());
            Ok(())
        }
    };
    answer((by_file, by_options.map(|error| shape(&error)), set.map_err(|error| shape(&error.to_string()))))
}

/// An error without what it quotes.
fn shape(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    last.split(['\'', '"']).step_by(2).collect::<String>().chars().filter(|c| !c.is_ascii_digit()).collect()
}
