//! `gradspectra sweep`: one question asked of many specifications.

mod directory;
mod live;
mod shard;
mod slurm;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;

use super::console::{self, Console};
use super::failure::{Failure, printable};
use crate::measure::Progress;
use crate::sweep::store::{Store, StoreError, Writer};
use crate::sweep::{
    BUILTIN_SWEEPS, Counts, GROUP, Grid, Job, Maps, Outcome, Plan, Point, Settings, SweepResults, memory, rows,
    run as compute,
};
use directory::SweepDirectory;
use live::Live;
use shard::Chosen;

/// Run a grid of specifications; survives anything, goes on where it stopped
///
/// SPEC is a specification with a [sweep] table: any of its keys can be an axis.
///
///   [sweep]
///   axes = { "network.weights.sigma_w" = { from = 0.5, to = 4.0, points = 15 },
///            "network.depth" = [8, 16, 32, 64] }
///   repeats = 3
///
/// More keys: linked (axes that move together), list (places one by one), sample = { kind = "sobol", points = 256 } (ranges sampled together),
/// run (what is done with every point: "phase", "predict", "spread" are theory of infinite depth, of every layer, of how networks differ;
/// "measure" draws networks, "train" trains them), question. Ranges are linear unless scale = "log".
///
/// DIR keeps sweep.toml and rows/: every finished point is there as soon as it is computed, whatever happens to the process. The same command
/// again computes what is missing; a changed sweep in the same DIR computes what it does not find. When all points are done, table.csv and table.jsonl
/// are written. A point that fails is recorded with its error and stops nothing. Ctrl-C ends with what is done.
///
/// Several processes, on one machine or many, may share DIR: each takes its --shard. In a Slurm job array the shard is that of the task, in a Kubernetes
/// indexed job that of JOB_COMPLETION_INDEX (set JOB_COMPLETIONS too).
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = built_in())]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,

    /// A TOML file with a [sweep] table, or the name of a built-in sweep
    #[arg(value_name = "SPEC", required = true)]
    spec: Option<String>,

    /// Directory of the sweep
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<PathBuf>,

    /// Compute the I-th of N parts, I from 0
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,

    /// Print the script of a Slurm job array that runs the sweep, instead of running it: `... --slurm --tasks 8 > job.sh; sbatch job.sh`
    #[arg(long, requires = "tasks", conflicts_with = "shard")]
    slurm: bool,

    /// Tasks of the job array
    #[arg(long, value_name = "N", requires = "slurm", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tasks: Option<u32>,

    /// Memory for all points that run at once [default: 85 % of what is free]
    #[arg(long, value_name = "GIB", value_parser = gibibytes)]
    memory: Option<u64>,

    /// Compute points again that failed before
    #[arg(long)]
    retry_failed: bool,
}

fn built_in() -> String {
    let lines = BUILTIN_SWEEPS.iter().map(|sweep| format!("\n  {:<13} {}", sweep.name, sweep.summary));
    format!("Built-in sweeps:{}", lines.collect::<String>())
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Status(status::StatusArguments),
    Merge(status::MergeArguments),
}

fn gibibytes(text: &str) -> Result<u64, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of GiB"))?;
    if number.is_finite() && number > 0.0 && number < 1e9 {
        Ok((number * f64::from(1 << 30)) as u64)
    } else {
        Err(format!("{text} GiB: it must be above 0"))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    directory: &'a std::path::Path,
    /// Points of the sweep, repeats counted.
    points: usize,
    done: usize,
    failed: usize,
    missing: usize,
    /// Points of this shard that were there before.
    reused: usize,
    /// Points that this process computed, with an error or not.
    computed: usize,
    /// `I/N`, unless this process computes all.
    shard: Option<String>,
    interrupted: bool,
    seconds: f64,
    tables: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    match (&arguments.action, &arguments.spec, &arguments.out) {
        (Some(Action::Status(arguments)), _, _) => status::status(arguments, console),
        (Some(Action::Merge(arguments)), _, _) => status::merge(arguments, console),
        (None, Some(spec), Some(out)) if arguments.slurm => {
            let tasks = arguments.tasks.unwrap_or(1);
            slurm::print(
                &slurm::Job { spec, out, tasks, memory: arguments.memory, retry: arguments.retry_failed },
                console,
            )
        }
        (None, Some(spec), Some(out)) => sweep(spec, out, arguments, console),
        (None, _, _) => Err(Failure::input(anyhow::anyhow!("a sweep takes SPEC and --out DIR (see --help)"))),
    }
}

fn sweep(spec: &str, out: &std::path::Path, arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let begun = Instant::now();
    let chosen = Chosen::new(arguments.shard.as_deref(), |name| std::env::var(name).ok()).map_err(Failure::input)?;
    let grid = Grid::load(spec).map_err(Failure::input)?;
    let directory = SweepDirectory::create(out, &grid).map_err(Failure::Input)?;
    if let Some(reason) = &chosen.reason {
        console::line(&format!("shard {}: {reason}", chosen.words()));
    }
    console.note(&format!("{}: {} points", printable(grid.name()), grid.len()));
    let plan = Plan::new(&grid);
    let store = Store::open(out).map_err(broken)?;
    let writer = Writer::create(out, GROUP).map_err(broken)?;
    let settings = Settings {
        shard: chosen.shard,
        threads: rayon::current_num_threads(),
        memory: arguments.memory.unwrap_or_else(memory::budget),
        retry_failed: arguments.retry_failed,
    };
    let maps = Maps::new(plan.activations());
    let interrupted = console::hold_interrupts();
    let live = Live::new();
    let rows = |point: &Point, progress: &dyn Progress| rows(&point.spec, grid.runs(), &maps, progress);
    let job = Job { grid: &grid, plan: &plan, store: &store, writer: &writer };
    let summary = compute(job, settings, &rows, interrupted, &live);
    live.end();
    // What was computed before a failing disk is kept as far as the disk keeps it.
    let closed = writer.close();
    let summary = summary.map_err(broken)?;
    closed.map_err(broken)?;
    // The store as all processes have it by now.
    let store = Store::open(out).map_err(broken)?;
    let counts = plan.counts(&store);
    let (tables, first_error) = if counts.missing() == 0 {
        let results = plan.results(&grid, &store);
        (directory.write_tables(&results).map_err(Failure::Input)?, first_error(&results))
    } else {
        (Vec::new(), None)
    };
    let tally = summary.tally;
    let document = Document {
        name: grid.name(),
        directory: out,
        points: counts.points,
        done: counts.done,
        failed: counts.failed,
        missing: counts.missing(),
        reused: tally.reused,
        computed: tally.done + tally.failed,
        shard: (chosen.shard.count > 1).then(|| chosen.words()),
        interrupted: summary.interrupted,
        seconds: begun.elapsed().as_secs_f64(),
        tables,
    };
    console.result(&document, || text(&document, first_error.as_deref()))?;
    Ok(if summary.interrupted { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

fn broken(error: StoreError) -> Failure {
    Failure::input(error)
}

/// The point that failed first, with its error.
fn first_error(results: &SweepResults) -> Option<String> {
    results.points.iter().find_map(|point| match &point.outcome {
        Outcome::Error(error) => Some(format!("point {}: {error}", point.index)),
        Outcome::Rows(_) => None,
    })
}

/// How far a sweep is, in words.
fn counts_text(counts: Counts) -> String {
    let mut text = format!("{} of {} points done", counts.done, counts.points);
    if counts.failed > 0 {
        text.push_str(&format!(", {} failed", counts.failed));
    }
    if counts.missing() > 0 {
        text.push_str(&format!(", {} to do", counts.missing()));
    }
    text
}

fn text(document: &Document<'_>, first_error: Option<&str>) -> String {
    let counts = Counts { points: document.points, done: document.done, failed: document.failed };
    let mut text = format!("{}: {}", printable(document.name), counts_text(counts));
    let here =
        format!("{} computed here in {:.1} s, {} there before", document.computed, document.seconds, document.reused);
    text.push_str(&format!(" ({here})\n"));
    if document.interrupted {
        text.push_str("interrupted: the same command goes on\n");
    }
    if let Some(error) = first_error {
        let shown: String = printable(error).chars().take(300).collect();
        text.push_str(&format!("  {shown}\n"));
    }
    for table in &document.tables {
        text.push_str(&format!("written: {}\n", table.display()));
    }
    text
}

/// An absolute path, for another process with another working directory.
fn absolute(path: &std::path::Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).with_context(|| path.display().to_string()).map_err(Failure::Input)
}
