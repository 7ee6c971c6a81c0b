//! The files of a sweep besides its rows.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::console;
use crate::cli::files::OutputDirectory;
use crate::sweep::{Grid, SWEEP_FILE, SweepResults, table};

/// The directory of a sweep.
#[derive(Debug)]
pub(super) struct SweepDirectory {
    path: PathBuf,
}

impl SweepDirectory {
    /// The directory with the sweep's file in it: a sweep that was there before is replaced, its rows stay, and its tables go, which would
    /// pass for those of the new one.
    pub fn create(path: &Path, grid: &Grid) -> anyhow::Result<Self> {
        let directory = OutputDirectory::prepare(path)?;
        let text = grid.self_contained_text();
        let there = std::fs::read_to_string(path.join(SWEEP_FILE)).ok();
        if there.as_deref() != Some(&text) {
            if there.is_some() {
                console::line(&format!(
                    "note: {} held another sweep, which is replaced: points that both have are reused, its tables are removed",
                    path.display()
                ));
                for format in table::Format::ALL {
                    // One that is not there is no trouble, and one that stays is overwritten at the end.
                    let _ = std::fs::remove_file(path.join(format!("table.{}", format.extension())));
                }
            }
            directory.write([(SWEEP_FILE, text.as_str())])?;
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The directory of a sweep that was begun.
    pub fn existing(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Writes the tables in every format.
    pub fn write_tables(&self, results: &SweepResults) -> anyhow::Result<Vec<PathBuf>> {
        let write = |format: &table::Format| {
            let file = self.path.join(format!("table.{}", format.extension()));
            table::save(results, *format, &file).with_context(|| file.display().to_string())?;
            Ok(file)
        };
        table::Format::ALL.iter().map(write).collect()
    }
}
