//! Geohash cells: squares of longitude and latitude, numbered so that neighbours are mostly near in number.
//!
//! A cell of step `n` is one of 4^n that the map is cut into; its number has the bits of its column
//! (longitude, odd bits) and row (latitude, even bits) in turn. A place's score is the number of its cell of
//! step 26: 52 bits, which a double holds exactly. All places within a cell of a smaller step have scores in
//! one range. The map ends at 85.05 degrees (EPSG:3857), where it is square.

/// Furthest longitude, east and west.
pub(super) const LONGITUDE_MAX: f64 = 180.0;
/// Furthest latitude, north and south.
pub(super) const LATITUDE_MAX: f64 = 85.05112878;
/// The step of the cells that scores number.
pub(super) const STEP_MAX: u32 = 26;

/// Bits of the row in a cell's number.
const ROW_BITS: u64 = 0x5555_5555_5555_5555;

/// A place in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

/// A cell of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) bits: u64,
    pub(super) step: u32,
}

/// A cell's edges in degrees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

impl Point {
    /// The place that a score stands for: the middle of its cell.
    pub(super) fn from_score(score: f64) -> Point {
        // A score that is no place's may be negative: its bits are those of the number.
        let area = Cell { bits: score as i64 as u64, step: STEP_MAX }.area();
        let middle = |a: f64, b: f64, max: f64| ((a + b) / 2.0).clamp(-max, max);
        Point {
            longitude: middle(area.west, area.east, LONGITUDE_MAX),
            latitude: middle(area.south, area.north, LATITUDE_MAX),
        }
    }

    /// The score of the place, which is on the map.
    pub(super) fn score(self) -> u64 {
        self.cell(STEP_MAX, LATITUDE_MAX).bits
    }

    /// The cell the place is in, on a map that ends at `latitude_max`.
    pub(super) fn cell(self, step: u32, latitude_max: f64) -> Cell {
        let cells = (1u64 << step) as f64;
        let column = (self.longitude + LONGITUDE_MAX) / (2.0 * LONGITUDE_MAX) * cells;
        let row = (self.latitude + latitude_max) / (2.0 * latitude_max) * cells;
        Cell { bits: spread(row as u32) | spread(column as u32) << 1, step }
    }
}

impl Cell {
    /// The cell's edges.
    pub(super) fn area(self) -> Area {
        let cells = (1u64 << self.step) as f64;
        let edge = |number: u32, max: f64| -max + (f64::from(number) / cells) * (2.0 * max);
        // The last row and column end where the first begins, one past the largest number.
        let far_edge =
            |number: u32, max: f64| -max + (f64::from(number.wrapping_add(1)) / cells) * (2.0 * max);
        let (row, column) = (gather(self.bits), gather(self.bits >> 1));
        Area {
            west: edge(column, LONGITUDE_MAX),
            east: far_edge(column, LONGITUDE_MAX),
            south: edge(row, LATITUDE_MAX),
            north: far_edge(row, LATITUDE_MAX),
        }
    }

    /// The scores of all places in the cell: from the first to before the second.
    pub(super) fn scores(self) -> (u64, u64) {
        let shift = 2 * (STEP_MAX - self.step);
        (self.bits << shift, (self.bits + 1) << shift)
    }

    /// The cell so many columns east and rows north, around the map's edges. At 180 degrees sharp a place is in a
    /// column past the last; as in Redis, moving north or south leaves it there.
    pub(super) fn moved(self, columns: i32, rows: i32) -> Cell {
        let wrap = |number: u32, by: i32| match by {
            0 => number,
            _ => number.wrapping_add_signed(by) & (u32::MAX >> (32 - self.step)),
        };
        let (row, column) = (wrap(gather(self.bits), rows), wrap(gather(self.bits >> 1), columns));
        Cell { bits: spread(row) | spread(column) << 1, step: self.step }
    }
}

/// Moves bit `i` to bit `2 i`.
fn spread(number: u32) -> u64 {
    let folds = [(16, 0x0000_FFFF_0000_FFFF), (8, 0x00FF_00FF_00FF_00FF), (4, 0x0F0F_0F0F_0F0F_0F0F)];
    let folds = folds.into_iter().chain([(2, 0x3333_3333_3333_3333), (1, ROW_BITS)]);
    folds.fold(u64::from(number), |bits, (shift, mask)| (bits | bits << shift) & mask)
}

/// Moves bit `2 i` to bit `i`, leaving out the odd bits.
fn gather(bits: u64) -> u32 {
    let folds = [(1, 0x3333_3333_3333_3333), (2, 0x0F0F_0F0F_0F0F_0F0F), (4, 0x00FF_00FF_00FF_00FF)];
    let folds = folds.into_iter().chain([(8, 0x0000_FFFF_0000_FFFF), (16, 0x0000_0000_FFFF_FFFF)]);
    folds.fold(bits & ROW_BITS, |bits, (shift, mask)| (bits | bits >> shift) & mask) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_spread_and_gather() {
        for number in [0, 1, 2, 0x3FF_FFFF, 0xDEAD_BEEF, u32::MAX] {
            assert_eq!(gather(spread(number)), number);
            assert_eq!(gather(spread(number) << 1), 0);
        }
        assert_eq!(spread(0b101), 0b10001);
    }

    #[test]
    fn scores_of_known_places() {
        // Palermo and Catania, from the command page of GEOADD.
        let palermo = Point { longitude: 13.361389, latitude: 38.115556 };
        let catania = Point { longitude: 15.087269, latitude: 37.502669 };
        assert_eq!((palermo.score(), catania.score()), (3_479_099_956_230_698, 3_479_447_370_796_909));
        let back = Point::from_score(palermo.score() as f64);
        assert!((back.longitude - palermo.longitude).abs() < 1e-5);
        assert!((back.latitude - palermo.latitude).abs() < 1e-5);
    }

    #[test]
    fn neighbours_wrap() {
        let corner = Cell { bits: 0, step: 2 };
        assert_eq!(corner.moved(-1, 0).moved(1, 0), corner);
        assert_eq!(corner.moved(4, -4), corner);
        assert_eq!(corner.moved(0, 1).bits, 0b01);
        assert_eq!(corner.moved(1, 0).bits, 0b10);
        assert_eq!(corner.moved(-1, -1).bits, 0b1111);
        assert_eq!(Cell { bits: 0b1001, step: 2 }.scores(), (0b1001 << 48, 0b1010 << 48));
    }
}
