//! Who owns the cores: BLAS or rayon.

use std::sync::Mutex;

use super::back_end::{set_threads, threads};

/// How many guards are alive, and the thread count to restore when the last one goes.
static GUARDS: Mutex<(usize, i32)> = Mutex::new((0, 1));

/// Keeps BLAS on one thread until it is dropped; the last of several restores the former count.
#[derive(Debug)]
#[must_use = "BLAS goes back to its threads when the guard is dropped"]
pub struct SingleThreadedBlas(());

/// Puts BLAS on one thread, for the time in which rayon runs independent trials: with both threaded, they fight for
/// the cores, and a sum would depend on how many threads shared it.
///
/// The setting belongs to the whole process. Apple's Accelerate has no such setting: start the program with
/// `VECLIB_MAXIMUM_THREADS=1` instead.
pub fn single_threaded_blas() -> SingleThreadedBlas {
    let mut guards = GUARDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if guards.0 == 0 {
        guards.1 = threads();
        set_threads(1);
    }
    guards.0 += 1;
    SingleThreadedBlas(())
}

impl Drop for SingleThreadedBlas {
    fn drop(&mut self) {
        let mut guards = GUARDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        guards.0 -= 1;
        if guards.0 == 0 {
            set_threads(guards.1);
        }
    }
}

/// Threads that BLAS uses at this moment.
pub fn blas_threads() -> usize {
    usize::try_from(threads()).unwrap_or(1)
}

/// The BLAS that runs, its version and the processor kernel it has chosen, as far as it tells:
/// `OpenBLAS 0.3.21 SkylakeX`.
///
/// An OpenBLAS older than the processor falls back to a generic kernel that is several times slower; the environment
/// variable `OPENBLAS_CORETYPE` overrides its choice.
pub fn blas_core() -> String {
    super::back_end::name()
}
