//! Finds the LAPACK back end that the cargo features select and tells cargo how to link it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Directories where distributions put `libopenblas` when `pkg-config` does not know it.
const USUAL_DIRECTORIES: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/opt/openblas/lib",
    "/opt/homebrew/opt/openblas/lib",
    "/opt/OpenBLAS/lib",
];

const LIBRARY_FILES: &[&str] = &["libopenblas.so", "libopenblas.dylib", "libopenblas.a"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=OPENBLAS_LIB_DIR");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    if std::env::var_os("CARGO_FEATURE_OPENBLAS").is_none() {
        fail("no LAPACK back end is selected: build with `--features openblas` (the default)");
    }
    // docs.rs and `cargo doc` on a machine without the library only need the types.
    if std::env::var_os("DOCS_RS").is_some() {
        return;
    }
    match openblas_directory() {
        Some(directory) => println!("cargo:rustc-link-search=native={}", directory.display()),
        None => fail(
            "OpenBLAS was not found: run ./setup.sh, or install libopenblas-dev (Debian, Ubuntu), openblas-devel (Fedora), \
             openblas (Arch, Homebrew), or set OPENBLAS_LIB_DIR to the directory that holds libopenblas",
        ),
    }
    println!("cargo:rustc-link-lib=openblas");
}

/// The directory of `libopenblas`: from `OPENBLAS_LIB_DIR`, from `pkg-config`, or one of the usual places.
fn openblas_directory() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("OPENBLAS_LIB_DIR") {
        let directory = PathBuf::from(directory);
        return holds_library(&directory).then_some(directory);
    }
    let from_pkg_config = Command::new("pkg-config")
        .args(["--variable=libdir", "openblas"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
        .filter(|directory| holds_library(directory));
    from_pkg_config.or_else(|| USUAL_DIRECTORIES.iter().map(PathBuf::from).find(|directory| holds_library(directory)))
}

fn holds_library(directory: &Path) -> bool {
    LIBRARY_FILES.iter().any(|file| directory.join(file).exists())
}

/// Ends the build with one line. `cargo::error` keeps cargo from printing the script's whole output around it.
fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(0);
}
