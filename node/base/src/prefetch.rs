//! Asking the CPU to load a cache line that will be read soon.

/// Bytes of a cache line.
const LINE: usize = 64;
/// The most that is asked for at once: more would drive out what is in use.
const AHEAD: usize = 4096;

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

/// Starts loading the lines that `bytes` begins with, at most [`AHEAD`] bytes of them: another core's CPU has them, and
/// they come together sooner than one after the other.
#[inline]
pub fn bytes(bytes: &[u8]) {
    bytes.chunks(LINE).take(AHEAD / LINE).for_each(|line| read(line.as_ptr()));
}
