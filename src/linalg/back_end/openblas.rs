//! OpenBLAS.

use std::ffi::{CStr, c_char};

unsafe extern "C" {
    fn openblas_get_num_threads() -> i32;
    fn openblas_set_num_threads(threads: i32);
    fn openblas_get_config() -> *const c_char;
    fn openblas_get_corename() -> *const c_char;
}

pub(in crate::linalg) fn threads() -> i32 {
    // SAFETY: a plain query that may be called at any time.
    unsafe { openblas_get_num_threads() }
}

pub(in crate::linalg) fn set_threads(count: i32) {
    // SAFETY: takes a plain integer and may be called at any time.
    unsafe { openblas_set_num_threads(count) }
}

pub(in crate::linalg) fn name() -> String {
    // SAFETY: OpenBLAS returns pointers to static, NUL-terminated strings.
    let (config, core) = unsafe { (CStr::from_ptr(openblas_get_config()), CStr::from_ptr(openblas_get_corename())) };
    super::openblas_name(&config.to_string_lossy(), &core.to_string_lossy())
}
