//! How the cores share the products of one network.
//!
//! OpenBLAS on two threads takes longer for the product of 256 x 256 and 256 x 128 than on one: its threads wait for each other at every
//! call. Blocks of columns that rayon hands out, each multiplied by one BLAS thread and sent on through the activation while it is in the
//! cache, keep both cores at the rate of one. The size of a block depends on the product alone, so that results do not depend on the
//! number of threads as long as BLAS keeps to one.

use std::ops::Range;

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

/// The columns of one block.
pub(super) fn block(index: usize, size: usize, n: usize) -> Range<usize> {
    index * size..((index + 1) * size).min(n)
}
