//! A listpack, or a box of something larger, in one word.
//!
//! A collection is a listpack while it is small and a boxed structure beyond. An enum of the two pointers takes two
//! words, in every entry of every small collection. Both pointers are multiples of 8, so here the lowest bit tells
//! which of them it is.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::listpack::Listpack;

/// Set in the word of a box.
const BOXED: usize = 1;

/// See the module's header.
pub(super) struct PackedOr<T>(NonNull<u8>, PhantomData<Box<T>>);

/// What a [`PackedOr`] holds.
pub(super) enum Form<Packed, Large> {
    Packed(Packed),
    Large(Large),
}

// SAFETY: it owns either a listpack, which is plain bytes, or a box of `T`.
unsafe impl<T: Send> Send for PackedOr<T> {}
// SAFETY: through a shared reference only `&Listpack` or `&T` can be had.
unsafe impl<T: Sync> Sync for PackedOr<T> {}

impl<T> PackedOr<T> {
    pub(super) fn packed(listpack: Listpack) -> PackedOr<T> {
        const { assert!(align_of::<T>() > BOXED) };
        PackedOr(listpack.into_raw(), PhantomData)
    }

    pub(super) fn large(large: Box<T>) -> PackedOr<T> {
        let pointer = NonNull::from(Box::leak(large)).cast::<u8>();
        PackedOr(pointer.map_addr(|address| address | BOXED), PhantomData)
    }

    /// The box, if it is one.
    fn boxed(&self) -> Option<NonNull<T>> {
        let address = self.0.addr().get();
        let untagged = || self.0.as_ptr().map_addr(|address| address & !BOXED).cast::<T>();
        // SAFETY: without its tag it is the pointer that `large` was given, which is not null.
        (address & BOXED != 0).then(|| unsafe { NonNull::new_unchecked(untagged()) })
    }

    #[inline]
    pub(super) fn get(&self) -> Form<&Listpack, &T> {
        match self.boxed() {
            // SAFETY: the box is this value's own, and borrowed with it.
            Some(large) => Form::Large(unsafe { large.as_ref() }),
            // SAFETY: without the tag the word is what `Listpack::into_raw` gave, borrowed with this value.
            None => Form::Packed(unsafe { Listpack::ref_from_raw(&self.0) }),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self) -> Form<&mut Listpack, &mut T> {
        match self.boxed() {
            // SAFETY: the box is this value's own, and borrowed with it, mutably.
            Some(mut large) => Form::Large(unsafe { large.as_mut() }),
            // SAFETY: as in `get`, mutably; what stays in the word is again a listpack's pointer, without the tag.
            None => Form::Packed(unsafe { Listpack::mut_from_raw(&mut self.0) }),
        }
    }
}

impl<T> Drop for PackedOr<T> {
    fn drop(&mut self) {
        match self.boxed() {
            // SAFETY: it came from a box, which this value owns and gives up here.
            Some(large) => drop(unsafe { Box::from_raw(large.as_ptr()) }),
            // SAFETY: it came from `Listpack::into_raw`, and this value gives it up here.
            None => drop(unsafe { Listpack::from_raw(self.0) }),
        }
    }
}

impl<T: Clone> Clone for PackedOr<T> {
    fn clone(&self) -> PackedOr<T> {
        match self.get() {
            Form::Packed(listpack) => PackedOr::packed(listpack.clone()),
            Form::Large(large) => PackedOr::large(Box::new(large.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_one_or_the_other_and_drops_it() {
        let token = std::rc::Rc::new(());
        let mut listpack = Listpack::new();
        listpack.push_back(b"one");
        let mut value = PackedOr::<std::rc::Rc<()>>::packed(listpack);
        match value.get_mut() {
            Form::Packed(listpack) => (0..1000).for_each(|_| listpack.push_back(b"another")),
            Form::Large(_) => panic!("it is packed"),
        }
        assert!(matches!(value.clone().get(), Form::Packed(listpack) if listpack.len() == 1001));
        value = PackedOr::large(Box::new(token.clone()));
        assert_eq!(std::rc::Rc::strong_count(&token), 2);
        let copy = value.clone();
        assert!(matches!(copy.get(), Form::Large(_)));
        assert_eq!(std::rc::Rc::strong_count(&token), 3);
        drop((value, copy));
        assert_eq!(std::rc::Rc::strong_count(&token), 1);
        assert_eq!(size_of::<PackedOr<String>>(), 8);
    }
}
