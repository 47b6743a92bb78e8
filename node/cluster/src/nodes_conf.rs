//! `nodes.conf`: the part of a node's knowledge that outlives its process.
//!
//! The text is CLUSTER NODES plus auxiliary fields plus one line of variables, as Redis 7 and Valkey 8 write
//! it, so a data directory moves between their servers and this one. A file that is damaged, or that belongs
//! to something else, must not be half understood: every line is checked before anything is built from it,
//! and the error names the line. The caller writes the text atomically (temporary file, rename) and syncs it
//! when the effect asks for that.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;

use base::{NodeId, Slot};

use crate::config::Config;
use crate::node::{FLAG_NAMES, Flags, Node, NodeIndex};
use crate::random::Random;
use crate::slot_set::{SLOT_BYTES, SlotSet};
use crate::state::Cluster;

/// Why a `nodes.conf` was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfError {
    /// Number of the line at fault, from 1; 0 when the file as a whole is at fault.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.reason),
            line => write!(f, "line {line}: {}", self.reason),
        }
    }
}

impl std::error::Error for ConfError {}

/// A slot on the move, as `[SLOT->-NODE]` or `[SLOT-<-NODE]` says.
struct Move {
    slot: Slot,
    migrating: bool,
    other: NodeId,
    line: usize,
}

/// A run of slots and its owner.
struct Range {
    first: Slot,
    last: Slot,
    owner: NodeId,
    line: usize,
}

/// What the lines read so far said.
#[derive(Default)]
struct Parsed {
    nodes: Vec<(Node, bool)>,
    ids: BTreeSet<NodeId>,
    masters: Vec<(NodeId, NodeId, usize)>,
    moves: Vec<Move>,
    ranges: Vec<Range>,
    myself: Option<NodeId>,
    epochs: (u64, u64),
}

impl Cluster {
    /// The state that `text` describes, for the node that `config` describes.
    ///
    /// # Errors
    /// The first line that is damaged or contradicts another one.
    pub fn load(text: &str, config: Config, mut random: Random, now: u64) -> Result<Cluster, ConfError> {
        let mut parsed = Parsed::default();
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let read = match words.first() {
                None => Ok(()),
                Some(word) if word.eq_ignore_ascii_case("vars") => parsed.vars(&words),
                Some(_) => parsed.node(&words, &config, number + 1, &mut random, now),
            };
            read.map_err(|reason| ConfError { line: number + 1, reason })?;
        }
        parsed.build(config, random, now)
    }

    /// The text to write to `nodes.conf`. Nodes whose handshake is not done are left out.
    pub fn nodes_conf(&self) -> String {
        let mut text = String::with_capacity(160 * self.nodes.len());
        for (index, node) in self.nodes.iter().filter(|(_, node)| !node.in_handshake()) {
            let tls = self.config.tls_cluster;
            let _ = write!(text, "{} {}:{}", node.id, node.address.ip, node.main_port(tls));
            let _ = write!(text, "@{},{}", node.address.ports.bus, node.hostname);
            write_aux_fields(&mut text, node, tls);
            self.write_node_tail(&mut text, index, &self.slots_to_remember(index));
            text.push('\n');
        }
        let (current, vote) = (self.current_epoch, self.last_vote_epoch);
        let _ = writeln!(text, "vars currentEpoch {current} lastVoteEpoch {vote}");
        text
    }

    /// The slots of a node as the file names them: not those that it stopped claiming, or this node would remember after a
    /// restart that it claims them, and tell whoever took them over by a lesser epoch to give them back. A sibling that is
    /// being handed slots has not claimed them yet; the two files settle that.
    fn slots_to_remember(&self, index: NodeIndex) -> SlotSet {
        let node = &self.nodes[index];
        let gone = if node.sibling { &[0; SLOT_BYTES] } else { self.slots.not_claimed.bits() };
        SlotSet::from_bits(&std::array::from_fn(|i| node.slots.bits()[i] & !gone[i]))
    }

    /// Everything from the flags on, which CLUSTER NODES and nodes.conf share.
    pub(crate) fn write_node_tail(&self, text: &mut String, index: NodeIndex, slots: &SlotSet) {
        let node = &self.nodes[index];
        let _ = match node.master {
            Some(master) => write!(text, " {} {}", node.flags, self.nodes[master].id),
            None => write!(text, " {} -", node.flags),
        };
        let connected = node.link.is_some() || node.is_myself() || node.sibling;
        let link = if connected { "connected" } else { "disconnected" };
        let epoch = self.node_epoch(index);
        let _ = write!(text, " {} {} {epoch} {link}", node.ping_sent, node.pong_received);
        for (first, last) in slots.ranges() {
            let _ = if first == last { write!(text, " {first}") } else { write!(text, " {first}-{last}") };
        }
        if node.is_myself() {
            for (slot, to) in &self.slots.migrating {
                let _ = write!(text, " [{slot}->-{}]", self.nodes[*to].id);
            }
            for (slot, from) in &self.slots.importing {
                if !self.slots.migrating.contains_key(slot) {
                    let _ = write!(text, " [{slot}-<-{}]", self.nodes[*from].id);
                }
            }
        }
    }
}

/// The fields after the host name, in the order Redis and Valkey write them. The port that stands in the
/// address already is left out.
fn write_aux_fields(text: &mut String, node: &Node, tls: bool) {
    if !node.zone.is_empty() {
        let _ = write!(text, ",availability-zone={}", node.zone);
    }
    for (name, port) in [("client-tls-port", node.client_tls_port), ("client-tcp-port", node.client_tcp_port)]
    {
        if port != 0 {
            let _ = write!(text, ",{name}={port}");
        }
    }
    for (name, value) in [("client-ipv6", &node.client_ipv6), ("client-ipv4", &node.client_ipv4)] {
        if !value.is_empty() {
            let _ = write!(text, ",{name}={value}");
        }
    }
    let _ = if tls {
        write!(text, ",tcp-port={}", node.address.ports.tcp)
    } else {
        write!(text, ",tls-port={}", node.address.ports.tls)
    };
    if !node.human_name.is_empty() {
        let _ = write!(text, ",nodename={}", node.human_name);
    }
    let _ = write!(text, ",shard-id={}", node.shard_id);
}

impl Parsed {
    /// `vars NAME VALUE ...`; a name that is not known is skipped, as Redis does.
    fn vars(&mut self, words: &[&str]) -> Result<(), String> {
        let pairs = words[1..].chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return Err("a variable has no value".into());
        }
        for pair in pairs {
            let target = match pair[0].to_ascii_lowercase().as_str() {
                "currentepoch" => &mut self.epochs.0,
                "lastvoteepoch" => &mut self.epochs.1,
                _ => continue,
            };
            *target = number(pair[1], pair[0])?;
        }
        Ok(())
    }

    /// `ID ADDRESS FLAGS MASTER PING PONG EPOCH LINK [SLOTS...]`.
    fn node(
        &mut self,
        words: &[&str],
        config: &Config,
        line: usize,
        random: &mut Random,
        now: u64,
    ) -> Result<(), String> {
        if words.len() < 8 {
            return Err(format!("{} fields where a node has at least 8", words.len()));
        }
        let id = node_id(words[0])?;
        if !self.ids.insert(id) {
            return Err(format!("node {id} is described twice"));
        }
        let mut node = Node::new(id, random.node_id(), flags(words[2])?, now);
        let has_shard = address(words[1], config.tls_cluster, &mut node)?;
        if node.is_failed() {
            node.fail_time = now;
        }
        if node.is_myself() && self.myself.replace(id).is_some() {
            return Err("a second node is called myself".into());
        }
        if words[3] != "-" {
            self.masters.push((id, node_id(words[3])?, line));
        }
        let time = |text, name| number(text, name).map(|t: u64| if t == 0 { 0 } else { now });
        node.ping_sent = time(words[4], "ping-sent")?;
        node.pong_received = time(words[5], "pong-received")?;
        let epoch = number(words[6], "config epoch")?;
        // A replica's line shows its master's epoch; it has none of its own.
        node.config_epoch = if node.is_replica() && words[3] != "-" { 0 } else { epoch };
        for word in &words[8..] {
            self.slots(word, id, line)?;
        }
        self.nodes.push((node, has_shard));
        Ok(())
    }

    /// `N`, `N-M`, `[N->-NODE]` or `[N-<-NODE]`.
    fn slots(&mut self, word: &str, id: NodeId, line: usize) -> Result<(), String> {
        if let Some(inner) = word.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or_else(|| format!("'{word}' is not closed"))?;
            let (text, migrating, other) = match (inner.split_once("->-"), inner.split_once("-<-")) {
                (Some((text, other)), _) => (text, true, other),
                (None, Some((text, other))) => (text, false, other),
                (None, None) => return Err(format!("'{word}' is no slot on the move")),
            };
            self.moves.push(Move { slot: slot(text)?, migrating, other: node_id(other)?, line });
            return Ok(());
        }
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (slot(first)?, slot(last)?);
        if first > last {
            return Err(format!("slots '{word}' run backwards"));
        }
        self.ranges.push(Range { first, last, owner: id, line });
        Ok(())
    }

    fn build(self, config: Config, random: Random, now: u64) -> Result<Cluster, ConfError> {
        let whole = |reason: &str| ConfError { line: 0, reason: reason.into() };
        let myself = self.myself.ok_or_else(|| whole("no node is called myself"))?;
        let mut cluster = Cluster::empty(config, random, now);
        let has_shard: Vec<(NodeId, bool)> = self.nodes.iter().map(|(node, has)| (node.id, *has)).collect();
        for (node, _) in self.nodes {
            cluster.nodes.insert(node).ok_or_else(|| whole("too many nodes"))?;
        }
        let find = |cluster: &Cluster, id: NodeId, line: usize| {
            let reason = format!("node {id} is named but not described");
            cluster.nodes.find(id).ok_or(ConfError { line, reason })
        };
        cluster.me = find(&cluster, myself, 0)?;
        for (replica, master, line) in self.masters {
            let (replica, master) = (find(&cluster, replica, line)?, find(&cluster, master, line)?);
            if replica == master {
                return Err(ConfError { line, reason: "a node replicates itself".into() });
            }
            cluster.set_master_of(replica, Some(master));
        }
        for (id, has) in has_shard {
            let index = find(&cluster, id, 0)?;
            if let (false, Some(master)) = (has, cluster.nodes[index].master) {
                cluster.nodes[index].shard_id = cluster.nodes[master].shard_id;
            }
        }
        for range in self.ranges {
            let owner = find(&cluster, range.owner, range.line)?;
            for slot in (range.first.number()..=range.last.number()).filter_map(Slot::new) {
                if !cluster.slots.bind(&mut cluster.nodes, slot, owner) {
                    return Err(ConfError {
                        line: range.line,
                        reason: format!("slot {slot} has an owner already"),
                    });
                }
            }
        }
        for moved in self.moves {
            let other = find(&cluster, moved.other, moved.line)?;
            let moves =
                if moved.migrating { &mut cluster.slots.migrating } else { &mut cluster.slots.importing };
            moves.insert(moved.slot, other);
        }
        cluster.last_vote_epoch = self.epochs.1;
        cluster.current_epoch = self.epochs.0;
        cluster.current_epoch = cluster.max_epoch();
        cluster.log_notice(format!("Node configuration loaded, I'm {myself}"));
        cluster.describe_myself();
        Ok(cluster)
    }
}

fn node_id(text: &str) -> Result<NodeId, String> {
    text.parse().map_err(|_| format!("'{text}' is not a node ID"))
}

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{what} '{text}' is not a number in range"))
}

fn slot(text: &str) -> Result<Slot, String> {
    text.parse().ok().and_then(Slot::new).ok_or_else(|| format!("'{text}' is not a slot"))
}

fn flags(text: &str) -> Result<Flags, String> {
    let mut flags = Flags::default();
    for name in text.split(',') {
        let flag = match name.to_ascii_lowercase().as_str() {
            "noflags" => continue,
            "primary" => Flags::MASTER,
            "replica" => Flags::REPLICA,
            name => match FLAG_NAMES.iter().find(|(_, known)| *known == name) {
                Some((flag, _)) => *flag,
                None => return Err(format!("unknown flag '{name}'")),
            },
        };
        flags.set(flag, true);
    }
    Ok(flags)
}

/// `IP:PORT[@BUS][,HOSTNAME[,NAME=VALUE...]]` into `node`; whether a shard was named.
fn address(text: &str, tls: bool, node: &mut Node) -> Result<bool, String> {
    let mut fields = text.split(',');
    let host = fields.next().unwrap_or_default();
    node.hostname = fields.next().unwrap_or_default().into();
    let (mut has_tcp, mut has_tls, mut has_shard) = (false, false, false);
    for field in fields {
        let (name, value) =
            field.split_once('=').ok_or_else(|| format!("'{field}' is not of the form name=value"))?;
        match name {
            "shard-id" => (node.shard_id, has_shard) = (node_id(value)?, true),
            "nodename" => node.human_name = value.into(),
            "client-ipv4" => node.client_ipv4 = value.into(),
            "client-ipv6" => node.client_ipv6 = value.into(),
            "tcp-port" => (node.address.ports.tcp, has_tcp) = (number(value, name)?, true),
            "tls-port" => (node.address.ports.tls, has_tls) = (number(value, name)?, true),
            "client-tcp-port" => node.client_tcp_port = number(value, name)?,
            "client-tls-port" => node.client_tls_port = number(value, name)?,
            "availability-zone" => node.zone = value.into(),
            _ => return Err(format!("unknown field '{name}'")),
        }
    }
    let (ip, ports) = host.rsplit_once(':').ok_or_else(|| format!("address '{host}' has no port"))?;
    if ip.len() > MAX_IP_LEN {
        return Err(format!("address '{ip}' is too long"));
    }
    let (port, bus) = ports.split_once('@').map_or((ports, None), |(port, bus)| (port, Some(bus)));
    let port: u16 = number(port, "port")?;
    node.address.ip = ip.into();
    if !has_tcp && (has_tls || !tls) {
        node.address.ports.tcp = port;
    } else if !has_tls {
        node.address.ports.tls = port;
    }
    node.address.ports.bus = match bus {
        Some(bus) => number(bus, "bus port")?,
        None => port.checked_add(crate::config::BUS_PORT_OFFSET).ok_or("the bus port is out of range")?,
    };
    Ok(has_shard)
}

/// Longest IP address the bus can carry (its field is 46 bytes and ends with a zero).
const MAX_IP_LEN: usize = 45;
