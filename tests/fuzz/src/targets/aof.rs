//! The append-only file: its commands in any pieces, and its manifest.

use ::aof::{BadFormat, Found, Manifest, Reader};
use resp::write_command;

use super::Target;
use crate::answer;

pub(super) const LOG: Target = Target {
    name: "aof",
    about: "files of commands, whole and in pieces",
    words: &["*3\r\n", "$3\r\n", "\r\n", "#TS:1628217470\r\n", "#", "*", "$", "MULTI", "EXEC"],
    seeds: log_seeds,
    run: run_log,
    brief_runs: 5_000,
};

pub(super) const MANIFEST: Target = Target {
    name: "manifest",
    about: "manifests of append-only files",
    words: &["file", "seq", "type", "b", "i", "h", "\n", "\"", "/", "..", "#"],
    seeds: manifest_seeds,
    run: run_manifest,
    brief_runs: 5_000,
};

fn log_seeds() -> Vec<Vec<u8>> {
    let mut log = b"#TS:1628217470\r\n".to_vec();
    write_command(&mut log, ["SELECT", "0"].iter());
    write_command(&mut log, ["SET", "k", "v\r\n"].iter());
    write_command(&mut log, ["MULTI"].iter());
    write_command(&mut log, [&b"SET"[..], b"", &[b'x'; 5000]].iter());
    write_command(&mut log, ["EXEC"].iter());
    vec![log, b"*0\r\n".to_vec(), b"!!!".to_vec(), b"#\n#\n".to_vec()]
}

type Command = Vec<Vec<u8>>;

/// The commands of a file given in pieces, how many bytes they and the notes took, and whether it broke.
fn read(file: &[u8], piece: usize) -> (Vec<Command>, usize, Result<(), BadFormat>) {
    let (mut reader, mut commands, mut at, mut there) = (Reader::default(), Vec::new(), 0, 0);
    loop {
        match reader.look(&file[at..there]) {
            Err(error) => return (commands, at, Err(error)),
            Ok(Found::Incomplete) if there == file.len() => return (commands, at, Ok(())),
            Ok(Found::Incomplete) => there = (there + piece).min(file.len()),
            Ok(Found::Note(len)) => {
                reader.next();
                at += len;
            }
            Ok(Found::Command(len)) => {
                commands.push(reader.words(&file[at..there]).map(<[u8]>::to_vec).collect());
                reader.next();
                at += len;
            }
        }
    }
}

fn run_log(input: &[u8]) -> u64 {
    let whole = read(input, usize::MAX / 2);
    assert_eq!(read(input, 1), whole);
    assert_eq!(read(input, 500), whole);
    let mut written = Vec::new();
    whole.0.iter().for_each(|command| write_command(&mut written, command.iter()));
    let again = read(&written, 4096);
    assert_eq!(again, (whole.0.clone(), written.len(), Ok(())), "what was read can be written");
    let shape: Vec<usize> = whole.0.iter().map(Vec::len).collect();
    answer((shape, whole.2.is_err(), whole.1 == input.len()))
}

fn manifest_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "file a.aof.2.base.rdb seq 2 type b\nfile a.aof.1.incr.aof seq 1 type h\nfile a.aof.2.incr.aof seq 2 type i\n",
        "# a note\nFILE \"a b\" SEQ 1 TYPE i more things\n",
        "file a seq 1 type i\nfile b seq 9223372036854775806 type i\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn run_manifest(input: &[u8]) -> u64 {
    match Manifest::parse(input) {
        Err(error) => answer((error.reason, error.line.map(|(number, _)| number.min(4)))),
        Ok(mut manifest) => {
            let text = manifest.to_text();
            if !text.is_empty() {
                assert_eq!(
                    Manifest::parse(&text),
                    Ok(manifest.clone()),
                    "written as {}",
                    text.escape_ascii()
                );
            }
            assert!(manifest.files().all(|file| !file.name.contains('/')), "no way out of the folder");
            let before = manifest.incremental().last().map(|file| file.seq);
            manifest.begin_incremental("a.aof");
            assert!(manifest.incremental().last().map(|file| file.seq) > before, "numbers grow");
            answer((manifest.incremental().len(), manifest.history().len(), manifest.base().is_some()))
        }
    }
}
