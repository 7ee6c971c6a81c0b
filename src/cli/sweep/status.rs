//! `gradspectra sweep status` and `gradspectra sweep merge`: a sweep from outside.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::directory::SweepDirectory;
use super::{broken, counts_text, first_error};
use crate::cli::console::Console;
use crate::cli::failure::{Failure, printable};
use crate::sweep::store::{self, Writers};
use crate::sweep::{OpenSweep, Outcome, SweepResults};

/// Say how far a sweep is, running or not
#[derive(Debug, clap::Args)]
pub(super) struct StatusArguments {
    /// Directory of the sweep
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Write the tables of what is done, and put the rows of ended processes into one file
///
/// May run beside processes that write.
#[derive(Debug, clap::Args)]
pub(super) struct MergeArguments {
    /// Directory of the sweep
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// No process writes the sweep any more, on any machine: take the rows of other machines too
    #[arg(long)]
    nobody_writes: bool,
}

#[derive(Serialize)]
struct Failed {
    point: usize,
    error: String,
}

#[derive(Serialize)]
struct StatusDocument<'a> {
    name: &'a str,
    question: Option<&'a str>,
    directory: &'a Path,
    points: usize,
    done: usize,
    failed: usize,
    missing: usize,
    /// Points that failed, the first of them.
    failures: Vec<Failed>,
    /// Places of the rows' files that cannot be read: lines that were cut short by a crash, whose points are computed again.
    damaged: usize,
    /// Points whose numbers differ between processes: made by other versions of the linear algebra, say.
    conflicts: usize,
}

/// Failures that are listed.
const LISTED: usize = 10;

pub(super) fn status(arguments: &StatusArguments, console: &Console) -> Result<ExitCode, Failure> {
    let sweep = open(&arguments.directory)?;
    let counts = sweep.counts();
    let failures = if counts.failed > 0 { failures(&sweep.results()) } else { Vec::new() };
    let document = StatusDocument {
        name: sweep.grid.name(),
        question: sweep.grid.question(),
        directory: &arguments.directory,
        points: counts.points,
        done: counts.done,
        failed: counts.failed,
        missing: counts.missing(),
        failures,
        damaged: sweep.store.damage().len(),
        conflicts: sweep.store.conflicts().len(),
    };
    console.result(&document, || {
        let mut text = format!("{}: {}\n", printable(document.name), counts_text(counts));
        for failed in &document.failures {
            let error: String = printable(&failed.error).chars().take(200).collect();
            text.push_str(&format!("  point {}: {error}\n", failed.point));
        }
        if counts.failed > document.failures.len() {
            text.push_str(&format!("  and {} more\n", counts.failed - document.failures.len()));
        }
        let notes = sweep.store.damage().iter().map(ToString::to_string);
        let notes = notes.chain(sweep.store.conflicts().iter().map(ToString::to_string));
        notes.take(LISTED).for_each(|note| text.push_str(&format!("  note: {note}\n")));
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn failures(results: &SweepResults) -> Vec<Failed> {
    let failed = results.points.iter().filter_map(|point| match &point.outcome {
        Outcome::Error(error) => Some(Failed { point: point.index, error: error.clone() }),
        Outcome::Rows(_) => None,
    });
    failed.take(LISTED).collect()
}

#[derive(Serialize)]
struct MergeDocument<'a> {
    name: &'a str,
    directory: &'a Path,
    points: usize,
    done: usize,
    failed: usize,
    missing: usize,
    tables: Vec<PathBuf>,
    /// Files of rows that were left alone: somebody writes them, or may.
    left: Vec<PathBuf>,
}

pub(super) fn merge(arguments: &MergeArguments, console: &Console) -> Result<ExitCode, Failure> {
    let directory = &arguments.directory;
    // Before anything is touched: this is a sweep.
    let sweep = open(directory)?;
    let writers = if arguments.nobody_writes { Writers::NoneRun } else { Writers::MayRun };
    let merged = store::merge(directory, writers).map_err(broken)?;
    let store = store::Store::open(directory).map_err(broken)?;
    let sweep = OpenSweep { store, ..sweep };
    let counts = sweep.counts();
    let results = sweep.results();
    let tables = SweepDirectory::existing(directory).write_tables(&results).map_err(Failure::Input)?;
    let document = MergeDocument {
        name: sweep.grid.name(),
        directory,
        points: counts.points,
        done: counts.done,
        failed: counts.failed,
        missing: counts.missing(),
        tables,
        left: merged.left,
    };
    console.result(&document, || {
        let mut text = format!("{}: {}\n", printable(document.name), counts_text(counts));
        if let Some(error) = first_error(&results) {
            let error: String = printable(&error).chars().take(300).collect();
            text.push_str(&format!("  {error}\n"));
        }
        document.tables.iter().for_each(|table| text.push_str(&format!("written: {}\n", table.display())));
        if !document.left.is_empty() {
            let count = document.left.len();
            text.push_str(&format!(
                "{count} files of rows stay apart: a process writes them, or another machine may (--nobody-writes takes those of other machines)\n"
            ));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn open(directory: &Path) -> Result<OpenSweep, Failure> {
    OpenSweep::open(directory).map_err(Failure::input)
}
