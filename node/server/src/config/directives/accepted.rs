//! Directives of Redis and Valkey that do nothing here, and why.
//!
//! They are read, checked, shown by CONFIG GET and changed by CONFIG SET as any other, so that stock files
//! start and tools that look at them go on working. Whoever writes one into a file is told once.

use crate::config::kind::Kind;
use crate::config::row::{
    INT_MAX, LONG_MAX, PORT_MAX, Row, UINT_MAX, memory, number, one_of, optional, special, text, yes_no,
};

const ALLOCATOR: &str = "the allocator needs no defragmentation";
const FOREGROUND: &str = "ringmaster stays in the foreground; systemd or a container runs it";
const MODULES: &str = "there are no modules";
const NO_FORK: &str = "nothing is forked: the cores take snapshots themselves";
const NO_SYNC_FILES: &str = "files made for a full sync are always deleted";
const OOM_SCORE: &str = "the process's out-of-memory score stays as it was started with";
const PINNED: &str = "cores are pinned by cores";
const RING: &str = "each core's io_uring takes all that waits";
const RDMA: &str = "there is no RDMA";
const SYSLOG: &str = "the log goes to logfile or stdout";
const THREADS: &str = "every core does its own input and output; see cores";
const TITLE: &str = "the process keeps its name";
const CRASH: &str = "a panic is reported on stderr and ends the process";
const LATER_TLS: &str = "it is not part of the TLS that is planned";

const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

/// The rows.
pub const ROWS: &[Row] = &[
    // The process.
    yes_no("daemonize", "no").fixed().never(FOREGROUND),
    one_of("supervised", &["upstart", "systemd", "auto", "no"], "no").fixed().never(FOREGROUND),
    yes_no("always-show-logo", "no").fixed().never("there is no logo"),
    yes_no("set-proc-title", "yes").fixed().never(TITLE),
    text("proc-title-template", "{title} {listen-addr} {server-mode}").never(TITLE),
    yes_no("crash-log-enabled", "yes").never(CRASH),
    yes_no("crash-memcheck-enabled", "yes").never(CRASH),
    yes_no("use-exit-on-panic", "no").hidden().never(CRASH),
    yes_no("enable-debug-assert", "no")
        .fixed()
        .hidden()
        .never("the build decides which assertions are in it"),
    text("debug-context", "").hidden().never(CRASH),
    number("watchdog-period", 0, INT_MAX, "0").hidden().never("SLOWLOG and LATENCY show what stalls a core"),
    yes_no("syslog-enabled", "no").fixed().never(SYSLOG),
    text("syslog-ident", "ringmaster").fixed().never(SYSLOG),
    one_of("syslog-facility", FACILITIES, "local0").fixed().never(SYSLOG),
    one_of("log-format", &["legacy", "logfmt"], "legacy").never("the log has Redis's form"),
    one_of("log-timestamp-format", &["legacy", "iso8601", "milliseconds"], "legacy")
        .never("the log has Redis's form"),
    text("locale-collate", "").never("SORT ALPHA compares bytes"),
    text("ignore-warnings", "").never("nothing is refused at start that it could allow"),
    one_of("oom-score-adj", &["no", "yes", "relative", "absolute"], "no").never(OOM_SCORE),
    special("oom-score-adj-values", Kind::OomScores, "0 200 800").never(OOM_SCORE),
    yes_no("dynamic-hz", "yes").never("background work is cut into slices by time, not by hz"),
    yes_no("extended-redis-compatibility", "no").never("replies have Redis's words already"),
    text("hash-seed", "").fixed().hidden().never("every start draws its own seed"),
    yes_no("import-mode", "no").never("expired keys are never visible, imported or not"),
    // Files.
    yes_no("rdb-del-sync-files", "no").never(NO_SYNC_FILES),
    number("loading-process-events-interval-bytes", 1024, INT_MAX, "2097152")
        .hidden()
        .never("loading looks at clients by time"),
    // Threads and CPUs.
    number("io-threads", 1, 128, "1").fixed().never(THREADS),
    yes_no("io-threads-do-reads", "yes").fixed().never(THREADS),
    number("events-per-io-thread", 0, INT_MAX, "2").never(THREADS),
    number("prefetch-batch-max-size", 0, 128, "16").never(THREADS),
    optional("server-cpulist").alias("server_cpulist").fixed().never(PINNED),
    optional("bio-cpulist").alias("bio_cpulist").fixed().never(PINNED),
    optional("aof-rewrite-cpulist").alias("aof_rewrite_cpulist").fixed().never(NO_FORK),
    optional("bgsave-cpulist").alias("bgsave_cpulist").fixed().never(NO_FORK),
    // The network.
    number("socket-mark-id", 0, UINT_MAX, "0").fixed().never("sockets are not marked"),
    number("max-new-connections-per-cycle", 1, 1000, "10").never(RING),
    number("max-new-tls-connections-per-cycle", 1, 1000, "1").never(RING),
    yes_no("mptcp", "no").fixed().hidden().never("connections are plain TCP"),
    yes_no("repl-mptcp", "no").fixed().hidden().never("connections are plain TCP"),
    special("rdma-bind", Kind::Bind, "").fixed().hidden().never(RDMA),
    number("rdma-port", 0, PORT_MAX, "0").fixed().hidden().never(RDMA),
    number("rdma-rx-size", 65536, 16777216, "1048576").fixed().hidden().never(RDMA),
    number("rdma-completion-vector", -1, 1024, "-1").fixed().hidden().never(RDMA),
    optional("tls-dh-params-file").never("TLS 1.3 and elliptic curves need no parameters"),
    one_of("tls-auth-clients-user", &["off", "cn"], "off").never(LATER_TLS),
    number("tls-auto-reload-interval", 0, INT_MAX, "0").never(LATER_TLS),
    // Memory.
    yes_no("jemalloc-bg-thread", "yes").never("the allocator is mimalloc"),
    yes_no("activedefrag", "no").never(ALLOCATOR),
    memory("active-defrag-ignore-bytes", 1, LONG_MAX, "100mb").never(ALLOCATOR),
    number("active-defrag-threshold-lower", 0, 1000, "10").never(ALLOCATOR),
    number("active-defrag-threshold-upper", 0, 1000, "100").never(ALLOCATOR),
    number("active-defrag-cycle-min", 1, 99, "1").never(ALLOCATOR),
    number("active-defrag-cycle-max", 1, 99, "25").never(ALLOCATOR),
    number("active-defrag-cycle-us", 0, 100000, "500").never(ALLOCATOR),
    number("active-defrag-max-scan-fields", 1, LONG_MAX, "1000").never(ALLOCATOR),
    // Commands and modules.
    one_of("enable-module-command", &["no", "yes", "local"], "no").fixed().never(MODULES),
    // Replication, files and the cluster.
    yes_no("dual-channel-replication-enabled", "no").never("a full sync keeps no second copy of the stream"),
    one_of("rdb-version-check", &["strict", "relaxed"], "strict").never("the version is always checked"),
    number("cluster-databases", 1, INT_MAX, "1").fixed().hidden().never("only database 0 exists"),
    number("cluster-announce-client-port", 0, PORT_MAX, "0").never("clients get cluster-announce-port"),
    number("cluster-announce-client-tls-port", 0, PORT_MAX, "0")
        .never("clients get cluster-announce-tls-port"),
    one_of("cluster-config-save-behavior", &["sync", "best-effort"], "sync")
        .never("nodes.conf is always synced"),
    memory("slot-migration-max-failover-repl-bytes", 0, LONG_MAX, "0")
        .never("a slot changes hands when its stream is through"),
];
