//! HOTKEYS START, STOP and RESET; GET is a view.
//!
//! Pages: <https://redis.io/commands/hotkeys-start/> and its siblings.

use base::{SLOT_COUNT, Slot};
use cluster::{Owner, SlotSet};
use commands::{Args, Error, Outcome, error};
use resp::parse_integer;

use super::Call;
use crate::core::Core;
use crate::hotkeys::Plan;
use crate::mesh::Message;

const COUNT: usize = 10;
const COUNT_MAX: usize = 64;

const NO_METRICS: Error = Error::new("ERR METRICS parameter is required");
const BAD_METRICS_COUNT: Error = Error::new("ERR METRICS count must be positive");
const FEWER_METRICS: Error = Error::new("ERR METRICS count does not match number of metric types provided");
const UNKNOWN_METRICS: Error =
    Error::new("ERR METRICS no valid metrics passed. Valid metrics are CPU and NET");
const CPU_TWICE: Error = Error::new("ERR METRICS CPU defined more than once");
const NET_TWICE: Error = Error::new("ERR METRICS NET defined more than once");
const BAD_COUNT: Error = Error::new("ERR COUNT must be between 1 and 64");
const BAD_DURATION: Error = Error::new("ERR DURATION must be non-negative");
const BAD_RATIO: Error = Error::new("ERR SAMPLE ratio must be positive");
const BAD_SLOTS_COUNT: Error = Error::new("ERR SLOTS count must be between 1 and 16384");
const SLOTS_TWICE: Error = Error::new("ERR SLOTS parameter already specified");
const FEWER_SLOTS: Error = Error::new("ERR not enough slot numbers provided");
const SAME_SLOT: Error = Error::new("ERR duplicate slot number");
const BAD_SLOT: Error = Error::new("ERR Invalid or out of range slot");
const STARTED: Error = Error::new("ERR hotkey tracking session already in progress");
const NOT_STOPPED: Error = Error::new("ERR hotkey tracking session in progress, stop tracking first");

/// HOTKEYS START METRICS count [CPU] [NET] [COUNT k] [DURATION seconds] [SAMPLE ratio] [SLOTS count slot ...]
pub fn start(call: &mut Call<'_>) -> Outcome {
    begin(call.core, call.args, false)?;
    call.client.reply.ok();
    Ok(())
}

/// Obeys HOTKEYS START on this core, or on all cores of the process: on none of them if it is refused.
pub fn begin(core: &mut Core, args: &Args<'_>, of_process: bool) -> Outcome {
    let plan = parse(args)?;
    let strange = plan.slots.iter().flat_map(SlotSet::iter).find(|slot| !serves(core, *slot, of_process));
    if let Some(slot) = strange {
        return Err(Error::text(format!("ERR slot {} not handled by this node", slot.number())));
    }
    let own = usize::from(core.index);
    let cores = if of_process { 0..core.mesh.cores() } else { own..own + 1 };
    if !core.process.claim_tracking(cores) {
        return Err(STARTED);
    }
    if of_process {
        for sibling in core.mesh.siblings() {
            core.mesh.send_in_order(sibling, Message::TrackKeys(Box::new(plan.clone())));
        }
    }
    core.start_hotkeys(plan);
    Ok(())
}

/// Whether this node serves `slot`, or, where all cores of the process are asked, one of them does.
fn serves(core: &Core, slot: Slot, of_process: bool) -> bool {
    let of_sibling = || match core.cluster.owner(slot) {
        Owner::Node(node) => of_process && core.sibling(node).is_some(),
        _ => false,
    };
    core.cluster.shard_slots().contains(slot) || of_sibling()
}

/// HOTKEYS STOP
pub fn stop(call: &mut Call<'_>) -> Outcome {
    match call.core.hotkeys.is_on() {
        true => {
            call.core.stop_hotkeys();
            call.client.reply.ok();
        }
        false => call.client.reply.null(),
    }
    Ok(())
}

/// HOTKEYS RESET
pub fn reset(call: &mut Call<'_>) -> Outcome {
    // All cores refuse, or none.
    if call.core.hotkeys.is_on() || call.part.is_some() && call.core.process.tracks_keys() {
        return Err(NOT_STOPPED);
    }
    call.core.hotkeys.reset();
    call.client.reply.ok();
    Ok(())
}

fn parse(args: &Args<'_>) -> Result<Plan, Error> {
    if !args.is(2, "metrics") || args.len() < 4 {
        return Err(NO_METRICS);
    }
    let mut plan = Plan { cpu: false, net: false, count: COUNT, duration_ms: None, ratio: 1, slots: None };
    let mut at = parse_metrics(args, &mut plan)?;
    while at < args.len() {
        let number = args.get(at + 1).and_then(|word| parse_integer(word));
        let positive = number.and_then(|number| u64::try_from(number).ok());
        if args.is(at, "slots") && at + 1 < args.len() {
            at = parse_slots(args, at, &mut plan)?;
            continue;
        } else if at + 1 >= args.len() {
            return Err(error::SYNTAX);
        } else if args.is(at, "count") {
            let count = positive.map(|count| count as usize).filter(|count| (1..=COUNT_MAX).contains(count));
            plan.count = count.ok_or(BAD_COUNT)?;
        } else if args.is(at, "duration") {
            let seconds = positive.filter(|seconds| *seconds <= u32::MAX.into()).ok_or(BAD_DURATION)?;
            plan.duration_ms = (seconds > 0).then_some(seconds * 1000);
        } else if args.is(at, "sample") {
            plan.ratio = positive.filter(|ratio| (1..=i32::MAX as u64).contains(ratio)).ok_or(BAD_RATIO)?;
        } else {
            return Err(error::SYNTAX);
        }
        at += 2;
    }
    Ok(plan)
}

/// METRICS count metric ...; where the words behind it begin. Metrics that are not known are those of servers to come.
fn parse_metrics(args: &Args<'_>, plan: &mut Plan) -> Result<usize, Error> {
    let count =
        parse_integer(args[3]).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    let end = 4usize.saturating_add(count.ok_or(BAD_METRICS_COUNT)?);
    if end > args.len() {
        return Err(FEWER_METRICS);
    }
    for at in 4..end {
        if args.is(at, "cpu") && std::mem::replace(&mut plan.cpu, true) {
            return Err(CPU_TWICE);
        }
        if args.is(at, "net") && std::mem::replace(&mut plan.net, true) {
            return Err(NET_TWICE);
        }
    }
    if plan.cpu || plan.net { Ok(end) } else { Err(UNKNOWN_METRICS) }
}

/// SLOTS count slot ..., which begins at `at`; where the words behind it begin.
fn parse_slots(args: &Args<'_>, at: usize, plan: &mut Plan) -> Result<usize, Error> {
    if plan.slots.is_some() {
        return Err(SLOTS_TWICE);
    }
    let count = parse_integer(args[at + 1]).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| (1..=SLOT_COUNT).contains(count)).ok_or(BAD_SLOTS_COUNT)?;
    let words = args.get(at + 2..at + 2 + count).ok_or(FEWER_SLOTS)?;
    let slots = plan.slots.insert(SlotSet::default());
    for word in words {
        let number = parse_integer(word).and_then(|number| u16::try_from(number).ok());
        if !slots.insert(number.and_then(Slot::new).ok_or(BAD_SLOT)?) {
            return Err(SAME_SLOT);
        }
    }
    Ok(at + 2 + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan, String> {
        let line = format!("HOTKEYS START {line}");
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        parse(&Args::new(&words)).map_err(|error| error.as_str().to_owned())
    }

    #[test]
    fn options_in_any_order() {
        let both = plan("METRICS 2 cpu NET SLOTS 3 7 5 6 sample 100 COUNT 64 DURATION 0").unwrap();
        assert!(both.cpu && both.net && both.duration_ms.is_none());
        assert_eq!((both.count, both.ratio, both.slots.unwrap().len()), (64, 100, 3));
        let one = plan("METRICS 2 GPU NET DURATION 3").unwrap();
        assert!(!one.cpu && one.net && one.slots.is_none());
        assert_eq!((one.count, one.ratio, one.duration_ms), (10, 1, Some(3000)));
    }

    #[test]
    fn what_is_refused() {
        for (line, why) in [
            ("COUNT 1", NO_METRICS),
            ("METRICS", NO_METRICS),
            ("METRICS 0", BAD_METRICS_COUNT),
            ("METRICS -1 CPU", BAD_METRICS_COUNT),
            ("METRICS 9223372036854775807 CPU", FEWER_METRICS),
            ("METRICS 2 CPU", FEWER_METRICS),
            ("METRICS 1 CPU NET", error::SYNTAX),
            ("METRICS 1 GPU", UNKNOWN_METRICS),
            ("METRICS 2 CPU CPU", CPU_TWICE),
            ("METRICS 2 NET NET", NET_TWICE),
            ("METRICS 1 CPU COUNT", error::SYNTAX),
            ("METRICS 1 CPU COUNT 65", BAD_COUNT),
            ("METRICS 1 CPU DURATION -1", BAD_DURATION),
            ("METRICS 1 CPU SAMPLE 0", BAD_RATIO),
            ("METRICS 1 CPU SLOTS 2 0", FEWER_SLOTS),
            ("METRICS 1 CPU SLOTS 0", BAD_SLOTS_COUNT),
            ("METRICS 1 CPU SLOTS 2 0 0", SAME_SLOT),
            ("METRICS 1 CPU SLOTS 1 16384", BAD_SLOT),
            ("METRICS 1 CPU SLOTS 1 x", BAD_SLOT),
            ("METRICS 1 CPU SLOTS 1 0 SLOTS 1 5", SLOTS_TWICE),
        ] {
            assert_eq!(plan(line).err().as_deref(), Some(why.as_str()), "{line}");
        }
    }
}
