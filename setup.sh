#!/bin/sh
# Installs what the build needs and the system lacks: a LAPACK back end and a C linker; says how to get Rust when there is none.
# Runs with or without root, as often as you like; uses the system's own package manager.
#
#   ./setup.sh [openblas|netlib|mkl|accelerate]
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

stop() {
    say "$*"
    exit 1
}

usual_directories='/usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib64 /usr/lib /usr/local/lib'

# What each back end is called, the library files that it consists of, and where they may be: the same as in build.rs.
back_end=${1:-openblas}
[ $# -le 1 ] || stop "one back end at a time: ./setup.sh [openblas|netlib|mkl|accelerate]"
case $back_end in
openblas)
    title=OpenBLAS
    libraries=openblas
    modules=openblas
    variable=OPENBLAS_LIB_DIR
    chosen=${OPENBLAS_LIB_DIR:-}
    own_directories='/usr/local/opt/openblas/lib /opt/homebrew/opt/openblas/lib /opt/OpenBLAS/lib'
    endings='so dylib a'
    ;;
netlib)
    title='LAPACK with BLAS'
    libraries='lapack blas'
    modules='lapack blas'
    variable=LAPACK_LIB_DIR
    chosen=${LAPACK_LIB_DIR:-}
    own_directories='/usr/local/opt/lapack/lib /opt/homebrew/opt/lapack/lib'
    endings='so dylib'
    ;;
mkl)
    title=MKL
    libraries=mkl_rt
    modules='mkl-sdl mkl-sdl-lp64 mkl-dynamic-lp64-seq'
    variable=MKLROOT
    chosen=${MKLROOT:+$MKLROOT/lib:$MKLROOT/lib/intel64:$MKLROOT}
    own_directories='/opt/intel/oneapi/mkl/latest/lib /opt/intel/oneapi/mkl/latest/lib/intel64'
    endings='so dylib'
    ;;
accelerate)
    title=Accelerate
    [ "$(uname -s)" = Darwin ] || stop "Accelerate is part of macOS and exists nowhere else: choose openblas, netlib or mkl"
    ;;
-h | --help)
    printf 'usage: ./setup.sh [openblas|netlib|mkl|accelerate]\n'
    exit 0
    ;;
*) stop "no such back end: $back_end (openblas, netlib, mkl or accelerate)" ;;
esac

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        stop "no root and no sudo: ask an administrator to run: $*"
    fi
}

# The directories to search, one a line.
places() {
    if [ -n "$chosen" ]; then
        printf '%s\n' "$chosen" | tr ':' '\n'
        return
    fi
    for module in $modules; do
        pkg-config --variable=libdir "$module" 2>/dev/null || true
    done
    for directory in $own_directories $usual_directories; do
        printf '%s\n' "$directory"
    done
}

# Whether one of the places holds the library $1.
has_library() {
    places | while IFS= read -r directory; do
        [ -n "$directory" ] || continue
        for ending in $endings; do
            [ ! -e "$directory/lib$1.$ending" ] || echo found
        done
    done | grep -q found
}

has_back_end() {
    [ "$back_end" != accelerate ] || return 0
    for library in $libraries; do
        has_library "$library" || return 1
    done
}

has_linker() { command -v cc >/dev/null 2>&1; }

with_apt() {
    case $back_end in
    openblas) set -- libopenblas-dev ;;
    netlib) set -- liblapack-dev libblas-dev ;;
    mkl) set -- libmkl-rt ;;
    esac
    as_root apt-get update -qq || say "the package lists could not be refreshed: trying with those at hand"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" gcc libc6-dev >&2 && return
    [ "$back_end" != mkl ] ||
        say "MKL is not free software: enable the component non-free (Debian) or multiverse (Ubuntu), or install Intel's oneAPI"
    stop "apt-get could not install: $*"
}

with_dnf() {
    case $back_end in
    openblas) set -- openblas-devel ;;
    netlib) set -- lapack-devel blas-devel ;;
    mkl) set -- intel-oneapi-mkl-devel ;;
    esac
    as_root dnf install -y -q "$@" gcc >&2 && return
    [ "$back_end" != mkl ] || say "Fedora has no MKL of its own: add Intel's oneAPI repository first"
    stop "dnf could not install: $*"
}

with_pacman() {
    case $back_end in
    openblas) set -- openblas ;;
    netlib) set -- lapack blas ;;
    mkl) set -- intel-oneapi-mkl ;;
    esac
    as_root pacman -S --needed --noconfirm "$@" gcc >&2 && return
    stop "pacman could not install: $* (if its lists are missing or old: pacman -Syu, then this again)"
}

with_brew() {
    has_linker || stop "no C compiler: run xcode-select --install, then this again"
    case $back_end in
    openblas) set -- openblas ;;
    netlib) set -- lapack ;;
    mkl) stop "Homebrew has no MKL: choose openblas or accelerate, or install Intel's oneAPI and set MKLROOT" ;;
    esac
    brew install -q "$@" >&2 || stop "brew could not install: $*"
}

install_packages() {
    if [ "$back_end" = accelerate ]; then
        stop "no C compiler: run xcode-select --install, then this again"
    elif command -v apt-get >/dev/null 2>&1; then
        with_apt
    elif command -v dnf >/dev/null 2>&1; then
        with_dnf
    elif command -v pacman >/dev/null 2>&1; then
        with_pacman
    elif command -v brew >/dev/null 2>&1; then
        with_brew
    else
        stop "no known package manager (apt-get, dnf, pacman, brew): install $title and a C compiler yourself, or set $variable"
    fi
}

if [ -n "${chosen:-}" ] && ! has_back_end; then
    stop "$variable is set, and $title is not there: correct it, or unset it to use the system's own"
fi
if ! has_back_end || ! has_linker; then
    say "installing $title and a C compiler, as far as they are missing"
    install_packages
    has_linker || stop "there is still no C compiler (cc): install one with the system's package manager"
    has_back_end || stop "$title is still not found: set $variable to where it is (see the README)"
fi

command -v cargo >/dev/null 2>&1 ||
    stop "Rust is missing: install Rust 1.89 or newer with rustup (see rust-lang.org), then run this again"
if [ "$back_end" = openblas ]; then
    say "ready"
else
    say "ready: build with --no-default-features --features $back_end"
fi
