//! The command line: one file per command with its arguments, its call, its output and its exit code.
//!
//! Results go to standard output (`--json`: exactly one JSON document), progress and messages to standard error. Exit codes:
//! 0 done, 1 a verdict that is not as claimed, 2 bad input, 3 a numerical failure, 130 interrupted.

mod activation;
mod backprop;
mod chain;
mod console;
mod failure;
mod files;
mod law;
mod measure;
mod phase;
mod predict;
mod report;
mod sweep;
mod train;
mod verify;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use console::Console;
use failure::Failure;

/// Predicts, measures and explains vanishing and exploding gradients.
///
/// Give it a network and it says what happens to the gradient on its way back: by theory (random matrices, mean field), by real
/// backprop on the CPU, and whether the two agree.
#[derive(Debug, Parser)]
#[command(name = "gradspectra", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// Print exactly one JSON document on standard output
    #[arg(long, global = true)]
    json: bool,

    /// Worker threads for independent trials; the numbers do not depend on it [default: all cores]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

const EXAMPLES: &str = "\
A specification is a TOML file, or a built-in one by name: `lesson`, the network of the lesson
on vanishing gradients (10 blocks of [Linear(50, 50), Sigmoid]).

Examples:
  gradspectra report                    the lesson's network as a page, in reports/lesson/
  gradspectra report my_network.toml    the same for a network of yours
  gradspectra predict lesson            what theory says, without drawing a network
  gradspectra backprop model.safetensors --activation tanh
                                        one backward pass through your own weights
  gradspectra chain model.safetensors   all singular values of the product of its matrices
  gradspectra phase tanh --critical --sigma-b 0.05
                                        the scale of the weights at which gradients hold
  gradspectra law fuss_catalan --factors 10
                                        the singular values of a product of ten large matrices
  gradspectra train my_network.toml     trains it ([train] learning_rate = 0.01, steps = 500) and
                                        watches every layer
  gradspectra sweep phase-tanh --out phases
                                        a grid of networks, here the phase diagram of tanh
  gradspectra verify                    every claim of the project, with its controls

A first specification of your own:
  [network]
  input = 64
  depth = 20
  width = 128
  activation = \"tanh\"
  weights = { sigma_w = 1.0 }    # or { preset = \"he\" }, { ensemble = \"orthogonal\", std = 0.1 },
                                 # { preset = \"kaiming_normal(relu, fan_out)\" }, ...

  [loss]
  kind = \"random\"

Exit codes: 0 done, 1 a verdict is not as claimed, 2 bad input, 3 numerical failure,
130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Report(report::Arguments),
    Predict(predict::Arguments),
    Measure(measure::Arguments),
    Verify(verify::Arguments),
    Backprop(backprop::Arguments),
    Chain(chain::Arguments),
    Activation(activation::Arguments),
    Phase(phase::Arguments),
    Law(law::Arguments),
    Train(train::Arguments),
    Sweep(sweep::Arguments),
}

/// Runs the program on the process's own arguments.
pub fn main() -> ExitCode {
    let Cli { command, common } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let console = Console::new(common.json);
    if let Some(threads) = common.threads
        && let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global()
    {
        let failure =
            Failure::input(anyhow::anyhow!("--threads {threads}: the system refuses them ({error}); choose fewer"));
        console.error(&failure);
        return failure.exit_code();
    }
    let outcome = match command {
        Command::Report(arguments) => report::run(&arguments, &console),
        Command::Predict(arguments) => predict::run(&arguments, &console),
        Command::Measure(arguments) => measure::run(&arguments, &console),
        Command::Verify(arguments) => verify::run(&arguments, &console),
        Command::Backprop(arguments) => backprop::run(&arguments, &console),
        Command::Chain(arguments) => chain::run(&arguments, &console),
        Command::Activation(arguments) => activation::run(&arguments, &console),
        Command::Phase(arguments) => phase::run(&arguments, &console),
        Command::Law(arguments) => law::run(&arguments, &console),
        Command::Train(arguments) => train::run(&arguments, &console),
        Command::Sweep(arguments) => sweep::run(&arguments, &console),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            console.error(&failure);
            failure.exit_code()
        }
    }
}

/// Help and version as clap prints them; an error in one line, as every other.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody is left to tell if standard output is closed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = first.join(" ");
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
    } else {
        console::line(&format!("{message} (see --help)"));
    }
    ExitCode::from(2)
}

/// A specification on the command line, with the numbers that are often varied.
#[derive(Debug, Args)]
struct SpecArguments {
    /// A TOML file, or the name of a built-in specification (`lesson`)
    #[arg(value_name = "SPEC")]
    spec: String,

    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Debug, Args)]
struct Overrides {
    /// Independent networks to draw, instead of the specification's number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000_000))]
    trials: Option<u64>,

    /// Seed of all random numbers, instead of the specification's
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

impl Overrides {
    fn apply(&self, spec: &mut crate::spec::Spec) {
        if let Some(trials) = self.trials {
            spec.measure.trials = trials as usize;
        }
        if let Some(seed) = self.seed {
            spec.seed = seed;
        }
    }
}

impl SpecArguments {
    fn load(&self) -> Result<crate::spec::Spec, Failure> {
        let mut spec = crate::spec::Spec::load(&self.spec).map_err(Failure::input)?;
        self.overrides.apply(&mut spec);
        Ok(spec)
    }
}
