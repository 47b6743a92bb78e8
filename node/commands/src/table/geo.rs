//! Rows of the geo commands.

use crate::geo;
use crate::table::keys::*;
use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "geoadd",
        arity: -5,
        flags: WRITE | DENYOOM,
        keys: &[one(1, RW | UPDATE)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.0",
        summary: "Adds places to a geo index or moves them.",
        run: Run::Data(geo::geoadd),
        ..ROW
    },
    Command {
        name: "geodist",
        arity: -4,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.0",
        summary: "Gives the distance between two places.",
        run: Run::Data(geo::geodist),
        ..ROW
    },
    Command {
        name: "geohash",
        arity: -2,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.0",
        summary: "Gives the geohash texts of places.",
        run: Run::Data(geo::geohash),
        ..ROW
    },
    Command {
        name: "geopos",
        arity: -2,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.0",
        summary: "Gives the coordinates of places.",
        run: Run::Data(geo::geopos),
        ..ROW
    },
    Command {
        name: "georadius",
        arity: -6,
        flags: WRITE | DENYOOM | MOVABLE_KEYS,
        keys: &[one(1, RO | ACCESS), after("STORE", 6, OW | UPDATE), after("STOREDIST", 6, OW | UPDATE)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.0",
        summary: "Finds or stores the places within a distance of a point.",
        run: Run::Data(geo::georadius),
        ..ROW
    },
    Command {
        name: "georadius_ro",
        arity: -6,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.10",
        summary: "Finds the places within a distance of a point.",
        run: Run::Data(geo::georadius_ro),
        ..ROW
    },
    Command {
        name: "georadiusbymember",
        arity: -5,
        flags: WRITE | DENYOOM | MOVABLE_KEYS,
        keys: &[one(1, RO | ACCESS), after("STORE", 5, OW | UPDATE), after("STOREDIST", 5, OW | UPDATE)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.0",
        summary: "Finds or stores the places within a distance of a place.",
        run: Run::Data(geo::georadiusbymember),
        ..ROW
    },
    Command {
        name: "georadiusbymember_ro",
        arity: -5,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: GEO,
        group: Group::Geo,
        since: "3.2.10",
        summary: "Finds the places within a distance of a place.",
        run: Run::Data(geo::georadiusbymember_ro),
        ..ROW
    },
    Command {
        name: "geosearch",
        arity: -7,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: GEO,
        group: Group::Geo,
        since: "6.2.0",
        summary: "Finds the places within a circle or a box.",
        run: Run::Data(geo::geosearch),
        ..ROW
    },
    Command {
        name: "geosearchstore",
        arity: -8,
        flags: WRITE | DENYOOM,
        keys: &[one(1, OW | UPDATE), one(2, RO | ACCESS)],
        acl: GEO,
        group: Group::Geo,
        since: "6.2.0",
        summary: "Stores the places within a circle or a box.",
        run: Run::Data(geo::geosearchstore),
        ..ROW
    },
];
