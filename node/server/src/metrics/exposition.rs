//! Prometheus's text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;

use super::sample::{Report, Sample};
use super::table::{METRICS, Metric, PREFIX, Scope};

/// The format's media type.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page for the samples of the process and those of the cores that answered, by core.
pub fn write(process: &Report, cores: &[Option<Report>]) -> String {
    let mut text = String::with_capacity(64 << 10);
    for (index, row) in METRICS.iter().enumerate() {
        head(&mut text, row);
        match row.scope {
            Scope::Process => process[index].iter().for_each(|sample| line(&mut text, row, None, sample)),
            Scope::Core => {
                for (core, report) in cores.iter().enumerate() {
                    let samples = report.iter().flat_map(|report| &report[index]);
                    samples.for_each(|sample| line(&mut text, row, Some(core), sample));
                }
            }
        }
    }
    text
}

fn head(text: &mut String, row: &Metric) {
    let (name, kind) = (row.name, row.kind.word());
    let help = row.help.replace('\\', "\\\\");
    let _ = writeln!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
}

fn line(text: &mut String, row: &Metric, core: Option<usize>, sample: &Sample) {
    let _ = write!(text, "{PREFIX}{}{}", row.name, sample.suffix);
    let core = core.map(|core| ("core", core.to_string()));
    let mut before = '{';
    for (name, value) in core.iter().chain(&sample.labels) {
        let _ = write!(text, "{before}{name}=\"{}\"", escape(value));
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    let _ = writeln!(text, " {}", sample.value);
}

/// A label's value between quotes.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let row = METRICS.iter().find(|row| row.name == "errors_total").unwrap();
        let mut text = String::new();
        head(&mut text, row);
        line(&mut text, row, Some(2), &Sample::labelled("code", "A\"\\\n", 3.0));
        line(&mut text, row, None, &Sample::plain(0.25));
        line(&mut text, row, Some(0), &Sample::plain(1e16));
        assert_eq!(
            text,
            "# HELP ringmaster_errors_total Errors answered, by `code`\n# TYPE ringmaster_errors_total counter\n\
             ringmaster_errors_total{core=\"2\",code=\"A\\\"\\\\\\n\"} 3\nringmaster_errors_total 0.25\n\
             ringmaster_errors_total{core=\"0\"} 10000000000000000\n"
        );
    }

    #[test]
    fn a_core_that_did_not_answer_is_left_out() {
        let nothing: Report = METRICS.iter().map(|_| Vec::new()).collect();
        let mut some = nothing.clone();
        let up = METRICS.iter().position(|row| row.name == "core_up").unwrap();
        some[up].push(Sample::plain(1.0));
        let text = write(&nothing, &[None, Some(some)]);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(samples, ["ringmaster_core_up{core=\"1\"} 1"]);
    }
}
