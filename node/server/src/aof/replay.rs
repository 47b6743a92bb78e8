//! Commands run again: without a client, without a reply, as they stand in a log.

use commands::table::{Found, Host, Run};
use commands::{Args, Error};
use resp::Reply;

use crate::client::{Client, Door};
use crate::config::PropagationError;
use crate::core::access::Access;
use crate::core::blocking::SessionId;
use crate::core::{Core, Runner};
use crate::ingress::part_width;
use crate::log::warning;
use crate::route::{self, Keys};

/// Commands of one file, run in their order.
#[derive(Default)]
pub struct Replay {
    /// Between MULTI and EXEC: where the MULTI stands, and what came since.
    transaction: Option<(u64, Vec<Vec<Vec<u8>>>)>,
    /// What commands answer, which nobody reads.
    reply: Reply,
}

impl Replay {
    /// Where the MULTI stands whose EXEC was not read yet.
    pub fn begun_at(&self) -> Option<u64> {
        self.transaction.as_ref().map(|(at, _)| *at)
    }

    /// Runs a command, which stands at offset `at`, or keeps it until its EXEC.
    ///
    /// # Errors
    /// Why there cannot be such a command, as the beginning of a sentence.
    pub fn run(&mut self, core: &mut Core, words: &[&[u8]], at: u64) -> Result<(), String> {
        if words[0].eq_ignore_ascii_case(b"multi") && self.transaction.is_none() {
            self.transaction = Some((at, Vec::new()));
        } else if words[0].eq_ignore_ascii_case(b"exec")
            && let Some((_, queue)) = self.transaction.take()
        {
            for words in queue {
                let words: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
                self.run_one(core, &words)?;
            }
        } else if let Some((_, queue)) = &mut self.transaction {
            queue.push(words.iter().map(|word| word.to_vec()).collect());
        } else {
            self.run_one(core, words)?;
        }
        Ok(())
    }

    fn run_one(&mut self, core: &mut Core, words: &[&[u8]]) -> Result<(), String> {
        let args = Args::new(words);
        let name = || String::from_utf8_lossy(words[0]).into_owned();
        let found = Found::resolve(&args).map_err(|error| match commands::table::find(words[0]) {
            None => format!("Unknown command '{}'", name()),
            Some(_) => format!("Malformed command '{}' ({})", name(), error.as_str()),
        })?;
        let slot = match route::keys_of(found.command, &args) {
            Keys::None => None,
            Keys::In(slot) => Some(slot),
            Keys::Across => return self.run_parts(core, found, words),
        };
        let outcome = match found.command.run {
            Run::Data(_) => core.run_data(&mut self.reply, found, &args, slot, runner(core)),
            Run::Host(Host::Select) if words.get(1) != Some(&&b"0"[..]) => {
                return Err(format!(
                    "A cluster node has only database 0, but there is '{} {}'",
                    name(),
                    words[1].escape_ascii()
                ));
            }
            _ => run_host(core, found, &args, slot),
        };
        self.reply.clear();
        if let Err(error) = outcome {
            warning!(
                "== CRITICAL == This server is sending an error to its AOF-loading-client: '{}' after processing the \
                 command '{}'",
                error.as_str(),
                found.command.name
            );
            if core.config.replication.propagation_error_behavior == PropagationError::Panic {
                return Err(format!("The command '{}' failed", found.command.name));
            }
        }
        Ok(())
    }

    /// Runs a command on keys of several slots, which a server outside a cluster wrote, key by key.
    fn run_parts(&mut self, core: &mut Core, found: Found, words: &[&[u8]]) -> Result<(), String> {
        let width = part_width(found).filter(|width| (words.len() - 1).is_multiple_of(*width));
        let width = width.ok_or_else(|| {
            format!(
                "A cluster node cannot run '{}' on keys of several slots, but it stands there:",
                found.command.name
            )
        })?;
        for part in words[1..].chunks_exact(width) {
            let part: Vec<&[u8]> = [words[0]].into_iter().chain(part.iter().copied()).collect();
            self.run_one(core, &part)?;
        }
        Ok(())
    }
}

/// Runs a command that wants a client: one that is connected to nothing.
fn run_host(core: &mut Core, found: Found, args: &Args<'_>, slot: Option<base::Slot>) -> Result<(), Error> {
    let nowhere = std::fs::File::open("/dev/null").map_err(|e| Error::text(format!("ERR {e}")))?;
    let user = core.users.default_user().clone();
    let mut client = Client::new(nowhere.into(), Door::Unix, "".into(), "".into(), user, core.now_ms);
    client.access = Access::Everything;
    client.authenticated = true;
    let runner = runner(core);
    core.call_once(&mut client, found, args, slot, runner)
}

fn runner(core: &Core) -> Runner {
    let session = SessionId { core: core.index, index: u32::MAX, generation: u32::MAX };
    Runner {
        session,
        ticket: None,
        may_block: false,
        no_touch: false,
        user: None,
        tracks: false,
        counts: true,
    }
}
