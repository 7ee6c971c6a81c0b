//! Who owns the cores: BLAS or rayon.

use std::sync::Mutex;

unsafe extern "C" {
    fn openblas_get_num_threads() -> i32;
    fn openblas_set_num_threads(threads: i32);
    fn openblas_get_corename() -> *const std::ffi::c_char;
}

/// How many guards are alive, and the thread count to restore when the last one goes.
static GUARDS: Mutex<(usize, i32)> = Mutex::new((0, 1));

/// Keeps BLAS on one thread until it is dropped; the last of several restores the former count.
#[derive(Debug)]
#[must_use = "BLAS goes back to its threads when the guard is dropped"]
pub struct SingleThreadedBlas(());

/// Puts BLAS on one thread, for the time in which rayon runs independent trials: with both threaded, they fight for
/// the cores, and a sum would depend on how many threads shared it.
///
/// The setting belongs to the whole process.
pub fn single_threaded_blas() -> SingleThreadedBlas {
    let mut guards = GUARDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if guards.0 == 0 {
        // SAFETY: both functions take and return plain integers and may be called at any time.
        unsafe {
            guards.1 = openblas_get_num_threads();
            openblas_set_num_threads(1);
        }
    }
    guards.0 += 1;
    SingleThreadedBlas(())
}

impl Drop for SingleThreadedBlas {
    fn drop(&mut self) {
        let mut guards = GUARDS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        guards.0 -= 1;
        if guards.0 == 0 {
            // SAFETY: as above; the count is the one that OpenBLAS itself reported.
            unsafe { openblas_set_num_threads(guards.1) };
        }
    }
}

/// Threads that BLAS uses at this moment.
pub fn blas_threads() -> usize {
    // SAFETY: a plain query.
    usize::try_from(unsafe { openblas_get_num_threads() }).unwrap_or(1)
}

/// The processor kernel that OpenBLAS has chosen (`Zen`, `SkylakeX`, `Haswell`, ...).
///
/// An OpenBLAS older than the processor falls back to a generic kernel that is several times slower; the environment
/// variable `OPENBLAS_CORETYPE` overrides its choice.
pub fn blas_core() -> String {
    // SAFETY: OpenBLAS returns a pointer to a static, NUL-terminated string.
    let name = unsafe { std::ffi::CStr::from_ptr(openblas_get_corename()) };
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openblas_names_its_kernel() {
        assert!(!blas_core().is_empty());
    }
}
