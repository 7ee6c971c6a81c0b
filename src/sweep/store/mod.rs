//! The finished points of a sweep: an append-only store in a directory that many processes on many machines may write at once.
//!
//! # Format
//!
//! Every writer has a file of its own, a segment, `DIR/rows/<unique>.rows`: nobody appends to the file of another one, so that no
//! locks are needed, also over NFS. A segment is text, a header and then one record a line, each with a CRC-32 of its own:
//!
//! ```text
//! {checksum} gradspectra rows 1 {"host":…,"boot":…,"pid":…,"locked":…,"merged":…}
//! {checksum: 8 hex} {key: 32 hex} {payload: JSON on one line}
//! ```
//!
//! # What holds
//!
//! - [`Writer::append`] gives the line to the system before it returns: it outlives the end of the process, however that comes. It
//!   outlives a loss of power after [`Writer::commit`], or when its group is full or old.
//! - A line that is cut short or damaged is left out and told by [`Store::damage`]; the lines around it are read.
//! - A key counts once. Of different payloads the lexicographically smallest is read, in whatever order the files come, and
//!   [`Store::conflicts`] tells.
//! - [`merge`] and [`repair`] touch a segment only if its writer is known to be gone. A writer holds a lock on its segment as long as it
//!   lives; it is asked only on the machine where it was taken, since over NFS locks may not be kept. Segments of other machines are left
//!   alone unless the caller knows that nobody writes: [`Writers::NoneRun`].
//! - A merge deletes a segment after everything in it is on disk under another name, and names never return: wherever it, or several at
//!   once, are killed, every record is still in some segment. Until the old ones are gone it may be in two.
//!
//! A checksum of 32 bits misses one in 4e9 damaged lines; it is no protection against forgery.

mod index;
mod line;
mod merge;
mod read;
mod segment;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;

pub use self::merge::{Merged, Repaired, Writers, merge, repair};
pub use self::read::Store;
pub use self::write::{Group, Writer};
use super::PointKey;

/// Why a store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder cannot be made.
    #[error("{}: cannot be created: {source}; choose a directory that can be written", file.display())]
    Create {
        /// The file or folder.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A write to the disk has failed before: it is not known what of the last group is there.
    #[error("{}: an earlier write to the disk failed ({problem}); records since the last commit may be missing, start again to compute them", file.display())]
    Broken {
        /// The segment.
        file: PathBuf,
        /// What the system said then.
        problem: String,
    },
    /// A payload that does not fit on a line.
    #[error("point {key}: its payload has a line break or more than {} bytes; write it as JSON on one line", u32::MAX)]
    Payload {
        /// The point.
        key: PointKey,
    },
    /// A segment of another version.
    #[error("{}: rows of version {version}, and version 1 is read; use the program that wrote them, or another directory", file.display())]
    Version {
        /// The segment.
        file: PathBuf,
        /// Its version.
        version: String,
    },
    /// Files come and go faster than they can be read.
    #[error("{}: its rows are merged over and over while they are read; try again later", directory.display())]
    Changing {
        /// The directory.
        directory: PathBuf,
    },
}

/// A place of a segment that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub file: PathBuf,
    /// Where the damage begins.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
    /// What is damaged.
    pub what: Fault,
}

/// What is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The last line has no end: its writer was killed, or the disk was full.
    TornTail,
    /// A line is not what was written.
    Line,
    /// The first line is not that of a segment.
    Header,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.what {
            Fault::TornTail => "the last line is incomplete",
            Fault::Line => "a damaged line",
            Fault::Header => "the first line is not that of a segment",
        };
        write!(formatter, "{}: byte {}: {what} ({} bytes)", self.file.display(), self.offset, self.length)
    }
}

/// A key with two payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The key.
    pub key: PointKey,
    /// The segment with the payload that is read.
    pub kept: PathBuf,
    /// The segment with the other one.
    pub dropped: PathBuf,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, kept, dropped } = self;
        write!(formatter, "point {key}: {} and {} disagree; the former is read", kept.display(), dropped.display())
    }
}
