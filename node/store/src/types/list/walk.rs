//! Walking a list's elements.
//!
//! An element is lent to a function and not given: that of a pressed node lives only as long as the node's opened copy.

use std::ops::ControlFlow;

use super::super::listpack::{Item, Listpack};
use super::super::packed_or::Form;
use super::node::Node;
use super::quick::Quick;
use super::{List, Side};

/// What a walk does with each element; a break ends it.
type Step<'f> = &'f mut dyn FnMut(Item<'_>) -> ControlFlow<()>;

impl List {
    /// Lends the elements to `step`, in order as seen from `from`, leaving out the first `skip`, until it breaks.
    pub(super) fn walk(&self, from: Side, skip: usize, step: Step<'_>) {
        let _ = match self.0.get() {
            Form::Packed(listpack) => walk_listpack(listpack, from, skip, step),
            Form::Large(quick) => walk_quick(quick, from, skip, step),
        };
    }
}

fn walk_quick(quick: &Quick, from: Side, skip: usize, step: Step<'_>) -> ControlFlow<()> {
    if skip >= quick.len() {
        return ControlFlow::Continue(());
    }
    let index = if from == Side::Front { skip } else { quick.len() - 1 - skip };
    let (n, offset) = quick.locate(index);
    let mut skip = if from == Side::Front { offset } else { quick.nodes()[n].count() - 1 - offset };
    // Only of the first node some elements are left out.
    let visit = |node: &Node| walk_node(node, from, std::mem::take(&mut skip), step);
    match from {
        Side::Front => quick.nodes().range(n..).try_for_each(visit),
        Side::Back => quick.nodes().range(..=n).rev().try_for_each(visit),
    }
}

fn walk_node(node: &Node, from: Side, skip: usize, step: Step<'_>) -> ControlFlow<()> {
    match node.listpack() {
        Some(listpack) => walk_listpack(&listpack, from, skip, step),
        None => node.as_plain().map_or(ControlFlow::Continue(()), |text| step(Item::Str(text))),
    }
}

fn walk_listpack(listpack: &Listpack, from: Side, skip: usize, step: Step<'_>) -> ControlFlow<()> {
    match from {
        Side::Front => {
            let Some(first) = listpack.seek(skip as isize) else { return ControlFlow::Continue(()) };
            listpack.iter_from(first).try_for_each(|(_, item)| step(item))
        }
        Side::Back => {
            let mut at = listpack.seek(-1 - skip as isize);
            while let Some(pos) = at {
                step(listpack.get(pos))?;
                at = listpack.prev(pos);
            }
            ControlFlow::Continue(())
        }
    }
}
