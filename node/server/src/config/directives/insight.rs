//! What the server tells about itself.

use crate::config::kind::Kind;
use crate::config::row::{LONG_MAX, group, number, special, yes_no};

group! {
    /// Slow commands and latencies.
    Insight in config.insight;

    /// Microseconds from which a command goes to SLOWLOG; 0 is every command, -1 none
    slowlog_log_slower_than: i64 =
        number("slowlog-log-slower-than", -1, LONG_MAX, "10000").alias("commandlog-execution-slower-than");
    /// Entries SLOWLOG keeps
    slowlog_max_len: u64 =
        number("slowlog-max-len", 0, LONG_MAX, "128").alias("commandlog-slow-execution-max-len");
    /// Bytes from which a request goes to COMMANDLOG; -1 is none
    commandlog_request_larger_than: i64 =
        number("commandlog-request-larger-than", -1, LONG_MAX, "1048576");
    /// Large requests COMMANDLOG keeps
    commandlog_large_request_max_len: u64 =
        number("commandlog-large-request-max-len", 0, LONG_MAX, "128");
    /// Bytes from which a reply goes to COMMANDLOG; -1 is none
    commandlog_reply_larger_than: i64 = number("commandlog-reply-larger-than", -1, LONG_MAX, "1048576");
    /// Large replies COMMANDLOG keeps
    commandlog_large_reply_max_len: u64 = number("commandlog-large-reply-max-len", 0, LONG_MAX, "128");
    /// Milliseconds from which an event goes to LATENCY; 0 is off
    latency_monitor_threshold: i64 = number("latency-monitor-threshold", 0, LONG_MAX, "0");
    /// Count each command's latency
    latency_tracking: bool = yes_no("latency-tracking", "yes");
    /// Percentiles of those latencies that INFO shows
    latency_tracking_info_percentiles: Vec<f64> =
        special("latency-tracking-info-percentiles", Kind::Percentiles, "50 99 99.9");
    /// Count CPU and traffic of each slot
    cluster_slot_stats_enabled: bool = yes_no("cluster-slot-stats-enabled", "no");
}
