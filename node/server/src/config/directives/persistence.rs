//! Snapshots and the append-only file.

use crate::config::checks;
use crate::config::kind::Kind;
use crate::config::row::{
    INT_MAX, INT_MIN, LONG_MAX, checked, group, memory, number, one_of, special, yes_no,
};
use crate::config::value::{AppendFsync, SavePoint};

group! {
    /// How data outlives the process.
    Persistence in config.persistence;

    /// When to take a snapshot: seconds and writes, as many pairs as wanted; "" is never
    save: Vec<SavePoint> = special("save", Kind::Save, "3600 1 300 100 60 10000");
    /// Name of the snapshot's file
    dbfilename: String = checked("dbfilename", "dump.rdb", checks::db_filename).protected();
    /// Compress strings in snapshots
    rdbcompression: bool = yes_no("rdbcompression", "yes");
    /// Write and check a checksum of snapshots
    rdbchecksum: bool = yes_no("rdbchecksum", "yes").fixed();
    /// Write snapshots to the disk as they grow
    rdb_save_incremental_fsync: bool = yes_no("rdb-save-incremental-fsync", "yes");
    /// Refuse writes after a failed snapshot
    stop_writes_on_bgsave_error: bool = yes_no("stop-writes-on-bgsave-error", "yes");
    /// Log every write
    appendonly: bool = yes_no("appendonly", "no").not_while_loading();
    /// Beginning of the log's file names
    appendfilename: String =
        checked("appendfilename", "appendonly.aof", checks::append_filename).fixed();
    /// Folder of the log, within dir
    appenddirname: String =
        checked("appenddirname", "appendonlydir", checks::append_dirname).fixed();
    /// When the log reaches the disk
    appendfsync: AppendFsync = one_of("appendfsync", AppendFsync::WORDS, "everysec");
    /// Leave the disk alone while the log is rewritten
    no_appendfsync_on_rewrite: bool = yes_no("no-appendfsync-on-rewrite", "no");
    /// Growth in percent since the last rewrite that asks for another; 0 is never
    auto_aof_rewrite_percentage: u32 =
        number("auto-aof-rewrite-percentage", 0, INT_MAX, "100");
    /// Size in bytes below which the log is not rewritten
    auto_aof_rewrite_min_size: u64 =
        memory("auto-aof-rewrite-min-size", 0, LONG_MAX, "64mb");
    /// Write the rewritten log to the disk as it grows
    aof_rewrite_incremental_fsync: bool =
        yes_no("aof-rewrite-incremental-fsync", "yes");
    /// Load a log whose end is torn
    aof_load_truncated: bool = yes_no("aof-load-truncated", "yes");
    /// Begin a rewritten log with a snapshot
    aof_use_rdb_preamble: bool = yes_no("aof-use-rdb-preamble", "yes");
    /// Note the time in the log
    aof_timestamp_enabled: bool = yes_no("aof-timestamp-enabled", "no");
    /// Keep files of the log that are no longer needed (for tests)
    aof_disable_auto_gc: bool = yes_no("aof-disable-auto-gc", "no").hidden();
    /// Microseconds to wait after each saved key (for tests); negative is a part of a microsecond
    rdb_key_save_delay: i32 =
        number("rdb-key-save-delay", INT_MIN, INT_MAX, "0").hidden();
    /// Microseconds to wait after each loaded key (for tests); negative is a part of a microsecond
    key_load_delay: i32 = number("key-load-delay", INT_MIN, INT_MAX, "0").hidden();
}
