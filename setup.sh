#!/bin/sh
# Installs what the build needs and the system lacks: OpenBLAS (with its LAPACK) and a C linker; says how to get Rust when there is
# none. Runs with or without root; uses the system's own package manager.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else
        say "no root and no sudo: ask an administrator to run: $*"
        exit 1
    fi
}

has_openblas() {
    if [ -n "${OPENBLAS_LIB_DIR:-}" ]; then
        set -- "$OPENBLAS_LIB_DIR"
    else
        set -- "$(pkg-config --variable=libdir openblas 2>/dev/null || true)" \
            /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib64 /usr/lib /usr/local/lib \
            /usr/local/opt/openblas/lib /opt/homebrew/opt/openblas/lib /opt/OpenBLAS/lib
    fi
    for directory in "$@"; do
        [ -n "$directory" ] || continue
        for file in libopenblas.so libopenblas.dylib libopenblas.a; do
            [ -e "$directory/$file" ] && return 0
        done
    done
    return 1
}

has_linker() { command -v cc >/dev/null 2>&1; }

install_packages() {
    if command -v apt-get >/dev/null 2>&1; then
        as_root apt-get update -qq || say "the package lists could not be refreshed: trying with those at hand"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libopenblas-dev gcc >&2
    elif command -v dnf >/dev/null 2>&1; then
        as_root dnf install -y -q openblas-devel gcc >&2
    elif command -v pacman >/dev/null 2>&1; then
        as_root pacman -S --needed --noconfirm openblas gcc >&2
    elif command -v brew >/dev/null 2>&1; then
        has_linker || { say "no C compiler: run xcode-select --install, then this again"; exit 1; }
        brew install -q openblas >&2
    else
        say "no known package manager (apt-get, dnf, pacman, brew): install OpenBLAS yourself, or set OPENBLAS_LIB_DIR"
        exit 1
    fi
}

if ! has_openblas || ! has_linker; then
    say "installing OpenBLAS"
    install_packages
    has_linker || { say "there is still no C compiler (cc): install one with the system's package manager"; exit 1; }
    has_openblas || { say "OpenBLAS is still not found: set OPENBLAS_LIB_DIR to the directory that holds libopenblas"; exit 1; }
fi

if ! command -v cargo >/dev/null 2>&1; then
    say "Rust is missing: install Rust 1.89 or newer with rustup (see rust-lang.org), then run this again"
    exit 1
fi
say "ready"
