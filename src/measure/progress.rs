//! How long work tells of itself and is told to stop.

/// Watches a computation. Called from many threads.
pub trait Progress: Sync {
    /// A stage of `total` units begins.
    fn begin(&self, stage: &str, total: u64);

    /// That many units are done.
    fn advance(&self, units: u64);

    /// The stage is over, done or not.
    fn end(&self);

    /// Whether the work is to stop as soon as it can.
    fn interrupted(&self) -> bool;
}

/// Says nothing and never interrupts.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: u64) {}

    fn advance(&self, _units: u64) {}

    fn end(&self) {}

    fn interrupted(&self) -> bool {
        false
    }
}
