//! The area a search covers, and the cells that cover the area.
//!
//! Distances are great circles on a sphere of the radius Redis uses. A search looks at nine cells, the one
//! its centre is in and the eight around, of the smallest step at which they are sure to cover the shape;
//! what each holds is then measured exactly. Which cells are left out decides the order of unsorted replies
//! (and what COUNT ANY finds), so it is done as in Redis (geohash_helper.c).

use super::cell::{Cell, LATITUDE_MAX, Point, STEP_MAX};

/// The sphere's radius in metres.
const EARTH_RADIUS: f64 = 6372797.560856;
/// Half the length of the equator on the square map, in metres.
const MERCATOR_MAX: f64 = 20037726.37;
/// A degree in radians.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// What is searched: around a centre, lengths in metres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) center: Point,
    pub(super) form: Form,
}

/// The form of a search area.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// All within a radius.
    Circle(f64),
    /// A box along the directions of the compass.
    Box {
        /// From west to east.
        width: f64,
        /// From south to north.
        height: f64,
    },
}

/// The distance between two places in metres (haversine).
pub(super) fn distance(a: Point, b: Point) -> f64 {
    let half_sine = |from: f64, to: f64| ((to * DEGREE - from * DEGREE) / 2.0).sin();
    let v = half_sine(a.longitude, b.longitude);
    if v == 0.0 {
        return latitude_distance(a.latitude, b.latitude);
    }
    let u = half_sine(a.latitude, b.latitude);
    let square = u * u + (a.latitude * DEGREE).cos() * (b.latitude * DEGREE).cos() * v * v;
    2.0 * EARTH_RADIUS * square.sqrt().asin()
}

fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS * (b * DEGREE - a * DEGREE).abs()
}

impl Shape {
    /// The distance of a place from the centre, if it is inside.
    pub(super) fn distance_inside(&self, place: Point) -> Option<f64> {
        match self.form {
            Form::Circle(radius) => Some(distance(self.center, place)).filter(|found| *found <= radius),
            Form::Box { width, height } => {
                if latitude_distance(place.latitude, self.center.latitude) > height / 2.0 {
                    return None;
                }
                let same_row = Point { longitude: self.center.longitude, latitude: place.latitude };
                let inside = distance(place, same_row) <= width / 2.0;
                inside.then(|| distance(self.center, place))
            }
        }
    }

    /// Half the width and half the height.
    fn half_sizes(&self) -> (f64, f64) {
        match self.form {
            Form::Circle(radius) => (radius, radius),
            Form::Box { width, height } => (width / 2.0, height / 2.0),
        }
    }

    /// The furthest distance from the centre.
    fn reach(&self) -> f64 {
        match self.form {
            Form::Circle(radius) => radius,
            Form::Box { width, height } => ((width / 2.0).powi(2) + (height / 2.0).powi(2)).sqrt(),
        }
    }

    /// The step at which nine cells are likely to cover the shape.
    fn first_step(&self) -> u32 {
        let (mut reach, mut step) = (self.reach(), 1i32);
        if reach == 0.0 {
            return STEP_MAX;
        }
        while reach < MERCATOR_MAX {
            reach *= 2.0;
            step += 1;
        }
        step -= 2;
        // Meridians come together towards the poles.
        let latitude = self.center.latitude.abs();
        step -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        step.clamp(1, STEP_MAX as i32) as u32
    }

    /// The cells to look into, in this order.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let bounds = Bounds::of(self);
        let mut step = self.first_step();
        let mut center = self.center.cell(step, LATITUDE_MAX);
        if step > 1 && !bounds.are_within_neighbours(center) {
            step -= 1;
            center = self.center.cell(step, LATITUDE_MAX);
        }
        let area = center.area();
        let needs = |columns: i32, rows: i32| {
            step < 2
                || !((rows < 0 && area.south < bounds.south)
                    || (rows > 0 && area.north > bounds.north)
                    || (columns < 0 && area.west < bounds.west)
                    || (columns > 0 && area.east > bounds.east))
        };
        let around = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let around = around.into_iter().filter(|&(columns, rows)| needs(columns, rows));
        let mut cells = vec![center];
        let mut last = None;
        for cell in around.map(|(columns, rows)| center.moved(columns, rows)) {
            // On a map of few cells, neighbours all around are the same ones.
            if last != Some(cell) {
                cells.push(cell);
                last = Some(cell);
            }
        }
        cells
    }
}

/// The rectangle of degrees around a shape.
struct Bounds {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

impl Bounds {
    fn of(shape: &Shape) -> Bounds {
        let Point { longitude, latitude } = shape.center;
        let (half_width, half_height) = shape.half_sizes();
        let rows = half_height / EARTH_RADIUS / DEGREE;
        // The edge further from the equator spans more degrees.
        let edge = if latitude < 0.0 { latitude - rows } else { latitude + rows };
        let columns = half_width / EARTH_RADIUS / (edge * DEGREE).cos() / DEGREE;
        Bounds {
            west: longitude - columns,
            east: longitude + columns,
            south: latitude - rows,
            north: latitude + rows,
        }
    }

    fn are_within_neighbours(&self, center: Cell) -> bool {
        center.moved(0, 1).area().north >= self.north
            && center.moved(0, -1).area().south <= self.south
            && center.moved(1, 0).area().east >= self.east
            && center.moved(-1, 0).area().west <= self.west
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
    const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };

    #[test]
    fn distances() {
        // From the command page of GEODIST, where the places are rounded to their cells.
        assert!((distance(PALERMO, CATANIA) - 166_274.15).abs() < 1.0);
        assert_eq!(distance(PALERMO, PALERMO), 0.0);
        let north = Point { latitude: PALERMO.latitude + 1.0, ..PALERMO };
        assert!((distance(PALERMO, north) - 111_226.0).abs() < 1.0);
    }

    #[test]
    fn cells_cover_the_shape() {
        // Places on a grid around centres all over the map: whatever is inside must be in one of the cells.
        for (longitude, latitude) in
            [(0.0, 0.0), (13.4, 38.1), (179.9, -60.0), (-179.0, 84.0), (-73.9, -84.9)]
        {
            let center = Point { longitude, latitude };
            for size in [10.0, 500.0, 20_000.0, 700_000.0] {
                for form in [Form::Circle(size), Form::Box { width: size, height: size / 3.0 }] {
                    check_covered(&Shape { center, form }, size);
                }
            }
        }
    }

    fn check_covered(shape: &Shape, size: f64) {
        let cells = shape.cells();
        for step in -20..=20i32 {
            for other in -20..=20i32 {
                let degrees = size / 111_000.0 / 19.0;
                let place = Point {
                    longitude: shape.center.longitude + f64::from(step) * degrees,
                    latitude: shape.center.latitude + f64::from(other) * degrees,
                };
                let on_map = place.longitude.abs() <= 180.0 && place.latitude.abs() <= LATITUDE_MAX;
                if on_map && shape.distance_inside(place).is_some() {
                    let score = place.score();
                    let covers = |cell: &Cell| (cell.scores().0..cell.scores().1).contains(&score);
                    assert!(cells.iter().any(covers), "{shape:?} {place:?}");
                }
            }
        }
    }
}
