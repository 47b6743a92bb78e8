//! Sections with a line for each command, error or database.

use std::fmt::Write as _;

use base::Random;

use super::Glance;

/// Section Commandstats.
pub(super) fn commands(glance: &Glance<'_>, text: &mut String) {
    for (found, stats) in glance.core.stats.by_command() {
        let us = stats.microseconds;
        let us_per_call = if stats.calls == 0 { 0.0 } else { us as f64 / stats.calls as f64 };
        let _ = write!(
            text,
            "cmdstat_{}:calls={},usec={us},usec_per_call={us_per_call:.2},rejected_calls={},failed_calls={}\r\n",
            found.full_name(),
            stats.calls,
            stats.rejected,
            stats.failed
        );
    }
}

/// Section Errorstats. A code may be anything that was sent as an error; what would break the line is
/// replaced.
pub(super) fn errors(glance: &Glance<'_>, text: &mut String) {
    for (code, count) in &glance.core.stats.errors_by_code {
        let code = code.replace(['#', ':', '\n', '\r'], "_");
        let _ = write!(text, "errorstat_{code}:count={count}\r\n");
    }
}

/// Section Latencystats: percentiles of run times in microseconds, those of
/// `latency-tracking-info-percentiles`.
pub(super) fn latencies(glance: &Glance<'_>, text: &mut String) {
    let insight = &glance.core.config.insight;
    if !insight.latency_tracking {
        return;
    }
    for (found, stats) in glance.core.stats.by_command() {
        let Some(histogram) = &stats.histogram else { continue };
        let at = |percentile: &f64| {
            format!("p{percentile}={:.3}", histogram.value_at_percentile(*percentile) as f64)
        };
        let percentiles: Vec<String> = insight.latency_tracking_info_percentiles.iter().map(at).collect();
        let _ = write!(text, "latency_percentiles_usec_{}:{}\r\n", found.full_name(), percentiles.join(","));
    }
}

/// Keys that the average time to live is estimated from.
const TTL_SAMPLES: u64 = 32;

/// Section Keyspace: databases that are not empty; a cluster node has one.
pub(super) fn databases(glance: &Glance<'_>, text: &mut String) {
    let keys = &glance.core.keys;
    if keys.is_empty() {
        return;
    }
    let now_ms = glance.core.now_ms;
    let mut random = Random::new(now_ms);
    let mut sample = |_| {
        let (_, entry) = keys.random_expiring_key(&mut || random.bits())?;
        entry.expire_at().map(|at_ms| at_ms.saturating_sub(now_ms))
    };
    let samples: Vec<u64> = (0..TTL_SAMPLES).map_while(&mut sample).collect();
    let average = samples.iter().map(|ttl| u128::from(*ttl)).sum::<u128>() / samples.len().max(1) as u128;
    let _ = write!(text, "db0:keys={},expires={},avg_ttl={average}\r\n", keys.len(), keys.expires_len());
}
