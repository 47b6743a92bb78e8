//! Blocks must never overlap, whoever frees them and whenever threads end.

use std::sync::mpsc;
use std::thread;

use base::Random;

use super::*;

/// A block filled with a pattern that shows whether anybody else wrote into it.
struct Filled {
    block: NonNull<u8>,
    size: usize,
    fill: u8,
}

// SAFETY: the block is this value's alone.
unsafe impl Send for Filled {}

impl Filled {
    fn new(size: usize, fill: u8) -> Filled {
        let block = alloc(size);
        assert_eq!(block.as_ptr().addr() % ALIGN, 0, "{size}");
        // SAFETY: the block has `size` bytes and is new.
        unsafe { block.write_bytes(fill, size) };
        Filled { block, size, fill }
    }

    fn free(self) {
        // SAFETY: the block has `size` bytes, written by `new`, and is not used after this.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.block.as_ptr(), self.size);
            assert!(
                bytes.iter().all(|&byte| byte == self.fill),
                "somebody wrote into a block of {}",
                self.size
            );
            free(self.block, self.size);
        }
    }
}

fn random_size(random: &mut Random) -> usize {
    let bound = [40, 600, class::CLASS_MAX, 4 * class::CLASS_MAX][random.below(4) as usize];
    1 + random.below(bound as u64) as usize
}

#[test]
fn blocks_do_not_overlap() {
    let mut random = Random::new(1);
    let (before, mut held) = (allocated_bytes(), Vec::new());
    for step in 0..60_000 {
        let growing = step / 10_000 % 2 == 0;
        if held.is_empty() || random.below(10) < if growing { 7 } else { 2 } {
            held.push(Filled::new(random_size(&mut random), random.bits() as u8));
        } else {
            held.swap_remove(random.below(held.len() as u64) as usize).free();
        }
    }
    let classes = held.iter().filter_map(|filled| class::Class::of(filled.size));
    let rounded: usize = classes.map(|class| class.size()).sum();
    assert_eq!(allocated_bytes() - before, rounded as isize);
    held.into_iter().for_each(Filled::free);
    assert_eq!(allocated_bytes(), before);
}

#[test]
fn pages_come_back() {
    thread::spawn(|| {
        let start = settled_page_bytes();
        let held: Vec<Filled> = (0..50_000).map(|i| Filled::new(88, i as u8)).collect();
        let full = page_bytes() - start;
        assert!(full < 50_000 * 88 * 102 / 100 + PAGE, "{full}");
        held.into_iter().for_each(Filled::free);
        assert!(page_bytes() <= start + PAGE, "{} of {full} are still held", page_bytes() - start);
    })
    .join()
    .unwrap();
}

const PAGE: usize = page::PAGE_BYTES;

/// Bytes of the pages of this thread's heap, which may be one that another test's thread has left.
fn settled_page_bytes() -> usize {
    Filled::new(8, 0).free();
    collect();
    page_bytes()
}

#[test]
fn others_free_and_the_owner_takes_back() {
    let (to_other, from_owner) = mpsc::channel::<Vec<Filled>>();
    let other = thread::spawn(move || {
        from_owner.into_iter().for_each(|held| held.into_iter().for_each(Filled::free))
    });
    let owner = thread::spawn(move || {
        let mut random = Random::new(3);
        let start = settled_page_bytes();
        for round in 0..200 {
            let held =
                (0..1_000).map(|_| Filled::new(8 + random.below(3) as usize * 8, round as u8)).collect();
            to_other.send(held).unwrap();
        }
        drop(to_other);
        other.join().unwrap();
        collect();
        (start, page_bytes())
    });
    let (start, left) = owner.join().unwrap();
    assert!(left <= start + 3 * PAGE, "{left} are left, {start} were there");
}

#[test]
fn all_threads_free_each_others() {
    const THREADS: usize = 4;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Filled>()).unzip();
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(me, mine)| {
            let senders = senders.clone();
            thread::spawn(move || {
                let mut random = Random::new(me as u64);
                for _ in 0..20_000 {
                    let filled = Filled::new(random_size(&mut random), random.bits() as u8);
                    // A receiver that has ended leaves the block to us.
                    if let Err(back) = senders[random.below(THREADS as u64) as usize].send(filled) {
                        back.0.free();
                    }
                    mine.try_iter().for_each(Filled::free);
                }
                drop(senders);
                mine.try_iter().for_each(Filled::free);
            })
        })
        .collect();
    drop(senders);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn blocks_outlive_their_thread() {
    for round in 0..20 {
        let held: Vec<Filled> =
            thread::spawn(move || (0..3_000).map(|_| Filled::new(120, round)).collect()).join().unwrap();
        held.into_iter().for_each(Filled::free);
    }
}

#[test]
fn destructors_of_a_thread_may_allocate() {
    struct Late;

    impl Drop for Late {
        fn drop(&mut self) {
            Filled::new(24, 1).free();
        }
    }

    thread_local!(static LATE: Late = const { Late });
    thread::spawn(|| {
        // Registered before the heap's guard, so it runs after or before it: both must work.
        LATE.with(|_| ());
        Filled::new(24, 2).free();
    })
    .join()
    .unwrap();
    thread::spawn(|| {
        Filled::new(24, 2).free();
        LATE.with(|_| ());
    })
    .join()
    .unwrap();
}

#[test]
fn lines_are_aligned_whatever_their_number() {
    for count in [1, 2, 3, 40, 41, 1000] {
        let lines = alloc_lines(count);
        assert_eq!(lines.as_ptr().addr() % LINE, 0, "{count}");
        // SAFETY: allocated with this count, and not used again.
        unsafe { free_lines(lines, count) };
    }
}
