//! What was found, for people and for programs.

use serde::Serialize;

use crate::finding::{Finding, Severity, State, Step};
use crate::goal::Goal;
use crate::knobs::Knob;
use crate::machine::{cpus, nic};
use crate::root::Root;

/// A knob and how it stands.
#[derive(Debug)]
pub struct Line {
    /// The knob.
    pub knob: &'static Knob,
    /// How it stands.
    pub finding: Finding,
}

/// All knobs that were looked at, in the order of the table of knobs.
#[derive(Debug)]
pub struct Report {
    /// A line each.
    pub lines: Vec<Line>,
}

impl Line {
    /// How much it matters; nothing for what needs no change.
    pub fn severity(&self) -> Option<Severity> {
        match self.finding.state {
            State::Bad { severity, .. } => Some(severity),
            _ => None,
        }
    }

    /// What would change it.
    pub fn steps(&self) -> &[Step] {
        match &self.finding.state {
            State::Bad { steps, .. } => steps,
            _ => &[],
        }
    }

    fn want(&self) -> &str {
        match &self.finding.state {
            State::Bad { want, .. } => want,
            _ => "",
        }
    }

    /// The word for how it stands.
    fn status(&self) -> &'static str {
        match self.finding.state {
            State::Bad { severity: Severity::Critical, .. } => "critical",
            State::Bad { severity: Severity::High, .. } => "high",
            State::Bad { severity: Severity::Low, .. } => "low",
            State::Unseen => "not seen",
            State::Good => "fine",
            State::Absent => "not here",
        }
    }

    /// Where it stands in a table, worst first.
    fn rank(&self) -> u8 {
        match self.finding.state {
            State::Bad { severity, .. } => 2 - severity as u8,
            State::Unseen => 3,
            State::Good => 4,
            State::Absent => 5,
        }
    }
}

/// A line for programs.
#[derive(Serialize)]
struct Row<'a> {
    knob: &'a str,
    status: &'a str,
    now: &'a str,
    want: &'a str,
    why: &'a str,
    guide: &'a str,
    steps: &'a [Step],
}

impl Report {
    /// Looks at knobs.
    pub fn look(root: &Root, goal: &Goal, knobs: impl Iterator<Item = &'static Knob>) -> Report {
        Report { lines: knobs.map(|knob| Line { knob, finding: knob.look(root, goal) }).collect() }
    }

    /// The worst that was found.
    pub fn worst(&self) -> Option<Severity> {
        self.lines.iter().filter_map(Line::severity).max()
    }

    fn sorted(&self) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| line.rank());
        lines
    }

    /// A JSON array, worst first.
    pub fn json(&self) -> String {
        let row = |line: &&Line| {
            serde_json::to_value(Row {
                knob: line.knob.name,
                status: line.status(),
                now: &line.finding.now,
                want: line.want(),
                why: line.knob.why,
                guide: line.knob.guide,
                steps: line.steps(),
            })
        };
        let rows: Result<Vec<_>, _> = self.sorted().iter().map(row).collect();
        let text = rows.and_then(|rows| serde_json::to_string_pretty(&rows));
        text.expect("texts and lists are JSON") + "\n"
    }

    /// A table, worst first, and a summary; `all` also shows what is fine.
    pub fn table(&self, root: &Root, goal: &Goal, all: bool) -> String {
        let mut lines = self.sorted();
        lines.retain(|line| all || !matches!(line.finding.state, State::Good | State::Absent));
        let mut rows = vec![["", "KNOB", "IS", "SHOULD BE", "WHY"]];
        rows.extend(
            lines
                .iter()
                .map(|line| [line.status(), line.knob.name, &line.finding.now, line.want(), line.knob.why]),
        );
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..4).map(width).collect();
        let mut text = format!("{}\n\n", heading(root, goal));
        if !lines.is_empty() {
            for row in &rows {
                let cells: String =
                    row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
                text += &format!("{}\n", format!("{cells}{}", row[4]).trim_end());
            }
            text += "\n";
        }
        text + &self.summary()
    }

    fn summary(&self) -> String {
        let count = |status: &str| self.lines.iter().filter(|line| line.status() == status).count();
        let mut text = format!(
            "{} critical, {} high, {} low; {} fine, {} not here, {} not seen.\n",
            count("critical"),
            count("high"),
            count("low"),
            count("fine"),
            count("not here"),
            count("not seen"),
        );
        if self.worst().is_some() {
            text += "'ringmaster-tune plan' prints what would change it; the guides in tuning/ say more of each.\n";
        }
        text
    }
}

/// For whom and on what.
fn heading(root: &Root, goal: &Goal) -> String {
    let card = match &goal.nic {
        None => "no network card".to_owned(),
        Some(name) => {
            let driver = nic::driver(root, name).unwrap_or_else(|| "no driver".to_owned());
            format!("clients by {name} ({driver})")
        }
    };
    let kernel = root.read("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "of unknown version".to_owned());
    let server = goal.pid.map_or("no server runs".to_owned(), |pid| format!("the server is process {pid}"));
    let cores = if goal.cores == 1 { "core" } else { "cores" };
    format!("{} {cores} on CPUs {}, {card}, Linux {kernel}; {server}", goal.cores, cpus::format(goal.cpus()))
}
