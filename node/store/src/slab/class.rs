//! Size classes: 8 bytes apart up to 1 KiB, then 64 apart up to 2.5 KiB, which is what a segment of a table can
//! need and where the rounding is small beside the size.

/// Blocks are aligned to what divides their size, but at most this: a cache line.
pub(super) const MAX_ALIGN: usize = 64;

const FINE_STEP: usize = 8;
const FINE_MAX: usize = 1024;
const COARSE_STEP: usize = 64;
/// The largest size that has a class.
pub(super) const CLASS_MAX: usize = 2560;

const FINE_COUNT: usize = FINE_MAX / FINE_STEP;
/// Number of classes.
pub(super) const CLASS_COUNT: usize = FINE_COUNT + (CLASS_MAX - FINE_MAX) / COARSE_STEP;

/// `size` rounded up to what every allocation is a multiple of.
#[inline]
pub(super) const fn rounded(size: usize) -> usize {
    size.next_multiple_of(FINE_STEP)
}

/// A size class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Class(u8);

const _: () = assert!(CLASS_COUNT <= u8::MAX as usize);

impl Class {
    /// The class for this size, which is not 0; `None` when it is too large for any.
    #[inline]
    pub(super) fn of(size: usize) -> Option<Class> {
        if size <= FINE_MAX {
            return Some(Class(((size - 1) / FINE_STEP) as u8));
        }
        (size <= CLASS_MAX).then(|| Class((FINE_COUNT + (size - 1 - FINE_MAX) / COARSE_STEP) as u8))
    }

    #[inline]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Size of its blocks.
    pub(super) fn size(self) -> usize {
        match self.index().checked_sub(FINE_COUNT) {
            None => (self.index() + 1) * FINE_STEP,
            Some(coarse) => FINE_MAX + (coarse + 1) * COARSE_STEP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_its_class_closely() {
        for size in 1..=CLASS_MAX {
            let class = Class::of(size).unwrap();
            assert!(class.size() >= size && class.index() < CLASS_COUNT);
            assert!(class.size() - size < if size <= FINE_MAX { FINE_STEP } else { COARSE_STEP });
            assert_eq!(
                Class::of(rounded(size)),
                Some(class),
                "sizes that round to the same are the same class"
            );
        }
        assert_eq!(Class::of(CLASS_MAX + 1), None);
    }
}
