//! How the cores share the products of one network.
//!
//! OpenBLAS on two threads takes longer for the product of 256 x 256 and 256 x 128 than on one: its threads wait for each other at every
//! call. Blocks of columns that rayon hands out, each multiplied by one BLAS thread and sent on through the activation while it is in the
//! cache, keep both cores at the rate of one. The size of a block depends on the product alone, so that results do not depend on the
//! number of threads as long as BLAS keeps to one.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Network;
use crate::linalg::{Real, SingleThreadedBlas, blas_threads, single_threaded_blas};

/// Multiplications and additions from which a block is worth a task of its own.
const WORTH_A_TASK: usize = 1 << 22;

/// Columns of a block at least: with fewer, packing the other factor costs as much as multiplying by it.
const FEWEST: usize = 32;

/// Columns that are multiplied at once in an m x k by k x n product; n or more for all of them. As long as BLAS has several threads of its
/// own, the product is left to them.
pub(super) fn columns(m: usize, k: usize, n: usize) -> usize {
    if blas_threads() > 1 || is_small(m, k, n) || n < 2 * FEWEST {
        return n;
    }
    WORTH_A_TASK.div_ceil(m.saturating_mul(k).max(1)).next_multiple_of(FEWEST).min(n)
}

/// Whether a product is not worth sharing at all.
fn is_small(m: usize, k: usize, n: usize) -> bool {
    m.saturating_mul(k).saturating_mul(n) < WORTH_A_TASK
}

/// Puts BLAS on one thread for as long as a network of this size is trained, if its products are shared as described above or too small
/// to be shared; wide layers with few samples are left to the threads of BLAS.
pub(super) fn owner<T: Real>(network: &Network<T>, batch: usize) -> Option<SingleThreadedBlas> {
    let alone = |(rows, columns): (usize, usize)| is_small(rows, columns, batch) || batch >= 2 * FEWEST;
    network.blocks().iter().all(|block| alone(block.weight.shape())).then(single_threaded_blas)
}

/// Whether any product of a network is shared.
pub(super) fn shares<T: Real>(network: &Network<T>, batch: usize) -> bool {
    network.blocks().iter().any(|block| {
        let (rows, inputs) = block.weight.shape();
        columns(rows, inputs, batch) < batch
    })
}

/// Runs `work` in the pool and keeps the other workers awake until it ends: between two products of a small network they would fall asleep, and waking
/// one takes as long as a product. Only for work that has the pool to itself.
pub(super) fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    let done = AtomicBool::new(false);
    rayon::scope(|scope| {
        let own = rayon::current_thread_index();
        let done = &done;
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(move |_| {
                // The worker that runs `work` may take this up while it waits for a product: it must not wait for itself.
                while !done.load(Ordering::Acquire) && rayon::current_thread_index() != own {
                    if rayon::yield_now() != Some(rayon::Yield::Executed) {
                        std::hint::spin_loop();
                    }
                }
            });
        }
        // Also where `work` panics.
        let _over = Over(done);
        work()
    })
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The columns of one block.
pub(super) fn block(index: usize, size: usize, n: usize) -> Range<usize> {
    index * size..((index + 1) * size).min(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many small joins inside, on any number of workers, and a panic: it always ends.
    #[test]
    fn workers_that_are_kept_awake_do_the_work_and_let_go() {
        for _ in 0..200 {
            let sum = awake(|| (0..50).map(|k| rayon::join(|| k, || k + 1)).map(|(a, b)| a + b).sum::<usize>());
            assert_eq!(sum, 2500);
        }
        let panicked = std::panic::catch_unwind(|| awake(|| panic!("as asked")));
        assert!(panicked.is_err());
    }

    #[test]
    fn blocks_depend_on_the_product_alone() {
        let _guard = single_threaded_blas();
        assert_eq!((columns(256, 256, 128), columns(64, 64, 32), columns(2000, 2000, 20)), (64, 32, 20));
        assert_eq!((block(0, 64, 100), block(1, 64, 100)), (0..64, 64..100));
    }
}
