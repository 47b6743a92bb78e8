//! The errors of cluster commands, in Redis's exact words.

use std::fmt;

use base::Slot;

/// Why a cluster command was refused; nothing was changed. `Display` is the reply without the leading `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// No node of that name is known.
    UnknownNode(String),
    /// SETSLOT MIGRATING or IMPORTING names a node that is not known.
    DontKnowNode(String),
    /// The named node is no master (REPLICAS).
    NotAMaster,
    /// SETSLOT names a replica.
    TargetNotAMaster,
    /// Not a slot number.
    BadSlot,
    /// ADDSLOTS of a slot that has an owner.
    SlotBusy(Slot),
    /// DELSLOTS of a slot that has none.
    SlotUnassigned(Slot),
    /// A slot is named twice.
    SlotRepeated(Slot),
    /// A range runs backwards.
    BadRange(Slot, Slot),
    /// An odd number of range ends; the name of the subcommand.
    Arity(&'static str),
    /// MIGRATING of a slot that another node serves.
    NotTheOwner(Slot),
    /// IMPORTING of a slot this node serves.
    AlreadyTheOwner(Slot),
    /// A slot to hand over is being migrated already.
    SlotMoving(Slot),
    /// SETSLOT NODE would give a slot away that still has keys.
    SlotHasKeys(Slot),
    /// SETSLOT sent to a replica.
    SetSlotOnReplica,
    /// SETSLOT with an unknown action or too few arguments.
    BadSetSlot,
    /// SETSLOT ... TIMEOUT without a number.
    MissingTimeout,
    /// That number is out of range or no number.
    BadTimeout,
    /// That number is negative.
    NegativeTimeout,
    /// MEET with a port that is no number.
    BadBasePort(String),
    /// MEET with a bus port that is no number.
    BadBusPort(String),
    /// MEET with an address that is none.
    BadAddress(String, String),
    /// FORGET of this node.
    ForgetMyself,
    /// FORGET of this node's master.
    ForgetMyMaster,
    /// REPLICATE of this node.
    ReplicateMyself,
    /// REPLICATE of a replica.
    ReplicateReplica,
    /// REPLICATE by a master that has slots or keys.
    NotEmpty,
    /// FAILOVER sent to a master.
    FailoverOnMaster,
    /// FAILOVER by a replica that does not know its master.
    MasterUnknown,
    /// FAILOVER without FORCE while the master is down.
    MasterDown,
    /// SET-CONFIG-EPOCH below zero.
    BadConfigEpoch(i64),
    /// SET-CONFIG-EPOCH on a node that knows others.
    KnowsOthers,
    /// SET-CONFIG-EPOCH on a node that has an epoch.
    HasConfigEpoch,
    /// RESET of a master that has keys.
    ResetWithKeys,
    /// FLUSHSLOTS of a node that has keys.
    FlushSlotsWithKeys,
    /// An argument is no integer.
    NotAnInteger,
    /// An option that does not exist.
    Syntax,
    /// A subcommand that does not exist, or with a wrong number of arguments.
    UnknownSubcommand(String),
    /// DEBUG CLUSTERLINK KILL of this node's own links.
    KillMyLinks,
    /// DEBUG CLUSTERLINK KILL with an unknown direction.
    BadDirection(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CommandError as E;
        match self {
            E::UnknownNode(id) => write!(f, "ERR Unknown node {id}"),
            E::DontKnowNode(id) => write!(f, "ERR I don't know about node {id}"),
            E::NotAMaster => f.write_str("ERR The specified node is not a master"),
            E::TargetNotAMaster => f.write_str("ERR Target node is not a master"),
            E::BadSlot => f.write_str("ERR Invalid or out of range slot"),
            E::SlotBusy(slot) => write!(f, "ERR Slot {slot} is already busy"),
            E::SlotUnassigned(slot) => write!(f, "ERR Slot {slot} is already unassigned"),
            E::SlotRepeated(slot) => write!(f, "ERR Slot {slot} specified multiple times"),
            E::BadRange(first, last) => {
                write!(f, "ERR start slot number {first} is greater than end slot number {last}")
            }
            E::Arity(name) => write!(f, "ERR wrong number of arguments for 'cluster|{name}' command"),
            E::NotTheOwner(slot) => write!(f, "ERR I'm not the owner of hash slot {slot}"),
            E::AlreadyTheOwner(slot) => write!(f, "ERR I'm already the owner of hash slot {slot}"),
            E::SlotMoving(slot) => write!(f, "ERR Slot {slot} is being manually migrated"),
            E::SlotHasKeys(slot) => write!(
                f,
                "ERR Can't assign hashslot {slot} to a different node while I still hold keys for this hash slot."
            ),
            E::SetSlotOnReplica => f.write_str("ERR Please use SETSLOT only with masters."),
            E::BadSetSlot => {
                f.write_str("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP")
            }
            E::MissingTimeout => f.write_str("ERR Missing timeout value"),
            E::BadTimeout => f.write_str("ERR timeout is not an integer or out of range"),
            E::NegativeTimeout => f.write_str("ERR timeout is negative"),
            E::BadBasePort(text) => write!(f, "ERR Invalid base port specified: {text}"),
            E::BadBusPort(text) => write!(f, "ERR Invalid bus port specified: {text}"),
            E::BadAddress(ip, port) => write!(f, "ERR Invalid node address specified: {ip}:{port}"),
            E::ForgetMyself => f.write_str("ERR I tried hard but I can't forget myself..."),
            E::ForgetMyMaster => f.write_str("ERR Can't forget my master!"),
            E::ReplicateMyself => f.write_str("ERR Can't replicate myself"),
            E::ReplicateReplica => f.write_str("ERR I can only replicate a master, not a replica."),
            E::NotEmpty => {
                f.write_str("ERR To set a master the node must be empty and without assigned slots.")
            }
            E::FailoverOnMaster => f.write_str("ERR You should send CLUSTER FAILOVER to a replica"),
            E::MasterUnknown => f.write_str("ERR I'm a replica but my master is unknown to me"),
            E::MasterDown => f.write_str("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE"),
            E::BadConfigEpoch(epoch) => write!(f, "ERR Invalid config epoch specified: {epoch}"),
            E::KnowsOthers => f.write_str(
                "ERR The user can assign a config epoch only when the node does not know any other node.",
            ),
            E::HasConfigEpoch => f.write_str("ERR Node config epoch is already non-zero"),
            E::ResetWithKeys => {
                f.write_str("ERR CLUSTER RESET can't be called with master nodes containing keys")
            }
            E::FlushSlotsWithKeys => f.write_str("ERR DB must be empty to perform CLUSTER FLUSHSLOTS."),
            E::NotAnInteger => f.write_str("ERR value is not an integer or out of range"),
            E::Syntax => f.write_str("ERR syntax error"),
            E::UnknownSubcommand(name) => write!(
                f,
                "ERR unknown subcommand or wrong number of arguments for '{name}'. Try CLUSTER HELP."
            ),
            E::KillMyLinks => f.write_str("ERR Cannot free cluster link(s) to myself"),
            E::BadDirection(text) => write!(f, "ERR Unknown direction {text}"),
        }
    }
}

impl std::error::Error for CommandError {}
