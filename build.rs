//! Finds the LAPACK back end that the cargo features select and tells cargo how to link it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library that is searched on the machine. Accelerate is none: it is part of macOS.
struct BackEnd {
    feature: &'static str,
    /// Names as the linker wants them, each before those that it needs.
    libraries: &'static [&'static str],
    /// Modules that `pkg-config` may know.
    pkg_config: &'static [&'static str],
    /// Environment variable that overrides the search: one directory or several, as in `PATH`.
    variable: &'static str,
    /// Where the library lies below a directory of the variable.
    below_variable: &'static [&'static str],
    /// Places of its own, besides [`USUAL_DIRECTORIES`].
    directories: &'static [&'static str],
    /// Whether a static library is enough.
    links_statically: bool,
    /// What to say when it is not found.
    missing: &'static str,
}

const BACK_ENDS: [BackEnd; 3] = [
    BackEnd {
        feature: "openblas",
        libraries: &["openblas"],
        pkg_config: &["openblas"],
        variable: "OPENBLAS_LIB_DIR",
        below_variable: &[""],
        // Homebrew's is keg-only: it is in no directory that the linker searches.
        directories: &["/usr/local/opt/openblas/lib", "/opt/homebrew/opt/openblas/lib", "/opt/OpenBLAS/lib"],
        links_statically: true,
        missing: "OpenBLAS was not found: run ./setup.sh, or install libopenblas-dev (Debian, Ubuntu), openblas-devel \
                  (Fedora), openblas (Arch, Homebrew), or set OPENBLAS_LIB_DIR to the directory that holds libopenblas",
    },
    BackEnd {
        feature: "netlib",
        libraries: &["lapack", "blas"],
        pkg_config: &["lapack", "blas"],
        variable: "LAPACK_LIB_DIR",
        below_variable: &[""],
        directories: &["/usr/local/opt/lapack/lib", "/opt/homebrew/opt/lapack/lib"],
        // The archives would need the Fortran run time, whose place only a Fortran compiler knows.
        links_statically: false,
        missing: "the shared libraries liblapack and libblas were not found: run ./setup.sh netlib, or install \
                  liblapack-dev and libblas-dev (Debian, Ubuntu), lapack-devel and blas-devel (Fedora), lapack and blas \
                  (Arch), lapack (Homebrew), or set LAPACK_LIB_DIR to the directory that holds both (or to two, as in PATH)",
    },
    BackEnd {
        feature: "mkl",
        // The single dynamic library. Its default interface has 32-bit integers (LP64), as this crate's calls have.
        libraries: &["mkl_rt"],
        pkg_config: &["mkl-sdl", "mkl-sdl-lp64", "mkl-dynamic-lp64-seq"],
        variable: "MKLROOT",
        below_variable: &["lib", "lib/intel64", ""],
        directories: &["/opt/intel/oneapi/mkl/latest/lib", "/opt/intel/oneapi/mkl/latest/lib/intel64"],
        links_statically: false,
        missing: "MKL's libmkl_rt was not found: run ./setup.sh mkl, or install libmkl-rt (Debian non-free, Ubuntu \
                  multiverse), intel-oneapi-mkl-devel (Fedora, from Intel's repository), intel-oneapi-mkl (Arch; Homebrew \
                  has none), or set MKLROOT to the directory whose lib holds libmkl_rt",
    },
];

/// Directories where distributions put libraries that `pkg-config` does not know.
const USUAL_DIRECTORIES: &[&str] =
    &["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");
    println!("cargo:rerun-if-env-changed=DOCS_RS");
    for back_end in &BACK_ENDS {
        println!("cargo:rerun-if-env-changed={}", back_end.variable);
    }
    let feature = selected_feature();
    // docs.rs and `cargo doc` on a machine without the library only need the types.
    if std::env::var_os("DOCS_RS").is_some() {
        return;
    }
    match BACK_ENDS.iter().find(|back_end| back_end.feature == feature) {
        Some(back_end) => link(back_end),
        None => link_accelerate(),
    }
}

/// The one back end that is selected; none or several end the build.
fn selected_feature() -> &'static str {
    let known = || BACK_ENDS.iter().map(|back_end| back_end.feature).chain(["accelerate"]);
    let is_on = |feature: &&str| std::env::var_os(format!("CARGO_FEATURE_{}", feature.to_uppercase())).is_some();
    let selected: Vec<&'static str> = known().filter(is_on).collect();
    match selected[..] {
        [feature] => feature,
        [] => fail(&format!(
            "no LAPACK back end is selected: build with one of {}, for example `--no-default-features --features netlib`",
            known().collect::<Vec<_>>().join(", "),
        )),
        // The first may be the default, which comes along uninvited.
        [_, wanted, ..] => fail(&format!(
            "{} LAPACK back ends are selected ({}) and only one can be: build with `--no-default-features --features {wanted}`",
            selected.len(),
            selected.join(", "),
        )),
    }
}

fn link(back_end: &BackEnd) {
    let from_variable = std::env::var_os(back_end.variable).filter(|value| !value.is_empty());
    let is_chosen = from_variable.is_some();
    let candidates = from_variable.map_or_else(|| usual_places(back_end), |value| below(&value, back_end));
    let mut directories: Vec<&PathBuf> = Vec::new();
    for library in back_end.libraries {
        match candidates.iter().find(|directory| holds(directory, library, back_end.links_statically)) {
            Some(directory) if directories.contains(&directory) => {}
            Some(directory) => directories.push(directory),
            None => fail(back_end.missing),
        }
    }
    for directory in directories {
        println!("cargo:rustc-link-search=native={}", directory.display());
        // Without it the program would link here and not start: the loader does not search there, or finds another
        // library of the same name first.
        if is_chosen || !directory.starts_with("/usr") {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{}", directory.display());
        }
    }
    for library in back_end.libraries {
        println!("cargo:rustc-link-lib={library}");
    }
}

fn link_accelerate() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("macos") {
        fail(
            "Accelerate is part of macOS and exists nowhere else: build with `--no-default-features --features openblas`",
        );
    }
    println!("cargo:rustc-link-lib=framework=Accelerate");
}

/// The directories that the back end's environment variable names.
fn below(value: &OsString, back_end: &BackEnd) -> Vec<PathBuf> {
    std::env::split_paths(value)
        .flat_map(|directory| back_end.below_variable.iter().map(move |below| directory.join(below)))
        .collect()
}

/// What `pkg-config` says, then the usual places.
fn usual_places(back_end: &BackEnd) -> Vec<PathBuf> {
    let from_pkg_config = back_end.pkg_config.iter().filter_map(|module| {
        let output = Command::new("pkg-config").args(["--variable=libdir", module]).output().ok()?;
        let directory = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !directory.is_empty()).then(|| PathBuf::from(directory))
    });
    from_pkg_config.chain(back_end.directories.iter().chain(USUAL_DIRECTORIES).map(PathBuf::from)).collect()
}

fn holds(directory: &Path, library: &str, links_statically: bool) -> bool {
    let exists = |extension: &str| directory.join(format!("lib{library}.{extension}")).exists();
    exists("so") || exists("dylib") || (links_statically && exists("a"))
}

/// Ends the build with one line. `cargo::error` keeps cargo from printing the script's whole output around it.
fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(0);
}
