//! How the cores share the products of one network.
//!
//! OpenBLAS on two threads takes longer for the product of 256 x 256 and 256 x 128 than on one: its threads wait for each other at every
//! call. Blocks of samples that rayon hands out, each sent through the layers by one core with one BLAS thread, keep all cores at the rate of one.
//! The size of a block depends on the network and the batch alone, so that results do not depend on the number of threads as long as
//! BLAS keeps to one.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Network;
use crate::linalg::{Real, SingleThreadedBlas, blas_threads, single_threaded_blas};

/// Multiplications and additions from which a product is worth sharing: about fifty microseconds on one core.
const WORTH_A_TASK: usize = 1 << 22;

/// Multiplications and additions of a forward pass from which it is worth sharing: far more than waking a core takes.
const WORTH_A_PASS: usize = 1 << 21;

/// Columns of a block at least: with fewer, packing the other factor costs as much as multiplying by it.
const FEWEST: usize = 32;

/// Samples of a block that goes through all layers, at least and at most. Half a batch as long as that is no more: two cores are the fewest, and
/// a product with 64 columns runs at nine tenths of the rate of a wide one, one with 16 at two thirds.
const SAMPLES: [usize; 2] = [16, 64];

/// How the cores share a pass. It depends on the network and the batch alone, and on whether BLAS has several threads of its own: then all is
/// left to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocking {
    /// Samples of the batch.
    pub batch: usize,
    /// Samples of a block; the last one may have fewer.
    pub samples: usize,
    /// Whether the cores take a block, or a layer, each.
    pub parallel: bool,
}

impl Blocking {
    pub(super) fn of<T: Real>(network: &Network<T>, batch: usize) -> Self {
        let work: usize = network.entries().saturating_mul(batch);
        let parallel = work >= WORTH_A_PASS && blas_threads() == 1;
        let half = batch.div_ceil(2).next_multiple_of(SAMPLES[0]).clamp(SAMPLES[0], SAMPLES[1]);
        let samples = if parallel { half.min(batch) } else { batch };
        Self { batch, samples: samples.max(1), parallel }
    }

    pub(super) fn blocks(self) -> usize {
        self.batch.div_ceil(self.samples)
    }

    /// Whether an m x k by k x n product alone is worth sharing.
    pub(super) fn is_worth_sharing(self, m: usize, k: usize, n: usize) -> bool {
        self.parallel && !is_small(m, k, n)
    }

    /// Columns that are multiplied at once in an m x k by k x n product; n or more for all of them.
    pub(super) fn columns(self, m: usize, k: usize, n: usize) -> usize {
        if !self.is_worth_sharing(m, k, n) || n < 2 * FEWEST {
            return n;
        }
        WORTH_A_TASK.div_ceil(m.saturating_mul(k).max(1)).next_multiple_of(FEWEST).min(n)
    }
}

/// Whether a product is not worth sharing at all.
fn is_small(m: usize, k: usize, n: usize) -> bool {
    m.saturating_mul(k).saturating_mul(n) < WORTH_A_TASK
}

/// Puts BLAS on one thread for as long as a network of this size is trained, if its products are shared as described above or too small
/// to be shared; wide layers with few samples are left to the threads of BLAS.
pub(super) fn owner<T: Real>(network: &Network<T>, batch: usize) -> Option<SingleThreadedBlas> {
    let alone = |(rows, columns): (usize, usize)| is_small(rows, columns, batch) || batch > SAMPLES[0];
    network.blocks().iter().all(|block| alone(block.weight.shape())).then(single_threaded_blas)
}

/// Runs `work` in the pool and keeps the other workers awake until it ends: between two products of a small network they would fall asleep, and waking
/// one takes as long as a product. One at a time: beside work that is kept awake already, `work` simply runs in the pool.
pub(crate) fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    // A worker that runs one piece of work must not be caught in keeping awake for the other, which may take hours longer.
    let Ok(_) = TAKEN.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed) else {
        return rayon::scope(|_| work());
    };
    let _taken = Over { flag: &TAKEN, value: false };
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
        let _over = Over { flag: done, value: true };
        work()
    })
}

/// Whether the pool is kept awake.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Sets a flag in the end.
struct Over<'a> {
    flag: &'a AtomicBool,
    value: bool,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.flag.store(self.value, Ordering::Release);
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
    fn blocks_depend_on_the_network_and_the_batch_alone() {
        let _guard = single_threaded_blas();
        let blocking = |batch| Blocking { batch, samples: batch, parallel: true };
        assert_eq!(blocking(128).columns(256, 128, 256), 128);
        assert_eq!((blocking(32).columns(64, 32, 64), blocking(20).columns(2000, 20, 2000)), (64, 128));
        let network = |width: usize, depth: usize| {
            let blocks = (0..depth).map(|_| crate::network::Block {
                name: String::new(),
                weight: nalgebra::DMatrix::<f32>::from_element(width, width, 0.0),
                bias: None,
                activation: std::sync::Arc::new(crate::activation::Tanh),
            });
            Network::new(blocks.collect()).expect("square blocks chain")
        };
        let samples = |width, depth, batch| Blocking::of(&network(width, depth), batch).samples;
        assert_eq!((samples(256, 32, 128), samples(64, 100, 32), samples(64, 100, 600)), (64, 16, 64));
        assert_eq!((samples(50, 10, 5), samples(64, 100, 10), samples(64, 100, 33)), (5, 10, 32));
        assert_eq!((block(0, 64, 100), block(1, 64, 100)), (0..64, 64..100));
    }
}
