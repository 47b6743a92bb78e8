//! What a core answers for a metric: numbers, with labels where there are several.

use crate::admin::info::Glance;

use super::table::{METRICS, Read, Scope};

/// A number and what tells it from others of its metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What follows the metric's name: the parts of a histogram have one.
    pub suffix: &'static str,
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: f64,
}

/// The samples of one metric.
pub type Samples = Vec<Sample>;

/// The samples of all metrics, by row.
pub type Report = Vec<Samples>;

impl Sample {
    /// The only one of its metric.
    pub fn plain(value: f64) -> Sample {
        Sample { suffix: "", labels: Vec::new(), value }
    }

    /// One of several, told apart by a label.
    pub fn labelled(name: &'static str, label: impl Into<String>, value: f64) -> Sample {
        Sample { suffix: "", labels: vec![(name, label.into())], value }
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// What a core says of itself, or of its process: the samples of all rows of `scope`.
pub fn report(glance: &Glance<'_>, scope: Scope) -> Report {
    let read = |read: &Read| match read {
        Read::Info(field) => {
            let value = crate::admin::info::find(field).and_then(|(.., value)| value(glance).number());
            value.map(Sample::plain).into_iter().collect()
        }
        Read::One(value) => vec![Sample::plain(value(glance))],
        Read::Many(values) => values(glance),
    };
    METRICS.iter().map(|row| if row.scope == scope { read(&row.read) } else { Vec::new() }).collect()
}
