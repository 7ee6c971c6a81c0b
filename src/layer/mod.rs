//! Layer kinds: what each does to a finite batch, forward and backward, and beside it what it does to the mean-field
//! kernels of an infinitely wide one. One file per kind.
//!
//! Batches are matrices with one sample per column: X is n x B. Gradients have the shape of what they belong to.

pub mod dense;
pub mod pointwise;
