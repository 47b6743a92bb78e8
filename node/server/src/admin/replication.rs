//! Commands of replication: SYNC, PSYNC, REPLCONF, ROLE, WAIT, WAITAOF, and those that a cluster node refuses.

use commands::{Error, Outcome, error};
use replication::Refusal;
use resp::{parse_integer, split_line};

use super::Call;
use crate::client::Role;
use crate::log::{notice, warning};
use crate::replication::replicas::{Filter, Replica, Stage};
use crate::replication::wait::{Then, Wait};

/// The newest version whose replicas do not know SETSLOT of their master.
const LAST_WITHOUT_SET_SLOT: [u8; 3] = [7, 2, u8::MAX];
const NO_REPLICAOF: Error = Error::new("ERR REPLICAOF not allowed in cluster mode.");
const NO_FAILOVER: Error = Error::new("ERR FAILOVER not allowed in cluster mode.");
const NO_MASTER_LINK: Error = Error::new("NOMASTERLINK Can't SYNC while not connected with my master");
const PENDING_OUTPUT: Error = Error::new("ERR SYNC and PSYNC are invalid with pending output");
const FILTER_NEEDS_EOF: Error = Error::new("ERR Filtered replica requires EOF capability");
const WAIT_ON_REPLICA: Error = Error::new(
    "ERR WAIT cannot be used with replica instances. Please also note that if a replica is configured to be writable \
     (which is not the default) writes to replicas are just local and are not propagated.",
);
const WAITAOF_ON_REPLICA: Error = Error::new(
    "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are \
     not propagated.",
);
const WAITAOF_WITHOUT_LOG: Error =
    Error::new("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
const LOCAL_OUT_OF_RANGE: Error = Error::new("ERR value is out of range, value must between 0 and 1");
/// Longest address a replica may name, in bytes.
const ADDRESS_MAX: usize = 256;

/// REPLICAOF | SLAVEOF host port: the cluster says who follows whom.
pub fn replicaof(_call: &mut Call<'_>) -> Outcome {
    Err(NO_REPLICAOF)
}

/// FAILOVER: in a cluster it is CLUSTER FAILOVER, said to the replica.
pub fn failover(_call: &mut Call<'_>) -> Outcome {
    Err(NO_FAILOVER)
}

/// SYNC
pub fn sync(call: &mut Call<'_>) -> Outcome {
    if call.client.role == Role::Replica {
        return Ok(());
    }
    check_sync(call)?;
    begin_full_sync(call, false);
    Ok(())
}

/// PSYNC id offset
pub fn psync(call: &mut Call<'_>) -> Outcome {
    if call.client.role == Role::Replica {
        return Ok(());
    }
    check_sync(call)?;
    let (id, wanted) = (call.args[1], parse_integer(call.args[2]));
    let Some(wanted) = wanted else {
        warning!("Replica {} asks for synchronization but with a wrong offset", call.client.peer);
        return Err(error::NOT_INTEGER);
    };
    let replication = &call.core.replication;
    match replication.history.place(replication.backlog.as_ref(), id, wanted) {
        Ok(cursor) => {
            continue_stream(call, cursor);
            Ok(())
        }
        Err(refusal) => {
            log_refusal(call, &refusal, id, wanted);
            call.core.replication.refused_syncs += u64::from(refusal != Refusal::Wanted);
            begin_full_sync(call, true);
            Ok(())
        }
    }
}

fn check_sync(call: &mut Call<'_>) -> Outcome {
    if call.core.replication.upstream.as_ref().is_some_and(|upstream| !upstream.is_up()) {
        return Err(NO_MASTER_LINK);
    }
    if call.client.unsent() > 0 {
        return Err(PENDING_OUTPUT);
    }
    let now_ms = call.core.now_ms;
    let replica = call.core.replication.replicas.know(call.client, now_ms);
    if replica.filter != Filter::default() && !replica.marks {
        return Err(FILTER_NEEDS_EOF);
    }
    notice!("Replica {} asks for synchronization", replica.name());
    Ok(())
}

fn log_refusal(call: &mut Call<'_>, refusal: &Refusal, id: &[u8], wanted: i64) {
    let (history, offset) = (&call.core.replication.history, call.core.replication.offset());
    let second = call.core.replication.second_id();
    let peer = &call.client.peer;
    let asked = String::from_utf8_lossy(id);
    match refusal {
        Refusal::Wanted => notice!("Full resync requested by replica {peer}"),
        Refusal::OtherStream => notice!(
            "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '{asked}', my \
             replication IDs are '{}' and '{second}')",
            history.id
        ),
        Refusal::Diverged { last } => notice!(
            "Partial resynchronization not accepted: Requested offset for second ID was {wanted}, but I can reply up \
             to {last}"
        ),
        Refusal::NotHeld => {
            notice!(
                "Unable to partial resync with replica {peer} for lack of backlog (Replica request was: {wanted})."
            );
            if u64::try_from(wanted).is_ok_and(|wanted| wanted > offset) {
                warning!(
                    "Warning: replica {peer} tried to PSYNC with an offset that is greater than the primary replication \
                     offset."
                );
            }
        }
    }
}

/// The replica has all up to `cursor` and follows from there.
fn continue_stream(call: &mut Call<'_>, cursor: u64) {
    let (now_ms, id) = (call.core.now_ms, call.core.replication.history.id);
    let behind = call.core.replication.offset() - cursor;
    let replica = call.core.replication.replicas.know(call.client, now_ms);
    replica.stage = Stage::Online;
    replica.acknowledges = true;
    replica.cursor = cursor;
    replica.heard_ms = now_ms;
    let (name, from) = (replica.name(), cursor + 1);
    call.client
        .reply
        .raw(if replica.renames { format!("+CONTINUE {id}\r\n") } else { "+CONTINUE\r\n".into() }.as_bytes());
    call.client.role = Role::Replica;
    call.core.replication.partial_syncs += 1;
    notice!(
        "Partial resynchronization request from {name} accepted. Sending {behind} bytes of backlog starting from offset \
         {from}."
    );
}

fn begin_full_sync(call: &mut Call<'_>, acknowledges: bool) {
    let core = &mut *call.core;
    core.replication.full_syncs += 1;
    let now_ms = core.now_ms;
    let replica = core.replication.replicas.know(call.client, now_ms);
    replica.stage = Stage::Waiting(now_ms);
    replica.acknowledges = acknowledges;
    let marks = replica.marks;
    call.client.role = Role::Replica;
    core.start_stream();
    if core.config.replication.repl_disable_tcp_nodelay {
        call.client.set_nodelay(false);
    }
    if core.replication.is_sending_image() {
        notice!("Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC");
    } else if core.config.replication.repl_diskless_sync
        && marks
        && core.config.replication.repl_diskless_sync_delay > 0
    {
        notice!("Delay next BGSAVE for diskless SYNC");
    } else {
        core.replication.want_image();
    }
}

/// REPLCONF option value [option value ...]
pub fn replconf(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    if args.len().is_multiple_of(2) {
        return Err(error::SYNTAX);
    }
    let now_ms = call.core.now_ms;
    for at in (1..args.len()).step_by(2) {
        let (option, value) = (args[at].to_ascii_lowercase(), args[at + 1]);
        match &option[..] {
            b"ack" => {
                acknowledge(call, at);
                return Ok(());
            }
            // Only a master asks so, and what it sends does not come here.
            b"getack" => return Ok(()),
            option => {
                let replica = call.core.replication.replicas.know(call.client, now_ms);
                configure(replica, option, value)?;
            }
        }
    }
    call.client.reply.ok();
    Ok(())
}

/// REPLCONF ACK offset [FACK offset]
fn acknowledge(call: &mut Call<'_>, at: usize) {
    if call.client.role != Role::Replica {
        return;
    }
    let args = call.args;
    let offset =
        |at: usize| args.get(at).and_then(|text| parse_integer(text)).and_then(|n| u64::try_from(n).ok());
    let Some(acked) = offset(at + 1) else { return };
    let now_ms = call.core.now_ms;
    let Some(replica) = call.core.replication.replicas.get(call.client.index) else { return };
    replica.acked = replica.acked.max(acked);
    if args.is(at + 2, "fack") {
        replica.synced = replica.synced.max(offset(at + 3).unwrap_or(0));
    }
    replica.heard_ms = now_ms;
    if replica.stage == Stage::Loading {
        replica.stage = Stage::Online;
        notice!("Synchronization with replica {} succeeded", replica.name());
        call.core.count_good_replicas();
    }
    call.core.answer_waits();
}

fn flag(value: &[u8]) -> Result<bool, Error> {
    match parse_integer(value) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(Error::new("ERR value is out of range, must be between 0 and 1")),
        None => Err(error::NOT_INTEGER),
    }
}

fn configure(replica: &mut Replica, option: &[u8], value: &[u8]) -> Result<(), Error> {
    match option {
        b"listening-port" => {
            replica.port = parse_integer(value).ok_or(error::NOT_INTEGER)? as u16;
        }
        b"ip-address" if value.len() >= ADDRESS_MAX => {
            let len = value.len();
            return Err(Error::text(format!(
                "ERR REPLCONF ip-address provided by replica instance is too long: {len} bytes"
            )));
        }
        b"ip-address" => replica.ip = String::from_utf8_lossy(value).into_owned(),
        b"capa" if value.eq_ignore_ascii_case(b"eof") => replica.marks = true,
        b"capa" if value.eq_ignore_ascii_case(b"psync2") => replica.renames = true,
        // Others are no concern of this master.
        b"capa" => {}
        b"rdb-only" => replica.image_only = flag(value)?,
        b"rdb-filter-only" => replica.filter = filter(value)?,
        b"version" => replica.takes_set_slot = read_version(value)? > LAST_WITHOUT_SET_SLOT,
        _ => {
            let option = String::from_utf8_lossy(option);
            return Err(Error::text(format!("ERR Unrecognized REPLCONF option: {option}")));
        }
    }
    Ok(())
}

fn filter(value: &[u8]) -> Result<Filter, Error> {
    let words = split_line(value).ok_or(Error::new("ERR Missing rdb-filter-only values"))?;
    let mut filter = Filter { no_keys: true, no_functions: true };
    for word in words {
        if !word.eq_ignore_ascii_case(b"functions") {
            let word = String::from_utf8_lossy(&word);
            return Err(Error::text(format!("ERR Unsupported rdb-filter-only option: {word}")));
        }
        filter.no_functions = false;
    }
    Ok(filter)
}

/// `major.minor.patch`
fn read_version(value: &[u8]) -> Result<[u8; 3], Error> {
    let text = String::from_utf8_lossy(value);
    let numbers: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
    let version = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    version.ok_or_else(|| Error::text(format!("ERR Unrecognized version format: {text}")))
}

/// ROLE
pub fn role(call: &mut Call<'_>) -> Outcome {
    let replication = &call.core.replication;
    let offset = replication.offset() as i64;
    let reply = &mut call.client.reply;
    if let Some(upstream) = &replication.upstream {
        reply.array(5);
        reply.bulk(b"slave");
        reply.bulk(upstream.host.as_bytes());
        reply.integer(i64::from(upstream.port));
        reply.bulk(upstream.state().as_bytes());
        reply.integer(if upstream.is_up() { offset } else { -1 });
        return Ok(());
    }
    let online: Vec<&Replica> = replication.replicas.iter().filter(|replica| replica.is_online()).collect();
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(offset);
    reply.array(online.len());
    for replica in online {
        reply.array(3);
        reply.bulk(replica.ip.as_bytes());
        reply.bulk_integer(i64::from(replica.port));
        reply.bulk_integer(replica.acked as i64);
    }
    Ok(())
}

/// WAIT replicas timeout: how many have processed all that this client wrote.
pub fn wait(call: &mut Call<'_>) -> Outcome {
    if call.core.replication.is_replica() {
        return Err(WAIT_ON_REPLICA);
    }
    let replicas = call.args.integer(1)?;
    let timeout_ms = timeout_ms(call, 2)?;
    wait_for(call, usize::try_from(replicas).unwrap_or(0), Then::Count, timeout_ms);
    Ok(())
}

/// WAITAOF local replicas timeout: whether the disk here has all that this client wrote, and how many replicas' disks.
pub fn waitaof(call: &mut Call<'_>) -> Outcome {
    let local = call.args.integer(1)?;
    if !(0..=1).contains(&local) {
        return Err(LOCAL_OUT_OF_RANGE);
    }
    let replicas = call.args.integer(2)?;
    let replicas = usize::try_from(replicas).map_err(|_| error::NOT_POSITIVE)?;
    let timeout_ms = timeout_ms(call, 3)?;
    if call.core.replication.is_replica() {
        return Err(WAITAOF_ON_REPLICA);
    }
    if local > 0 && !call.core.config.persistence.appendonly {
        return Err(WAITAOF_WITHOUT_LOG);
    }
    wait_for(call, replicas, Then::Disks { local: local == 1 }, timeout_ms);
    Ok(())
}

/// Answers at once where enough have what the client wrote, or lets it wait. What a sibling's client wrote here is not
/// told from what others did: all of it counts.
fn wait_for(call: &mut Call<'_>, replicas: usize, then: Then, timeout_ms: u64) {
    let own = (call.core.session(call.client), None);
    let (session, ticket) = call.part.map_or(own, |(session, ticket)| (session, Some(ticket)));
    let offset = match call.client.is_stand_in() {
        true => call.core.replication.offset(),
        false => call.client.write_offset,
    };
    let deadline_ms = (timeout_ms > 0).then(|| call.core.now_ms.saturating_add(timeout_ms));
    let wait = Wait { session, ticket, offset, replicas, deadline_ms, then };
    let reached = call.core.reached(&wait);
    // Inside a transaction or a script nothing waits.
    if reached.satisfies(&wait) || call.core.in_unit() {
        return reached.write(&wait.then, &mut call.client.reply);
    }
    call.core.begin_wait(wait);
    call.client.blocked = call.part.is_none();
}

/// Argument `index` as a time to wait, 0 for ever.
fn timeout_ms(call: &Call<'_>, index: usize) -> Result<u64, Error> {
    let not_integer = Error::new("ERR timeout is not an integer or out of range");
    let timeout = parse_integer(call.args[index]).ok_or(not_integer)?;
    u64::try_from(timeout).map_err(|_| Error::new("ERR timeout is negative"))
}
