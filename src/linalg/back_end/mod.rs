//! What the LAPACK back ends do not share: how they are put on one thread, and how they name themselves.
//!
//! Cargo features select exactly one; the build script enforces it and links it. Everything else in [`super`] calls
//! the same symbols (`dgemm_`, `dgesdd_`, ...) in all of them. Those are subroutines: the back ends disagree on how a
//! *function* returns a `float` (Accelerate's older interface returns a `double`), so none may be called here.
//!
//! - `openblas`: the default.
//! - `netlib`: what the system calls `lapack` and `blas`; the reference, or what an administrator put in its place.
//! - `mkl`: `libmkl_rt`.
//! - `accelerate`: the framework of macOS.
//!
//! Each has `threads()`, `set_threads(count)` and `name()`.

#[cfg(feature = "accelerate")]
mod accelerate;
#[cfg(feature = "mkl")]
mod mkl;
#[cfg(feature = "netlib")]
mod netlib;
#[cfg(feature = "openblas")]
mod openblas;

#[cfg(feature = "accelerate")]
pub(super) use accelerate::{name, set_threads, threads};
#[cfg(feature = "mkl")]
pub(super) use mkl::{name, set_threads, threads};
#[cfg(feature = "netlib")]
pub(super) use netlib::{name, set_threads, threads};
#[cfg(feature = "openblas")]
pub(super) use openblas::{name, set_threads, threads};

/// `OpenBLAS 0.3.21 Zen` from the texts of `openblas_get_config` (`OpenBLAS 0.3.21 NO_AFFINITY Zen MAX_THREADS=64`)
/// and `openblas_get_corename`.
#[cfg(any(feature = "openblas", feature = "netlib"))]
fn openblas_name(config: &str, core: &str) -> String {
    let mut words = config.split_whitespace();
    match (words.next(), words.next()) {
        (Some("OpenBLAS"), Some(version)) => format!("OpenBLAS {version} {core}"),
        // Releases before 0.3 say no version.
        _ => format!("OpenBLAS {core}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_back_end_says_what_it_is() {
        let name = super::name();
        let expected: &[&str] = if cfg!(feature = "openblas") {
            &["OpenBLAS "]
        } else if cfg!(feature = "mkl") {
            &["MKL "]
        } else if cfg!(feature = "accelerate") {
            &["Accelerate "]
        } else {
            &["system BLAS, LAPACK ", "OpenBLAS "]
        };
        assert!(expected.iter().any(|start| name.len() > start.len() && name.starts_with(start)), "{name}");
        assert!(super::threads() >= 1);
    }

    #[cfg(any(feature = "openblas", feature = "netlib"))]
    #[test]
    fn openblas_is_named_with_or_without_a_version() {
        let config = "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Zen MAX_THREADS=64";
        assert_eq!(super::openblas_name(config, "Zen"), "OpenBLAS 0.3.21 Zen");
        assert_eq!(super::openblas_name("NO_LAPACKE NO_AFFINITY", "Haswell"), "OpenBLAS Haswell");
    }
}
