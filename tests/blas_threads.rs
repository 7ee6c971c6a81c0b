//! Who owns the cores. A test program of its own: the setting belongs to the whole process.
//! Accelerate has no such setting.

#![cfg(not(feature = "accelerate"))]

use gradspectra::linalg::{blas_threads, single_threaded_blas};

#[test]
fn the_last_guard_restores_the_threads() {
    let before = blas_threads();
    let outer = single_threaded_blas();
    let inner = single_threaded_blas();
    assert_eq!(blas_threads(), 1);
    drop(outer);
    assert_eq!(blas_threads(), 1, "one guard is still alive");
    drop(inner);
    assert_eq!(blas_threads(), before);
    // The reference BLAS has one thread everywhere, and MKL one a physical core.
    if cfg!(feature = "openblas") && std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        assert!(before > 1, "the test says nothing on a machine whose BLAS has one thread");
    }
}
