//! Asking the CPU to load a cache line that will be read soon.

/// Starts loading the line at `address`, which need not be valid; does nothing where stable Rust has no
/// instruction for it.
#[inline]
pub fn read<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch changes no state a program can see and never faults; x86-64 always has SSE.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
