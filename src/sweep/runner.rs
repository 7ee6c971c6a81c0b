//! Runs the points of a sweep that are not in its store.
//!
//! Points run side by side, one core each, costly ones first; a point that would take longer than all others together on the remaining cores has all
//! cores to itself. Each core has a pool of its own with one thread: the trials of a point stay on its core, and no core waits for another one.
//! BLAS is on one thread throughout. Nothing of this changes a number: trials are reduced in their order, and every point has its own seed.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::grid::{Grid, Point};
use super::payload::encode;
use super::plan::{Plan, Shard, failure_key};
use super::result::{PointKey, Row};
use super::rows::PointError;
use super::store::{Store, StoreError, Writer};
use crate::linalg::single_threaded_blas;
use crate::measure::Progress;

/// What is run, and where it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The sweep.
    pub grid: &'a Grid,
    /// Its points.
    pub plan: &'a Plan,
    /// What is done already.
    pub store: &'a Store,
    /// Where the rest goes.
    pub writer: &'a Writer,
}

/// How a sweep is run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The part of the points that this process computes.
    pub shard: Shard,
    /// Cores.
    pub threads: usize,
    /// Bytes that all running points together may take.
    pub memory: u64,
    /// Whether points that failed before are computed again.
    pub retry_failed: bool,
}

/// How far a run is, in points of its shard that have a key of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// All.
    pub points: usize,
    /// In the store before, with numbers or an error.
    pub reused: usize,
    /// Computed by this run.
    pub done: usize,
    /// Failed in this run.
    pub failed: usize,
    /// Being computed.
    pub running: usize,
    /// Time left, from the expected cost of what is done and what is not; `None` as long as too little is done to tell.
    pub left: Option<Duration>,
}

/// Watches a run. Called from many threads.
pub trait Observer: Sync {
    /// A point has begun or ended.
    fn changed(&self, tally: &Tally);
}

/// Looks away.
#[derive(Debug, Clone, Copy)]
pub struct Blind;

impl Observer for Blind {
    fn changed(&self, _tally: &Tally) {}
}

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The last tally.
    pub tally: Tally,
    /// Whether it was ended before its time.
    pub interrupted: bool,
}

/// Computes the rows of a point.
pub type Compute<'a> = dyn Fn(&Point, &dyn Progress) -> Result<Vec<Row>, PointError> + Sync + 'a;

/// A point that is to be computed.
#[derive(Debug, Clone, Copy)]
struct Task {
    index: usize,
    key: PointKey,
    seconds: f64,
    memory: u64,
}

/// Least seconds of a point that is worth all cores.
const WORTH_ALL_CORES: f64 = 0.2;

/// A run tells of the time left after so long, and so much of the work.
const KNOWN_AFTER: (Duration, f64) = (Duration::from_secs(2), 0.01);

/// Computes what is missing, and gives every point to the writer as soon as it is done. What is interrupted is not recorded.
///
/// # Errors
///
/// [`StoreError`] if a point cannot be recorded: the run ends, what was recorded before stays.
pub fn run(
    job: Job<'_>,
    settings: Settings,
    compute: &Compute<'_>,
    interrupted: &AtomicBool,
    observer: &dyn Observer,
) -> Result<Summary, StoreError> {
    let _blas = single_threaded_blas();
    let Job { grid, plan, store, writer } = job;
    let indices = plan.shard(settings.shard);
    let mut tasks = VecDeque::new();
    let mut reused = 0;
    for &index in &indices {
        let point = &plan.points()[index];
        let failure = store.get(failure_key(point.key));
        // One that did not fit then may fit now.
        let fits_now = failure.is_some_and(|error| error.contains(TOO_LARGE)) && point.memory <= settings.memory;
        let failed = failure.is_some() && !settings.retry_failed && !fits_now;
        if store.contains(point.key) || failed {
            reused += 1;
        } else {
            tasks.push_back(Task { index, key: point.key, seconds: point.seconds, memory: point.memory });
        }
    }
    let work: f64 = tasks.iter().map(|task| task.seconds).sum();
    let tally = Tally { points: indices.len(), reused, ..Tally::default() };
    let run = Run {
        grid,
        writer,
        settings,
        compute,
        interrupted,
        observer,
        state: Mutex::new(State { tasks, memory: 0, tally, work_done: 0.0, problem: None }),
        freed: Condvar::new(),
        begun: Instant::now(),
        work,
    };
    observer.changed(&tally);
    let threads = settings.threads.max(1);
    if threads > 1 {
        run.on_all_cores(threads);
    }
    std::thread::scope(|scope| {
        let left = run.state().tasks.len();
        for _ in 0..threads.min(left) {
            scope.spawn(|| run.work());
        }
    });
    let state = run.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.problem {
        Some(problem) => Err(problem),
        None => {
            let complete = state.tally.reused + state.tally.done + state.tally.failed == state.tally.points;
            Ok(Summary { tally: state.tally, interrupted: !complete })
        }
    }
}

struct Run<'a> {
    grid: &'a Grid,
    writer: &'a Writer,
    settings: Settings,
    compute: &'a Compute<'a>,
    interrupted: &'a AtomicBool,
    observer: &'a dyn Observer,
    state: Mutex<State>,
    /// A point has ended: its memory is free.
    freed: Condvar,
    begun: Instant,
    /// Expected seconds of all tasks.
    work: f64,
}

struct State {
    /// Costly ones first.
    tasks: VecDeque<Task>,
    /// Bytes that running points take.
    memory: u64,
    tally: Tally,
    /// Expected seconds of the points that are done.
    work_done: f64,
    /// Why a point could not be recorded.
    problem: Option<StoreError>,
}

impl Run<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self, state: &State) -> bool {
        state.problem.is_some() || self.interrupted.load(Ordering::SeqCst)
    }

    /// Runs the points one after the other, each on all cores, that would be the last to end on one.
    fn on_all_cores(&self, threads: usize) {
        loop {
            let task = {
                let mut state = self.state();
                let left: f64 = state.tasks.iter().map(|task| task.seconds).sum();
                let Some(task) = state.tasks.front().copied() else { return };
                let last_to_end = task.seconds > WORTH_ALL_CORES && task.seconds > left / threads as f64;
                let memory = task.memory.saturating_mul(threads as u64);
                if !last_to_end || memory > self.settings.memory || self.ends(&state) {
                    return;
                }
                state.tasks.pop_front();
                state.memory += memory;
                state.tally.running += 1;
                Task { memory, ..task }
            };
            self.compute(task);
        }
    }

    /// Runs point after point on this core.
    fn work(&self) {
        // Without a pool of its own the trials go to the common one: slower, and the same numbers.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        while let Some(task) = self.next() {
            match &pool {
                Ok(pool) => pool.install(|| self.compute(task)),
                Err(_) => self.compute(task),
            }
        }
    }

    /// The costliest point for which there is memory; waits for it if another one will free some.
    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if self.ends(&state) || state.tasks.is_empty() {
                return None;
            }
            let room = self.settings.memory.saturating_sub(state.memory);
            // One that fits nowhere is taken at once: it fails.
            let fits = |task: &Task| task.memory <= room || task.memory > self.settings.memory;
            if let Some(position) = state.tasks.iter().position(fits) {
                let task = state.tasks.remove(position)?;
                if task.memory <= self.settings.memory {
                    state.memory += task.memory;
                }
                state.tally.running += 1;
                return Some(task);
            }
            let waited = self.freed.wait_timeout(state, Duration::from_millis(100));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn compute(&self, task: Task) {
        let outcome = if task.memory > self.settings.memory {
            Err(PointError::Failed(too_large(task.memory)))
        } else {
            let tally = self.state().tally;
            self.observer.changed(&tally);
            catch_unwind(AssertUnwindSafe(|| self.rows(task.index))).unwrap_or_else(|panic| {
                Err(PointError::Failed(format!("the program has a mistake and panicked: {}", panic_text(&*panic))))
            })
        };
        let recorded = match &outcome {
            Ok(rows) => Some((task.key, encode(rows))),
            Err(PointError::Failed(error)) => {
                Some((failure_key(task.key), serde_json::to_string(error).unwrap_or_else(|_| "\"\"".to_owned())))
            }
            Err(PointError::Interrupted) => None,
        };
        let written = recorded.map(|(key, payload)| self.writer.append(key, &payload));
        let mut state = self.state();
        state.tally.running -= 1;
        if task.memory <= self.settings.memory {
            state.memory -= task.memory;
        }
        match written {
            Some(Ok(())) => {
                state.work_done += task.seconds;
                match outcome {
                    Ok(_) => state.tally.done += 1,
                    Err(_) => state.tally.failed += 1,
                }
            }
            Some(Err(error)) => state.problem = Some(error),
            None => {}
        }
        state.tally.left = self.left(&state);
        let tally = state.tally;
        drop(state);
        self.freed.notify_all();
        self.observer.changed(&tally);
    }

    fn rows(&self, index: usize) -> Result<Vec<Row>, PointError> {
        // It was valid when the sweep was planned: a file may have gone since.
        let point = self.grid.point(index).map_err(|error| PointError::Failed(error.to_string()))?;
        (self.compute)(&point, &Interrupts(self.interrupted))
    }

    fn left(&self, state: &State) -> Option<Duration> {
        let elapsed = self.begun.elapsed();
        if elapsed < KNOWN_AFTER.0 || state.work_done < KNOWN_AFTER.1 * self.work || state.work_done == 0.0 {
            return None;
        }
        let rest = (self.work / state.work_done - 1.0).max(0.0);
        Duration::try_from_secs_f64(elapsed.as_secs_f64() * rest).ok()
    }
}

/// In the error of a point that memory does not hold.
const TOO_LARGE: &str = "more than the sweep may use";

/// Without the budget: it may be another one in another process, and the error is one of the point.
fn too_large(memory: u64) -> String {
    let gibibytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    format!(
        "it would take {:.3} GiB of memory, {TOO_LARGE}: allow more with --memory, or reduce width, depth or batch",
        gibibytes(memory)
    )
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Says nothing; interrupts when the run is.
struct Interrupts<'a>(&'a AtomicBool);

impl Progress for Interrupts<'_> {
    fn begin(&self, _stage: &str, _total: u64) {}

    fn advance(&self, _units: u64) {}

    fn end(&self) {}

    fn interrupted(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
