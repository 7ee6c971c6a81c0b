//! Accelerate, the framework of macOS.
//!
//! It cannot be put on one thread for the whole process. `BLASSetThreading` of macOS 15 holds for the calling thread
//! only, and the trials run on rayon's; the environment variable `VECLIB_MAXIMUM_THREADS` is read once, at the start.

pub(in crate::linalg) fn threads() -> i32 {
    let limit = std::env::var("VECLIB_MAXIMUM_THREADS").ok().and_then(|text| text.trim().parse().ok());
    let cores = || std::thread::available_parallelism().map_or(1, |cores| i32::try_from(cores.get()).unwrap_or(1));
    limit.filter(|&limit| limit > 0).unwrap_or_else(cores)
}

pub(in crate::linalg) fn set_threads(_count: i32) {}

/// It tells neither its version, which is that of macOS, nor its kernel.
pub(in crate::linalg) fn name() -> String {
    format!("Accelerate {}", std::env::consts::ARCH)
}
