//! CLUSTER: the brain's answers as RESP, and the wishes of administrators to the brain.

use base::{NodeId, Slot, key_slot};
use cluster::{Keys, Owner};
use commands::table::{self, Host, Run};
use commands::{Error, Outcome, error};
use resp::{Reply, parse_integer};
use store::Keyspace;

use super::Call;
use crate::client::{Door, Role};
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::core::nodes_file::Saying;
use crate::mesh::Message;
use crate::replication::wait::{Then, Wait};
use crate::route;

/// How long SETSLOT waits for replicas that do not answer, unless it says.
const SET_SLOT_TIMEOUT_MS: u64 = 2000;
const OF_A_CORE: Error = Error::new(
    "ERR this command is for one node, and the ingress port is all cores': send it to the core's own port",
);
const BAD_SLOT: Error = Error::new("ERR Invalid or out of range slot");

/// The core's keys, as the brain asks for them.
struct CoreKeys<'a>(&'a Keyspace);

impl Keys for CoreKeys<'_> {
    fn total(&self) -> u64 {
        self.0.len() as u64
    }

    fn in_slot(&self, slot: Slot) -> u64 {
        self.0.slot_len(slot) as u64
    }
}

/// The subcommands that change something, and COUNT-FAILURE-REPORTS: the brain reads their words itself. What is
/// promised by them is on the disk before the answer leaves.
pub fn change(call: &mut Call<'_>) -> Outcome {
    let outcome = obey(call);
    call.client.answer_after = call.core.nodes_file.promised();
    outcome
}

fn obey(call: &mut Call<'_>) -> Outcome {
    // Whichever core took the connection in must not be the one that is reset, or forgets another.
    let of_any =
        matches!(call.host, Host::ClusterCountFailureReports | Host::ClusterMeet | Host::ClusterSaveconfig);
    if call.client.door == Door::Ingress && call.core.mesh.cores() > 1 && !of_any {
        return Err(OF_A_CORE);
    }
    let words: Vec<_> = call.args[1..].iter().map(|word| String::from_utf8_lossy(word)).collect();
    let words: Vec<&str> = words.iter().map(|word| &**word).collect();
    let description = call.client.peer.to_string();
    let is_master = call.client.role == Role::Master;
    let client = cluster::Client { description: &description, is_master };
    if let Some((slot, to)) = assigned_to_sibling(call) {
        call.core.hand_over(&[slot], to)?;
        call.client.reply.ok();
        return Ok(());
    }
    if matches!(call.found.command.run, Run::Host(Host::ClusterSetslot)) && replicate_set_slot(call, &words)?
    {
        return Ok(());
    }
    let core = &mut *call.core;
    let answer = core.cluster.command(&words, &CoreKeys(&core.keys), client, core.process.clock.now_ms());
    core.cluster_changed();
    let reply = &mut call.client.reply;
    match answer {
        Some(Ok(cluster::Reply::Ok)) => reply.ok(),
        Some(Ok(cluster::Reply::Simple(text))) => reply.simple(&text),
        Some(Ok(cluster::Reply::Integer(number))) => reply.integer(number),
        Some(Err(error)) => return Err(Error::text(error.to_string())),
        None => return Err(error::wrong_arity(&call.found.full_name())),
    }
    Ok(())
}

/// Replicas obey SETSLOT before their master does, so that what it has promised outlives it: sends them the command.
/// Whether the client now waits for them.
fn replicate_set_slot(call: &mut Call<'_>, words: &[&str]) -> Result<bool, Error> {
    let core = &mut *call.core;
    let replicas = core.replication.replicas.taking_set_slot();
    if core.cluster.myself().is_replica() || replicas == 0 {
        return Ok(false);
    }
    let refused = |e: cluster::CommandError| Error::text(e.to_string());
    let (slot, action) = core.cluster.read_set_slot(&words[1..], false).map_err(refused)?;
    let keys = core.keys.slot_len(slot) as u64;
    core.cluster.check_set_slot(slot, action, keys, false).map_err(refused)?;
    let mut command = Vec::new();
    resp::write_command(&mut command, call.args.iter().copied());
    core.replication.feed(&[&command]);
    if !call.may_block {
        // A transaction does not wait.
        return Ok(false);
    }
    let timeout = words.iter().position(|word| word.eq_ignore_ascii_case("timeout"));
    let timeout_ms = timeout.and_then(|at| words.get(at + 1)?.parse().ok()).unwrap_or(SET_SLOT_TIMEOUT_MS);
    let wait = Wait {
        session: core.session(call.client),
        ticket: None,
        offset: core.replication.offset(),
        replicas,
        deadline_ms: Some(core.now_ms.saturating_add(timeout_ms)),
        then: Then::SetSlot(words.iter().map(|word| (*word).to_owned()).collect()),
    };
    core.begin_wait(wait);
    call.client.blocked = true;
    Ok(true)
}

/// SETSLOT NODE of a slot that this core serves and has keys of, to a sibling: it can have both, so no keys need be
/// migrated before.
fn assigned_to_sibling(call: &Call<'_>) -> Option<(Slot, u16)> {
    let words = call.args;
    if words.len() != 5 || !words.is(1, "setslot") || !words.is(3, "node") {
        return None;
    }
    let slot = slot_argument(call, 2).ok()?;
    let to = NodeId::from_bytes(words[4]).ok()?;
    let core = call.core.core_ids.iter().position(|id| *id == to)?;
    let cluster = &call.core.cluster;
    let mine = core != usize::from(call.core.index) && cluster.owner(slot) == Owner::Me;
    (mine && call.core.keys.slot_len(slot) > 0 && cluster.check_handover(&[slot], to).is_ok())
        .then_some((slot, core as u16))
}

/// CLUSTER INFO
pub fn info(call: &mut Call<'_>) -> Outcome {
    call.client.reply.verbatim("txt", &call.core.cluster.info_text());
    Ok(())
}

/// CLUSTER NODES
pub fn nodes(call: &mut Call<'_>) -> Outcome {
    call.client.reply.verbatim("txt", &call.core.cluster.nodes_text(call.client.asker()));
    Ok(())
}

/// CLUSTER MYID
pub fn myid(call: &mut Call<'_>) -> Outcome {
    call.client.reply.bulk(call.core.cluster.my_id().as_bytes());
    Ok(())
}

/// CLUSTER MYSHARDID
pub fn myshardid(call: &mut Call<'_>) -> Outcome {
    call.client.reply.bulk(call.core.cluster.my_shard_id().as_bytes());
    Ok(())
}

/// CLUSTER REPLICAS | SLAVES node
pub fn replicas(call: &mut Call<'_>) -> Outcome {
    let id = String::from_utf8_lossy(call.args[2]);
    let lines = call.core.cluster.replicas_of(&id, call.client.asker());
    let lines = lines.map_err(|e| Error::text(e.to_string()))?;
    call.client.reply.array(lines.len());
    lines.iter().for_each(|line| call.client.reply.bulk(line.as_bytes()));
    Ok(())
}

/// CLUSTER KEYSLOT key
pub fn keyslot(call: &mut Call<'_>) -> Outcome {
    call.client.reply.integer(i64::from(key_slot(call.args[2]).number()));
    Ok(())
}

fn slot_argument(call: &Call<'_>, index: usize) -> Result<Slot, Error> {
    let number = parse_integer(call.args[index]).ok_or(BAD_SLOT)?;
    u16::try_from(number).ok().and_then(Slot::new).ok_or(BAD_SLOT)
}

/// CLUSTER COUNTKEYSINSLOT slot
pub fn countkeysinslot(call: &mut Call<'_>) -> Outcome {
    let slot = slot_argument(call, 2).map_err(|_| Error::new("ERR Invalid slot"))?;
    call.client.reply.integer(call.core.keys.slot_len(slot) as i64);
    Ok(())
}

/// CLUSTER GETKEYSINSLOT slot count
pub fn getkeysinslot(call: &mut Call<'_>) -> Outcome {
    let invalid = Error::new("ERR Invalid slot or number of keys");
    let slot = slot_argument(call, 2).map_err(|_| invalid.clone())?;
    let count = parse_integer(call.args[3]).and_then(|n| usize::try_from(n).ok()).ok_or(invalid)?;
    call.client.reply.array(count.min(call.core.keys.slot_len(slot)));
    let reply = &mut call.client.reply;
    call.core.keys.keys_in_slot(slot, count, |entry| reply.bulk(entry.key()));
    let session = call.part.map_or_else(|| call.core.session(call.client), |(session, _)| session);
    call.core.note_walk(session, slot, count);
    Ok(())
}

/// CLUSTER SLOTS
pub fn slots(call: &mut Call<'_>) -> Outcome {
    let ranges = call.core.cluster.slots_view(call.client.asker());
    let reply = &mut call.client.reply;
    reply.array(ranges.len());
    for range in &ranges {
        reply.array(2 + range.nodes.len());
        reply.integer(i64::from(range.first.number()));
        reply.integer(i64::from(range.last.number()));
        for node in &range.nodes {
            reply.array(4);
            match &node.endpoint {
                Some(endpoint) => reply.bulk(endpoint.as_bytes()),
                None => reply.null(),
            }
            reply.integer(i64::from(node.port));
            reply.bulk(node.id.as_bytes());
            reply.map(node.metadata.len());
            for (name, value) in &node.metadata {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
        }
    }
    Ok(())
}

/// CLUSTER SHARDS
pub fn shards(call: &mut Call<'_>) -> Outcome {
    let shards = call.core.cluster.shards_view(call.client.asker());
    let reply = &mut call.client.reply;
    reply.array(shards.len());
    for shard in &shards {
        reply.map(2);
        reply.bulk(b"slots");
        reply.array(2 * shard.slots.len());
        for (first, last) in &shard.slots {
            reply.integer(i64::from(first.number()));
            reply.integer(i64::from(last.number()));
        }
        reply.bulk(b"nodes");
        reply.array(shard.nodes.len());
        shard.nodes.iter().for_each(|node| shard_node(reply, node));
    }
    Ok(())
}

fn shard_node(reply: &mut Reply, node: &cluster::ShardNode) {
    let at = reply.defer();
    let mut fields = 0;
    let mut text = |reply: &mut Reply, name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
        fields += 1;
    };
    text(reply, "id", node.id.as_str());
    let mut ports = 0;
    for (name, port) in [("port", node.port), ("tls-port", node.tls_port)] {
        if let Some(port) = port {
            reply.bulk(name.as_bytes());
            reply.integer(i64::from(port));
            ports += 1;
        }
    }
    text(reply, "ip", &node.ip);
    text(reply, "endpoint", &node.endpoint);
    if let Some(hostname) = &node.hostname {
        text(reply, "hostname", hostname);
    }
    text(reply, "role", node.role);
    reply.bulk(b"replication-offset");
    reply.integer(node.replication_offset);
    text(reply, "health", node.health);
    reply.set_map(at, fields + ports + 1);
}

/// CLUSTER LINKS
pub fn links(call: &mut Call<'_>) -> Outcome {
    let links = call.core.cluster.links_view();
    let reply = &mut call.client.reply;
    reply.array(links.len());
    for link in &links {
        reply.map(6);
        for (name, value) in [("direction", link.direction), ("node", link.node.as_str())] {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        reply.bulk(b"create-time");
        reply.integer(link.create_time as i64);
        reply.bulk(b"events");
        reply.bulk(link.events.as_bytes());
        for name in ["send-buffer-allocated", "send-buffer-used"] {
            reply.bulk(name.as_bytes());
            reply.integer(link.send_buffer as i64);
        }
    }
    Ok(())
}

impl Core {
    /// Obeys a SETSLOT of `session` that the replicas have obeyed.
    ///
    /// # Errors
    /// What has become of the cluster meanwhile does not allow it.
    pub fn set_slot(&mut self, words: &[String], session: SessionId) -> Result<(), Error> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let client = cluster::Client { description: "", is_master: false };
        let now = self.process.clock.now_ms();
        let answer = self.cluster.command(&words, &CoreKeys(&self.keys), client, now);
        self.cluster_changed();
        let promised = self.nodes_file.promised();
        let client = self.clients.get(session.index).filter(|c| c.generation == session.generation);
        if let Some(client) = client {
            client.answer_after = promised;
        }
        match answer {
            Some(Err(error)) => Err(Error::text(error.to_string())),
            _ => Ok(()),
        }
    }

    /// What to do after the brain was told something.
    pub fn cluster_changed(&mut self) {
        self.carry_out();
        self.end_vain_waits();
        let id: NodeId = self.cluster.my_id();
        let own = usize::from(self.index);
        if self.core_ids[own] != id {
            self.core_ids[own] = id;
            for core in self.mesh.siblings() {
                self.say_when_saved(Saying::Message(core, Message::Identity(id)));
            }
            self.name_siblings();
        }
    }

    /// Sends sessions away that wait for what cannot come: the cluster is down, or this core does not serve the slot
    /// any more.
    fn end_vain_waits(&mut self) {
        let cluster = &self.cluster;
        let doubtful = |slot| !cluster.is_ok() || cluster.owner(slot) != Owner::Me;
        for (session, slot) in self.waiting.in_slots(doubtful) {
            if let Some(error) = self.why_in_vain(session, slot) {
                self.give_up_waiting(session, Some(&error));
            }
        }
    }

    fn why_in_vain(&self, session: SessionId, slot: Slot) -> Option<Error> {
        let Core { cluster, waiting, .. } = self;
        if self.importing.contains(slot) {
            // Only who sends the slot has come as far as to wait there.
            return None;
        }
        if !cluster.is_ok() {
            return Some(route::DOWN);
        }
        let client = self.client_of(session);
        let reads = client.is_some_and(|client| client.readonly)
            && waiting.get(session).is_some_and(|blocked| !blocked.found.command.has(table::WRITE));
        let stays = cluster.importing_from(slot).is_some() || reads && cluster.is_mine_or_my_masters(slot);
        let asker = client.map(|client| client.asker()).unwrap_or_default();
        match cluster.owner(slot) {
            _ if stays => None,
            Owner::Me => None,
            Owner::Node(node) => Some(route::redirection("MOVED", cluster, slot, node, asker)),
            Owner::None => Some(route::NOT_SERVED),
        }
    }
}
