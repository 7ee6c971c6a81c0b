//! The `gradspectra` program: see [`gradspectra::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    gradspectra::cli::main()
}
