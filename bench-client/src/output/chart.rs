//! Charts as SVG, drawn here so that the page needs no script and no network.

use std::fmt::Write;

/// Size of a chart in CSS pixels, and the room around its plot.
const WIDTH: f64 = 860.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 34.0;
/// Room that the words of a callout take.
const CALLOUT_ROOM: f64 = 80.0;

/// A line of a chart.
pub struct Line<'a> {
    /// What the legend calls it.
    pub name: &'a str,
    /// A CSS class that gives its colour.
    pub class: &'a str,
    /// Points in the chart's units.
    pub points: Vec<(f64, f64)>,
    /// Whether the space below is filled.
    pub filled: bool,
}

/// A chart of lines over a common axis.
pub struct Chart<'a> {
    /// A CSS class for the whole.
    pub class: &'a str,
    /// Height in CSS pixels.
    pub height: f64,
    /// What the vertical axis counts.
    pub unit: &'a str,
    /// Marks of the horizontal axis, in its units, with their text.
    pub marks: Vec<(f64, String)>,
    /// Whether the vertical axis is logarithmic: for values that differ by factors.
    pub logarithmic: bool,
    /// The lines.
    pub lines: Vec<Line<'a>>,
    /// Points of the first line that are worth a word.
    pub callouts: Vec<(f64, f64, String)>,
    /// What is said when the pointer rests above a place of the horizontal axis.
    pub hovers: Vec<(f64, String)>,
}

/// Where the chart's units lie in the picture.
struct Plot {
    x_low: f64,
    x_high: f64,
    /// Round steps of the vertical axis, lowest first.
    steps: Vec<f64>,
    logarithmic: bool,
    floor: f64,
}

impl Plot {
    fn x(&self, x: f64) -> f64 {
        LEFT + (x - self.x_low) / (self.x_high - self.x_low) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        let (low, high) = (self.steps[0], self.steps[self.steps.len() - 1]);
        let share = match self.logarithmic {
            true => (y.max(low) / low).log10() / (high / low).log10(),
            false => y / high,
        };
        self.floor - share * (self.floor - TOP)
    }
}

impl Chart<'_> {
    /// The chart as an `svg` element with its legend above.
    pub fn render(&self) -> String {
        let plot = self.plot();
        let mut svg =
            format!("<svg class='{}' viewBox='0 0 {WIDTH} {}' role='img'>\n", self.class, self.height);
        self.draw_axes(&plot, &mut svg);
        self.lines.iter().for_each(|line| draw_line(line, &plot, &mut svg));
        for (x, y, words) in &self.callouts {
            let (x, y) = (plot.x(*x), plot.y(*y));
            add(&mut svg, format!("<circle class='{}' cx='{x:.1}' cy='{y:.1}' r='4'/>", self.lines[0].class));
            // Above the line as it rises; near the left edge below it, where there is room.
            let is_left = x < LEFT + CALLOUT_ROOM;
            let place = if is_left { ("start", x + 10.0, y + 16.0) } else { ("end", x - 8.0, y - 8.0) };
            add(&mut svg, text(place.0, place.1, place.2.max(TOP + 4.0), words));
        }
        let width = (WIDTH - LEFT - RIGHT) / self.hovers.len().max(1) as f64;
        for (x, words) in &self.hovers {
            let left = plot.x(*x) - width / 2.0;
            let size = format!("width='{width:.1}' height='{:.1}'", plot.floor - TOP);
            let title = escape(words);
            add(
                &mut svg,
                format!("<rect class='hover' x='{left:.1}' y='{TOP}' {size}><title>{title}</title></rect>"),
            );
        }
        self.legend() + &svg + "</svg>\n"
    }

    fn plot(&self) -> Plot {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let xs = points().map(|p| p.0).chain(self.marks.iter().map(|m| m.0));
        let (x_low, x_high) = xs.fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
        let (x_low, x_high) = if x_high > x_low { (x_low, x_high) } else { (x_low, x_low + 1.0) };
        let most = points().map(|p| p.1).fold(0.0, f64::max);
        let least = points().map(|p| p.1).filter(|y| *y > 0.0).fold(most, f64::min);
        let steps = if self.logarithmic { decades(least, most) } else { round_steps(most) };
        Plot { x_low, x_high, steps, logarithmic: self.logarithmic, floor: self.height - BOTTOM }
    }

    fn draw_axes(&self, plot: &Plot, svg: &mut String) {
        let right = WIDTH - RIGHT;
        for step in &plot.steps {
            let y = plot.y(*step);
            add(svg, format!("<line class='grid' x1='{LEFT}' x2='{right}' y1='{y:.1}' y2='{y:.1}'/>"));
            add(svg, text("end", LEFT - 10.0, y + 4.0, &short(*step)));
        }
        for (x, label) in &self.marks {
            let (x, floor) = (plot.x(*x), plot.floor);
            add(
                svg,
                format!("<line class='tick' x1='{x:.1}' x2='{x:.1}' y1='{floor}' y2='{}'/>", floor + 5.0),
            );
            add(svg, text("middle", x, floor + 20.0, label));
        }
    }

    fn legend(&self) -> String {
        let entry = |line: &Line| format!("<span><i class='{}'></i>{}</span>", line.class, escape(line.name));
        let entries: String = self.lines.iter().map(entry).collect();
        format!("<p class='legend'>{entries}<em>{}</em></p>", self.unit)
    }
}

fn draw_line(line: &Line, plot: &Plot, svg: &mut String) {
    let place = |&(x, y): &(f64, f64)| format!("{:.1},{:.1}", plot.x(x), plot.y(y));
    let path: Vec<String> = line.points.iter().map(place).collect();
    let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { return };
    if line.filled {
        let (from, to, floor) = (plot.x(first.0), plot.x(last.0), plot.floor);
        let corners = format!("{from:.1},{floor} {} {to:.1},{floor}", path.join(" "));
        add(svg, format!("<polygon class='{} fill' points='{corners}'/>", line.class));
    }
    add(svg, format!("<polyline class='{}' points='{}'/>", line.class, path.join(" ")));
}

/// Horizontal bars: name, value, and what stands behind the bar. `class` is for the whole.
pub fn bars(class: &str, rows: &[(String, f64, String)]) -> String {
    let most = rows.iter().map(|row| row.1).fold(f64::MIN_POSITIVE, f64::max);
    let (pitch, name_width, note_width) = (30.0, 170.0, 270.0);
    let height = rows.len() as f64 * pitch + 4.0;
    let mut svg = format!("<svg class='{class}' viewBox='0 0 {WIDTH} {height}' role='img'>\n");
    for (index, (name, value, note)) in rows.iter().enumerate() {
        let y = index as f64 * pitch + 4.0;
        let width = value / most * (WIDTH - name_width - note_width);
        add(&mut svg, text("end", name_width - 10.0, y + 16.0, name));
        add(&mut svg, format!("<rect x='{name_width}' y='{y}' width='{width:.1}' height='22' rx='3'/>"));
        add(&mut svg, text("start", name_width + width + 10.0, y + 16.0, note));
    }
    svg + "</svg>\n"
}

fn add(out: &mut String, part: String) {
    writeln!(out, "{part}").expect("writing to a string cannot fail");
}

fn text(anchor: &str, x: f64, y: f64, text: &str) -> String {
    format!("<text text-anchor='{anchor}' x='{x:.1}' y='{y:.1}'>{}</text>", escape(text))
}

/// Text that is safe inside HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}

/// 0 and up to six round steps, the last at or above `high`.
fn round_steps(high: f64) -> Vec<f64> {
    if high <= 0.0 {
        return vec![0.0, 1.0];
    }
    let rough = high / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|f| f * power).into_iter().find(|s| *s >= rough).unwrap_or(rough);
    (0..=(high / step).ceil() as usize).map(|i| i as f64 * step).collect()
}

/// Powers of ten from at or below `low` to at or above `high`, at least two.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let from = low.max(1e-6).log10().floor() as i32;
    let to = (high.max(1e-6).log10().ceil() as i32).max(from + 1);
    (from..=to).map(|power| 10f64.powi(power)).collect()
}

/// A number on an axis: `250k`, `1.5`, `0.02`.
fn short(value: f64) -> String {
    let trim = |text: String| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
    };
    match value {
        1e6.. => trim(format!("{:.2}", value / 1e6)) + "M",
        1e4.. => trim(format!("{:.1}", value / 1e3)) + "k",
        _ => trim(format!("{value:.3}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_reach_the_top() {
        assert_eq!(round_steps(9.3), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(round_steps(0.0), [0.0, 1.0]);
        for high in [0.0123, 1.0, 77.0, 123_456.0] {
            let steps = round_steps(high);
            assert!(steps.len() <= 7 && *steps.last().unwrap() >= high, "{high}: {steps:?}");
        }
    }

    #[test]
    fn decades_hold_all_values() {
        let close = |found: Vec<f64>, wanted: &[f64]| {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a / b - 1.0).abs() < 1e-9)
        };
        assert!(close(decades(0.05, 300.0), &[0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]));
        assert!(close(decades(1.0, 1.0), &[1.0, 10.0]));
        assert!(decades(0.0, 0.0).len() == 2);
    }

    #[test]
    fn axis_numbers_are_short() {
        assert_eq!([0.0, 0.02, 1.5, 250_000.0, 2_500_000.0].map(short), ["0", "0.02", "1.5", "250k", "2.5M"]);
    }
}
