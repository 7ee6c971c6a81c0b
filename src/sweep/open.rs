//! A sweep that was begun, from its directory.

use std::path::{Path, PathBuf};

use super::grid::{Grid, GridError};
use super::plan::{Counts, Plan};
use super::result::SweepResults;
use super::store::{Store, StoreError};

/// Name of the sweep's file in its directory.
pub const SWEEP_FILE: &str = "sweep.toml";

/// A sweep with what it has found so far; it may be running.
#[derive(Debug)]
pub struct OpenSweep {
    /// What it asks.
    pub grid: Grid,
    /// Its points.
    pub plan: Plan,
    /// What is done.
    pub store: Store,
}

/// Why a directory is not that of a sweep.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no sweep.
    #[error("{}: this is not the directory of a sweep, which has a file {SWEEP_FILE}: name the DIR of `gradspectra sweep --out DIR`", directory.display())]
    NotASweep {
        /// The directory.
        directory: PathBuf,
    },
    /// Its file is not valid.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// Its rows cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenSweep {
    /// Reads a sweep's directory.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the file.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let file = directory.join(SWEEP_FILE);
        if !file.is_file() {
            return Err(OpenError::NotASweep { directory: directory.to_owned() });
        }
        let grid = Grid::load(&file.to_string_lossy())?;
        let plan = Plan::new(&grid);
        Ok(Self { store: Store::open(directory)?, plan, grid })
    }

    /// How far it is.
    pub fn counts(&self) -> Counts {
        self.plan.counts(&self.store)
    }

    /// Everything that it has found so far.
    pub fn results(&self) -> SweepResults {
        self.plan.results(&self.grid, &self.store)
    }
}
