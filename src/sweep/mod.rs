//! Sweeps: one question asked of many specifications.
//!
//! A [`Grid`] is what a sweep file says, point by point; a [`Plan`] knows what every point costs and under which key its numbers are kept; [`run`]
//! computes the points that a [`store`] does not have. What a sweep ends in is a [`SweepResults`]: the points of its grid with their rows, in the
//! order of the grid. Tables are written from it and figures draw it; it does not tell in which order, by how many threads or on which machines the
//! points were computed.
//!
//! ```
//! use gradspectra::sweep::{Blind, Grid, Outcome, sweep};
//!
//! let text = "[network]\ninput = 8\nwidth = 8\nactivation = \"tanh\"\nweights = { sigma_w = 1.0 }\n[measure]\ntrials = 4\n\
//!             [sweep]\naxes = { \"network.depth\" = [2, 3] }";
//! let directory = tempfile::tempdir()?;
//! let results = sweep(&Grid::parse(text.to_owned(), "grid.toml".as_ref())?, directory.path(), &Blind)?;
//! assert!(results.points.len() == 2 && matches!(results.points[0].outcome, Outcome::Rows(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod grid;
pub mod memory;
mod open;
pub mod payload;
pub mod plan;
pub mod result;
pub mod rows;
pub mod runner;
pub mod store;
pub mod table;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::AtomicBool;

pub use grid::{BUILTIN_SWEEPS, BuiltinSweep, Cost, Grid, GridError, MOST_POINTS, Point, Runs};
pub use open::{OpenError, OpenSweep, SWEEP_FILE};
pub use plan::{Counts, Plan, Planned, Shard, failure_key};
pub use result::{
    Axis, AxisScale, AxisValue, Outcome, PointKey, PointResult, ResultsError, Row, Side, Statistic, SweepResults,
};
pub use rows::{Maps, PointError, rows};
pub use runner::{Blind, Job, Observer, Settings, Summary, Tally, run};
use store::{Group, Store, StoreError, Writer};

/// Version of the numbers that a point's specification leads to: raised when a change to the program changes them, so that earlier ones are
/// not taken for those of today.
pub const NUMBERS_VERSION: u32 = 2;

/// How many points reach the disk together: those of two seconds.
pub const GROUP: Group = Group { records: 1000, milliseconds: 2000 };

/// Runs a whole sweep in a directory, as far as it is not there, on all cores.
///
/// # Errors
///
/// [`StoreError`] if the directory cannot be read or written.
pub fn sweep(grid: &Grid, directory: &Path, observer: &dyn Observer) -> Result<SweepResults, StoreError> {
    let plan = Plan::new(grid);
    let mut store = Store::open(directory)?;
    let writer = Writer::create(directory, GROUP)?;
    let settings = Settings {
        shard: Shard::WHOLE,
        threads: rayon::current_num_threads(),
        memory: memory::budget(),
        retry_failed: false,
    };
    let maps = Maps::new(plan.activations());
    let compute =
        |point: &Point, progress: &dyn crate::measure::Progress| rows(&point.spec, grid.runs(), &maps, progress);
    let job = Job { grid, plan: &plan, store: &store, writer: &writer };
    run(job, settings, &compute, &AtomicBool::new(false), observer)?;
    writer.close()?;
    store.refresh()?;
    Ok(plan.results(grid, &store))
}
