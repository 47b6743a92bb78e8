//! Elements on their way into collections: none twice, no score that is no number, expiries in all their forms.

use store::types::hash::{ALL, Expiry};
use store::types::int::IntText;
use store::types::listpack::{Item, Listpack};
use store::types::{Hash, Limits, Set, Zset};

use crate::encode::NO_EXPIRY;
use crate::format::kind;
use crate::reader::{Fault, Read, Reader, Text};

/// Adds a member that must be new.
pub(super) fn add_member(set: &mut Set, member: &Text<'_>, limits: &Limits) -> Read<()> {
    let is_new = match member {
        Text::Int(number) => set.add(Item::Int(*number), limits),
        Text::Bytes(bytes) => set.add(Item::Str(bytes), limits),
    };
    if is_new { Ok(()) } else { Err(Fault::Bad("a set that holds something twice")) }
}

/// Adds a member that must be new, with a score that must be a number.
pub(super) fn add_scored(zset: &mut Zset, member: &Text<'_>, score: f64, limits: &Limits) -> Read<()> {
    if score.is_nan() {
        return Err(Fault::Bad("a score that is no number"));
    }
    if zset.insert(member.as_bytes(&mut IntText::default()), score, limits) {
        Ok(())
    } else {
        Err(Fault::Bad("a sorted set that holds something twice"))
    }
}

/// Adds a field that must be new.
pub(super) fn add_field(
    hash: &mut Hash,
    field: &Text<'_>,
    value: &Text<'_>,
    expiry: Expiry,
    limits: &Limits,
) -> Read<()> {
    let (mut field_digits, mut value_digits) = (IntText::default(), IntText::default());
    let (field, value) = (field.as_bytes(&mut field_digits), value.as_bytes(&mut value_digits));
    if hash.set(field, value, expiry, ALL, limits) {
        Ok(())
    } else {
        Err(Fault::Bad("a hash that holds a field twice"))
    }
}

/// Where a hash's fields have their expiry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldExpiry {
    /// They have none.
    None,
    /// Valkey 9: behind the value, 8 bytes of unix ms, or -1.
    Behind,
    /// Redis 7.4: before the field, how much later than the earliest it is, plus 1; 0 for none.
    Before {
        /// The earliest, unix ms.
        earliest: u64,
    },
}

impl FieldExpiry {
    /// Reads what stands at the start of a value of this type.
    pub(super) fn begin(kind: u8, reader: &mut Reader<'_>) -> Read<FieldExpiry> {
        Ok(match kind {
            kind::HASH_2 => FieldExpiry::Behind,
            kind::HASH_METADATA | kind::HASH_LISTPACK_EX => {
                let earliest = u64::from_le_bytes(reader.array()?);
                FieldExpiry::Before { earliest }
            }
            _ => FieldExpiry::None,
        })
    }

    /// Reads what stands before a field.
    pub(super) fn read_before(self, reader: &mut Reader<'_>) -> Read<Expiry> {
        let FieldExpiry::Before { earliest } = self else { return Ok(Expiry::Never) };
        match reader.length()? {
            0 => Ok(Expiry::Never),
            later => expiry_at(earliest.checked_add(later - 1)),
        }
    }

    /// Reads what stands behind a value; `before` is what stood before the field.
    pub(super) fn read_behind(self, before: Expiry, reader: &mut Reader<'_>) -> Read<Expiry> {
        if self != FieldExpiry::Behind {
            return Ok(before);
        }
        match reader.millis()? {
            NO_EXPIRY => Ok(Expiry::Never),
            at => expiry_at(u64::try_from(at).ok()),
        }
    }
}

fn expiry_at(at_ms: Option<u64>) -> Read<Expiry> {
    match at_ms.filter(|at| i64::try_from(*at).is_ok()) {
        // A time of 0 is long past, but not none.
        Some(at) => Ok(Expiry::At(at.max(1))),
        None => Err(Fault::Bad("a field with an impossible expiry")),
    }
}

/// The hash in a listpack of fields, values and expiries (0 for none), as Redis 7.4 keeps small ones.
pub(super) fn hash_of_triplets(entries: &Listpack, limits: &Limits) -> Read<Hash> {
    let hash = Hash::from_listpack(entries, true, limits);
    hash.map_err(|_| Fault::Bad("a malformed packed hash"))
}
