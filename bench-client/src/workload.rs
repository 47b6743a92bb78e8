//! What a run asks for: commands with weights, over keys and values with a distribution each.
//!
//! A workload is data: a TOML file (`workloads/*.toml` are built in), or flags, or a file with flags on top.
//! Request `n` is drawn in two steps, because in a cluster its key decides which connection it goes to:
//! [`Workload::draw`] picks command, key and slot, and [`Workload::encode`] writes it there.

pub mod file;
pub mod keys;
pub mod sizes;
pub mod template;

use crate::random::Random;
use keys::Keys;
use sizes::Sizes;
use template::Template;

/// Bytes that values are cut from, beyond the largest value.
const POOL_SLACK: usize = 4096;
/// Seconds after which the keys of verify mode are gone: a day, longer than any run with its check.
const VERIFY_EXPIRY_S: u32 = 86_400;

/// One command of a mix.
#[derive(Debug, Clone)]
pub struct Command {
    /// What the report calls it.
    pub label: String,
    /// What is sent.
    pub template: Template,
    /// Its share of the requests, in relation to the others' weights.
    pub weight: u32,
    /// Whether a replica may answer it.
    pub reads: bool,
}

/// See the module's head.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The file's name, or `flags`.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// The mix.
    pub commands: Vec<Command>,
    /// Runs each command alone, one after the other, instead of mixing them.
    pub in_turn: bool,
    /// The keys.
    pub keys: Keys,
    /// Value sizes in bytes.
    pub values: Sizes,
    /// Seconds that `__ttl__` lies between.
    pub expiry: (u64, u64),
    /// Makes values checkable and gives each of this many threads its own keys (see [`crate::verify`]).
    pub verify_threads: Option<u64>,
    /// Writes one key before the run (`SET __key__ __data__`), for every key.
    pub preload: Option<Template>,
    /// The share of reads that goes to replicas, 0 to 1.
    pub replica_share: f64,
    pool: Vec<u8>,
}

/// One request, before it is written.
#[derive(Debug, Clone)]
pub struct Draw {
    /// Its number in the run.
    pub number: u64,
    /// Its first key.
    pub key: u64,
    /// What is still random in it.
    pub random: Random,
    /// Index of its command.
    pub command: u16,
    /// Where it belongs ([`Workload::place`]); `None`: any node will do.
    pub slot: Option<u16>,
}

impl Workload {
    /// A workload of `WEIGHT: command` lines (the weight may be left out), 64-byte values and a million keys.
    pub fn of_commands(lines: &[String]) -> Result<Workload, String> {
        let commands = lines.iter().map(|line| parse_command(line)).collect::<Result<_, _>>()?;
        let keys = Keys::new(1_000_000, "key:", Sizes::Fixed(16), 0, "uniform")?;
        let mut workload = Workload {
            name: "flags".into(),
            about: lines.join(", "),
            commands,
            in_turn: false,
            keys,
            values: Sizes::Fixed(64),
            expiry: (60, 3600),
            verify_threads: None,
            preload: None,
            replica_share: 0.0,
            pool: Vec::new(),
        };
        workload.set_values(Sizes::Fixed(64));
        Ok(workload)
    }

    /// Gives values other sizes.
    pub fn set_values(&mut self, values: Sizes) {
        let mut random = Random::of(0x706f_6f6c, 0);
        let letter = |_| b'!' + random.below(94) as u8;
        self.pool = (0..values.max() + POOL_SLACK).map(letter).collect();
        self.values = values;
    }

    /// Writes every key once, with the workload's own command or else a plain SET.
    pub fn preload(&self) -> Workload {
        let template = self.preload.clone().or_else(|| Template::parse("SET __key__ __data__").ok());
        let commands = template.into_iter().map(|template| Command {
            label: format!("preload {}", template.name()),
            template,
            weight: 1,
            reads: false,
        });
        let keys = self.keys.in_order(self.keys.count());
        Workload { commands: commands.collect(), keys, replica_share: 0.0, ..self.clone() }
    }

    /// Writes, and reads in the share `reads`, whose values can be checked; each of `threads` threads has its
    /// own keys. `prefix` must be new, so that no older value is taken for one of this run; the keys expire.
    pub fn verifying(&self, threads: u64, reads: u32, prefix: &str) -> Result<Workload, String> {
        let set = format!("{}: SET __key__ __data__ EX {VERIFY_EXPIRY_S}", 100 - reads);
        let lines = [set, format!("{reads}: GET __key__")];
        let mut workload = Workload::of_commands(&lines[..if reads > 0 { 2 } else { 1 }])?;
        let count = (self.keys.count() / threads).max(1) * threads;
        workload.keys = Keys::new(count, prefix, Sizes::Fixed(1), 0, "sequential")?;
        workload.values = self.values.clone();
        workload.replica_share = self.replica_share;
        workload.verify_threads = Some(threads);
        workload.name = "verify".into();
        Ok(workload)
    }

    /// The workloads to run one after the other: each command alone, or all of them at once.
    pub fn turns(&self) -> Vec<Workload> {
        if !self.in_turn {
            return vec![self.clone()];
        }
        let alone = |command: &Command| Workload { commands: vec![command.clone()], ..self.clone() };
        self.commands.iter().map(alone).collect()
    }

    /// Draws request `number` of the run that `seed` names.
    pub fn draw(&self, seed: u64, number: u64) -> Draw {
        let mut random = Random::of(seed, number);
        let command = self.pick_command(&mut random);
        let has_key = self.commands[command].template.has_key();
        let mut key = if has_key { self.keys.pick(number, &mut random) } else { 0 };
        if let Some(threads) = self.verify_threads.filter(|_| command == 1) {
            // Reads go to any key of the thread's own, and so do not follow right behind the writes.
            let any = random.below(self.keys.count());
            key = any - any % threads + number % threads;
        }
        Draw { number, key, random, command: command as u16, slot: None }
    }

    /// Finds out which slot `draw` belongs to; only needed when there are slots.
    pub fn place(&self, draw: &mut Draw, scratch: &mut Vec<u8>) {
        draw.slot = self.commands[usize::from(draw.command)].template.slot(self, draw, scratch);
    }

    /// Adds the request to `out`. `scratch` is room to work in.
    pub fn encode(&self, draw: &Draw, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        self.commands[usize::from(draw.command)].template.encode(self, draw, scratch, out);
    }

    /// Adds a value for `draw` to `out`: printable bytes that do not compress well.
    pub fn write_value(&self, draw: &mut Draw, out: &mut Vec<u8>) {
        let size = self.values.pick(&mut draw.random);
        if self.verify_threads.is_some() {
            return crate::verify::write_value(draw.key, draw.number, size, out);
        }
        let start = draw.random.below((self.pool.len() - size) as u64) as usize;
        out.extend_from_slice(&self.pool[start..start + size]);
    }

    fn pick_command(&self, random: &mut Random) -> usize {
        if self.commands.len() == 1 {
            return 0;
        }
        let total: u64 = self.commands.iter().map(|c| u64::from(c.weight)).sum();
        let mut at = random.below(total);
        for (index, command) in self.commands.iter().enumerate() {
            match at.checked_sub(u64::from(command.weight)) {
                Some(rest) => at = rest,
                None => return index,
            }
        }
        self.commands.len() - 1
    }
}

/// Reads `9: GET __key__`, or `GET __key__` with weight 1.
fn parse_command(line: &str) -> Result<Command, String> {
    let (weight, text) = match line.split_once(':') {
        Some((weight, text)) if weight.trim().parse::<u32>().is_ok() => {
            (weight.trim().parse().expect("just tried"), text)
        }
        _ => (1, line),
    };
    command(weight, text)
}

fn command(weight: u32, text: &str) -> Result<Command, String> {
    if weight == 0 {
        return Err(format!("'{text}': a weight must be at least 1"));
    }
    let template = Template::parse(text)?;
    Ok(Command { label: template.name(), template, weight, reads: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept() {
        let lines = ["9: GET __key__".to_string(), "1: SET __key__ __data__".to_string()];
        let workload = Workload::of_commands(&lines).unwrap();
        let sets = (0..100_000).filter(|&n| workload.draw(1, n).command == 1).count();
        // Five standard deviations (95 each) around 10,000.
        assert!((9_525..10_475).contains(&sets), "{sets}");
    }

    #[test]
    fn the_slot_is_that_of_the_key_sent() {
        let workload = Workload::of_commands(&["GET __key__".to_string()]).unwrap();
        let (mut scratch, mut out) = (Vec::new(), Vec::new());
        let mut draw = workload.draw(1, 77);
        workload.place(&mut draw, &mut scratch);
        workload.encode(&draw, &mut scratch, &mut out);
        let key = &out[out.len() - 18..out.len() - 2];
        assert_eq!(draw.slot, Some(base::key_slot(key).number()));
    }

    #[test]
    fn a_weight_of_nothing_is_refused() {
        assert!(Workload::of_commands(&["0: GET __key__".to_string()]).is_err());
        assert!(Workload::of_commands(&["GET a:b".to_string()]).is_ok(), "a colon inside is no weight");
    }
}
