//! Rows of the bitmap commands.

use crate::bits;
use crate::table::keys::*;
use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "bitcount",
        arity: -2,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: BITMAP,
        group: Group::Bitmap,
        since: "2.6.0",
        summary: "Counts the bits that are 1 in a string or part of it.",
        run: Run::Data(bits::bitcount),
        ..ROW
    },
    Command {
        name: "bitfield",
        arity: -2,
        flags: WRITE | DENYOOM,
        keys: &[one(1, RW | UPDATE | ACCESS | VARIABLE)],
        acl: BITMAP,
        group: Group::Bitmap,
        since: "3.2.0",
        summary: "Reads, sets and adds to integers of any width inside a string.",
        run: Run::Data(bits::bitfield),
        ..ROW
    },
    Command {
        name: "bitfield_ro",
        arity: -2,
        flags: READONLY | FAST,
        keys: &[one(1, RO | ACCESS)],
        acl: BITMAP,
        group: Group::Bitmap,
        since: "6.0.0",
        summary: "Reads integers of any width inside a string.",
        run: Run::Data(bits::bitfield_ro),
        ..ROW
    },
    Command {
        name: "bitop",
        arity: -4,
        flags: WRITE | DENYOOM,
        keys: &[one(2, OW | UPDATE), range(3, -1, 1, RO | ACCESS)],
        acl: BITMAP,
        group: Group::Bitmap,
        since: "2.6.0",
        summary: "Combines strings bit by bit and stores the result.",
        run: Run::Data(bits::bitop),
        ..ROW
    },
    Command {
        name: "bitpos",
        arity: -3,
        flags: READONLY,
        keys: &[one(1, RO | ACCESS)],
        acl: BITMAP,
        group: Group::Bitmap,
        since: "2.8.7",
        summary: "Finds the first 0 or 1 bit of a string or part of it.",
        run: Run::Data(bits::bitpos),
        ..ROW
    },
    Command {
        name: "getbit",
        arity: 3,
        flags: READONLY | FAST,
        keys: &[one(1, RO | ACCESS)],
        acl: BITMAP,
        group: Group::Bitmap,
        since: "2.2.0",
        summary: "Returns one bit of a string.",
        run: Run::Data(bits::getbit),
        ..ROW
    },
    Command {
        name: "setbit",
        arity: 4,
        flags: WRITE | DENYOOM,
        keys: &[one(1, RW | ACCESS | UPDATE)],
        acl: BITMAP,
        group: Group::Bitmap,
        since: "2.2.0",
        summary: "Sets one bit of a string, made and lengthened as needed, and returns what it was.",
        run: Run::Data(bits::setbit),
        ..ROW
    },
];
