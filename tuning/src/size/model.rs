//! What one key takes: read off the nearest measurements.
//!
//! What a key costs beyond its own bytes moves in steps (size classes, encodings) but slowly, so it is interpolated and
//! its bytes are counted exactly. A collection costs something once and something for each element; both come from two
//! measured sizes of collection. The compact and the full encoding of a type are measured apart, because between them is
//! a cliff.

use super::constants::{Constants, DataSet, Kind};

/// Strings up to this length are part of their key's entry; longer ones have a block of their own (`EMBED_MAX` of
/// `node/store`).
const EMBEDDED_MAX: u64 = 1024;

/// Keys of one sort.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sort {
    /// Their type.
    pub kind: Kind,
    /// Bytes of a key.
    pub key: u64,
    /// Elements of a key; 1 for strings.
    pub elements: u64,
    /// Bytes of an element, a field's name apart.
    pub value: u64,
    /// Bytes of a hash's field names; 0 for other types.
    pub field: u64,
}

impl Sort {
    /// Bytes of a key and all that is in it.
    pub fn payload(&self) -> u64 {
        self.key + self.elements * (self.field + self.value)
    }

    /// Whether the server keeps it in its compact form.
    fn is_compact(&self, constants: &Constants) -> bool {
        let limits = constants.compact.get(&self.kind);
        limits.is_none_or(|(most, longest)| self.elements <= *most && self.value.max(self.field) <= *longest)
    }
}

/// Resident bytes of a key of this sort beyond its payload.
pub fn around(constants: &Constants, sort: &Sort) -> f64 {
    if sort.kind == Kind::String {
        around_string(constants, sort)
    } else {
        around_collection(constants, sort)
    }
}

/// Of a string: a long value's own allocation is known to the byte, what is beside it was measured.
fn around_string(constants: &Constants, sort: &Sort) -> f64 {
    let alike = constants.sets.iter().filter(|set| set.kind == Kind::String);
    let alike = alike.filter(|set| (set.element > EMBEDDED_MAX) == (sort.value > EMBEDDED_MAX));
    let points = alike.map(|set| ((set.key + set.element) as f64, set.around() - slack(set.element)));
    interpolate(points.collect(), sort.payload() as f64) + slack(sort.value)
}

/// What the allocator sets aside for a value beyond its length: a block of its own comes in four sizes to each doubling.
fn slack(value: u64) -> f64 {
    if value <= EMBEDDED_MAX {
        return 0.0;
    }
    let step = (value.next_power_of_two() / 8).max(1);
    (value.next_multiple_of(step) - value) as f64
}

fn around_collection(constants: &Constants, sort: &Sort) -> f64 {
    let compact = sort.is_compact(constants);
    let is_alike = |set: &&DataSet| {
        let limits = constants.compact.get(&set.kind);
        let set_compact =
            limits.is_none_or(|(most, longest)| set.elements <= *most && longest_part(set) <= *longest);
        set.kind == sort.kind && set_compact == compact
    };
    let alike: Vec<&DataSet> = constants.sets.iter().filter(is_alike).collect();
    let element = (sort.field + sort.value) as f64;
    let mut lengths: Vec<u64> = alike.iter().map(|set| set.elements).collect();
    lengths.sort_unstable();
    lengths.dedup();
    // For each measured number of elements, what such a key costs with elements of this size.
    let by_length = lengths.iter().map(|length| {
        let points = alike.iter().filter(|set| set.elements == *length);
        let points = points.map(|set| (set.element as f64, set.around()));
        (*length as f64, interpolate(points.collect(), element))
    });
    extrapolate(&by_length.collect::<Vec<_>>(), sort.elements as f64)
}

/// Measured hashes have fields as long as their values.
fn longest_part(set: &DataSet) -> u64 {
    if set.kind == Kind::Hash { set.element / 2 } else { set.element }
}

/// Between points on a line; beyond them as at the nearest.
fn interpolate(mut points: Vec<(f64, f64)>, x: f64) -> f64 {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(after) = points.iter().position(|point| point.0 >= x) else {
        return points.last().map_or(0.0, |point| point.1);
    };
    if after == 0 { points[0].1 } else { line(points[after - 1], points[after], x) }
}

/// Between points on a line; beyond them on the line of the nearest two.
fn extrapolate(points: &[(f64, f64)], x: f64) -> f64 {
    match points {
        [] => 0.0,
        [only] => only.1,
        _ => {
            let after = points.iter().position(|point| point.0 >= x).unwrap_or(points.len());
            let after = after.clamp(1, points.len() - 1);
            line(points[after - 1], points[after], x)
        }
    }
}

fn line(a: (f64, f64), b: (f64, f64), x: f64) -> f64 {
    a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_what_is_told() {
        let constants = Constants::built_in();
        for set in &constants.sets {
            let (field, value) =
                if set.kind == Kind::Hash { (set.element / 2, set.element / 2) } else { (0, set.element) };
            let sort = Sort { kind: set.kind, key: set.key, elements: set.elements, value, field };
            let told = around(&constants, &sort);
            assert!((told - set.around()).abs() < 0.01, "{set:?}: {told} for {}", set.around());
        }
    }

    #[test]
    fn blocks_come_in_four_sizes_to_a_doubling() {
        let block = |value: u64| value + slack(value) as u64;
        assert_eq!(block(1000), 1000, "part of the entry");
        assert_eq!([1100, 1500, 4096, 4097, 20_500].map(block), [1280, 1536, 4096, 5120, 24_576]);
    }

    #[test]
    fn lines_between_and_beyond() {
        let points = vec![(10.0, 1.0), (20.0, 2.0)];
        assert_eq!(interpolate(points.clone(), 15.0), 1.5);
        assert_eq!(interpolate(points.clone(), 5.0), 1.0);
        assert_eq!(interpolate(points.clone(), 50.0), 2.0);
        assert_eq!(extrapolate(&points, 30.0), 3.0);
        assert_eq!(extrapolate(&points[..1], 30.0), 1.0);
    }
}
