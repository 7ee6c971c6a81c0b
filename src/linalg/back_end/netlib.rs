//! What the system calls `lapack` and `blas`.
//!
//! That is the single-threaded reference of netlib, unless another library has taken its name: Debian's alternatives
//! put OpenBLAS behind `libblas.so.3` as soon as it is installed, with all its threads. So OpenBLAS is looked for in the
//! running program. Other threaded replacements (BLIS, FlexiBLAS) are not: `OMP_NUM_THREADS=1` keeps them on one thread.

use std::ffi::{CStr, c_char, c_void};

unsafe extern "C" {
    fn ilaver_(major: *mut i32, minor: *mut i32, patch: *mut i32);
}

/// Address of a symbol among all libraries that the program has loaded.
fn find(symbol: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is NUL-terminated; RTLD_DEFAULT loads nothing.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr()) };
    (!address.is_null()).then_some(address)
}

/// What an OpenBLAS function says that takes nothing and returns a text.
fn text(symbol: &CStr) -> Option<String> {
    let address = find(symbol)?;
    // SAFETY: both functions that are asked for, openblas_get_config and openblas_get_corename, have this signature and
    // return static, NUL-terminated strings.
    let text = unsafe {
        let get = std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *const c_char>(address);
        CStr::from_ptr(get())
    };
    Some(text.to_string_lossy().into_owned())
}

pub(in crate::linalg) fn threads() -> i32 {
    find(c"openblas_get_num_threads").map_or(1, |address| {
        // SAFETY: the signature is OpenBLAS's; a plain query.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> i32>(address)() }
    })
}

pub(in crate::linalg) fn set_threads(count: i32) {
    if let Some(address) = find(c"openblas_set_num_threads") {
        // SAFETY: the signature is OpenBLAS's; it takes a plain integer at any time.
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(i32)>(address)(count) }
    }
}

pub(in crate::linalg) fn name() -> String {
    if let (Some(config), Some(core)) = (text(c"openblas_get_config"), text(c"openblas_get_corename")) {
        return super::openblas_name(&config, &core);
    }
    let [mut major, mut minor, mut patch] = [0; 3];
    // SAFETY: LAPACK 3.1 and later write three integers.
    unsafe { ilaver_(&raw mut major, &raw mut minor, &raw mut patch) };
    format!("system BLAS, LAPACK {major}.{minor}.{patch}")
}
