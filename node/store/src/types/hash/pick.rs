//! Random fields: `HRANDFIELD`.

use std::collections::BTreeSet;

use base::Random;

use super::super::listpack::Item;
use super::super::sample::Selection;
use super::{FieldRef, Form, Hash};

/// Of a table, at most one in this many fields is drawn at random; for more it is walked.
const DRAW_AT_MOST: usize = 3;
/// How often a table's expired fields may be drawn before it is walked for one that is alive.
const DRAWS_MAX: usize = 64;

impl Hash {
    /// A field, each as likely as any other that is alive at `now`.
    pub fn random(&self, now: u64, random: &mut Random) -> Option<FieldRef<'_>> {
        match &self.0 {
            Form::Packed(packed) => {
                // The expired ones come first.
                let expired = packed.expired_len(now);
                let alive = packed.len() - expired;
                if alive == 0 {
                    return None;
                }
                let index = expired + random.below(alive as u64) as usize;
                packed.tuple_at(index).map(|tuple| tuple.field_ref())
            }
            Form::Large(large) => {
                let drawn =
                    (0..DRAWS_MAX).find_map(|_| large.random(random).filter(|field| field.is_alive(now)));
                drawn.or_else(|| {
                    let alive = self.len(now) as u64;
                    self.iter(now).nth(random.below(alive.max(1)) as usize)
                })
            }
        }
    }

    /// Calls `emit` for `count` different fields, or for all; each choice of them is as likely.
    pub fn sample(&self, count: usize, now: u64, random: &mut Random, mut emit: impl FnMut(FieldRef<'_>)) {
        let len = self.len(now);
        if matches!(self.0, Form::Large(_)) && count.saturating_mul(DRAW_AT_MOST) <= len {
            let mut seen = BTreeSet::new();
            while seen.len() < count {
                let Some(field) = self.random(now, random) else { return };
                let Item::Str(name) = field.field else { unreachable!("a table's names are strings") };
                if seen.insert(name) {
                    emit(field);
                }
            }
            return;
        }
        let mut selection = Selection::new(count, len);
        self.iter(now).filter(|_| selection.take(random)).for_each(emit);
    }
}
