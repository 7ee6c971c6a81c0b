//! Many segments into one, and torn tails off.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::line::record;
use super::segment::{Life, Lock, New, is_gone, life, list, list_unfinished, set_aside, sync_names};
use super::{Conflict, Damage, Fault, Store, StoreError};

/// What the caller knows about processes that write the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// Some may run, on any machine: only segments whose writers are known to be gone are touched.
    MayRun,
    /// None runs on any machine. Segments whose writers are known to run are left alone all the same.
    NoneRun,
}

/// What a merge has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// The new segment, if one was needed.
    pub file: Option<PathBuf>,
    /// Records in it.
    pub records: usize,
    /// How many segments it replaces.
    pub replaced: usize,
    /// Segments that somebody writes, or may write.
    pub left: Vec<PathBuf>,
    /// Where replaced segments with damaged lines are now; they are not read any more.
    pub set_aside: Vec<PathBuf>,
    /// What could not be read in the replaced segments.
    pub damage: Vec<Damage>,
    /// Keys with different payloads in the replaced segments; the smallest payload is in the new one.
    pub conflicts: Vec<Conflict>,
}

/// What a repair has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// The tails that were cut off.
    pub cut: Vec<Damage>,
    /// Segments with a torn tail that somebody writes, or may write.
    pub left: Vec<PathBuf>,
}

/// Writes the records of all segments that nobody writes any more into one new segment, in the order of their keys, and removes the old
/// ones. Torn tails are dropped; segments with damaged lines are set aside as `.damaged`.
///
/// May run beside writers, readers and other merges, and may be killed: see the guide of this module.
///
/// # Errors
///
/// [`StoreError`] names the file. No record is lost then.
pub fn merge(directory: &Path, writers: Writers) -> Result<Merged, StoreError> {
    sweep_unfinished(directory)?;
    let Segments { held, left } = Segments::of(list(directory)?, writers)?;
    let files: Vec<PathBuf> = held.iter().map(|held| held.file.clone()).collect();
    let store = Store::of(&files)?;
    let nothing = Merged { left, ..Merged::default() };
    if store.extents().count() < 2 && store.damage().is_empty() {
        return Ok(nothing);
    }
    let file = if store.is_empty() { None } else { Some(write(directory, &store)?) };
    let (replaced, set_aside) = remove(directory, &store)?;
    Ok(Merged {
        file,
        records: store.len(),
        replaced,
        set_aside,
        damage: store.damage().to_vec(),
        conflicts: store.conflicts().to_vec(),
        ..nothing
    })
}

/// Cuts off the torn tails of segments that nobody writes any more: last lines without an end, or with a wrong checksum. Readers pass over
/// them without that.
///
/// # Errors
///
/// [`StoreError`] names the file.
pub fn repair(directory: &Path, writers: Writers) -> Result<Repaired, StoreError> {
    let mut repaired = Repaired::default();
    let Segments { held, left } = Segments::of(list(directory)?, writers)?;
    for Held { file, lock: _lock } in held {
        let store = Store::of(std::slice::from_ref(&file))?;
        // Without a header it may be anything.
        if store.damage().iter().any(|damage| damage.what == Fault::Header) {
            continue;
        }
        for (file, size, end) in store.extents().filter(|(_, size, end)| 0 < *end && end < size) {
            cut(file, end)?;
            let whole = Damage { file: file.to_owned(), offset: end, length: size - end, what: Fault::TornTail };
            repaired.cut.push(whole);
        }
    }
    let torn = Store::of(&left)?;
    repaired.left = torn.extents().filter(|(_, size, end)| end < size).map(|(file, ..)| file.to_owned()).collect();
    Ok(repaired)
}

/// Segments, by whether they may be touched.
struct Segments {
    held: Vec<Held>,
    left: Vec<PathBuf>,
}

/// A segment that nobody writes.
struct Held {
    file: PathBuf,
    /// Nobody else merges it as long as this is open.
    lock: Option<Lock>,
}

impl Segments {
    fn of(files: Vec<PathBuf>, writers: Writers) -> Result<Self, StoreError> {
        let mut segments = Self { held: Vec::new(), left: Vec::new() };
        for file in files {
            match life(&file) {
                Ok(Life::Over(lock)) => segments.held.push(Held { file, lock }),
                Ok(Life::Unknown) if writers == Writers::NoneRun => segments.held.push(Held { file, lock: None }),
                Ok(Life::Running | Life::Begun | Life::Unknown) => segments.left.push(file),
                Err(error) if is_gone(&error) => {}
                Err(source) => return Err(StoreError::Read { file, source }),
            }
        }
        Ok(segments)
    }
}

/// Writes a merged segment; when it returns, the segment is on the disk under its name.
fn write(directory: &Path, store: &Store) -> Result<PathBuf, StoreError> {
    let new = New::create(directory, true)?;
    let mut keys: Vec<_> = store.keys().collect();
    keys.sort_unstable();
    let mut out = BufWriter::with_capacity(1 << 20, &new.file.0);
    let mut lines = keys.into_iter().filter_map(|key| Some(record(key, store.get(key)?)));
    let written = lines.try_for_each(|line| out.write_all(line.as_bytes())).and_then(|()| out.flush());
    if let Err(source) = written {
        drop(out);
        // Ours, and never read.
        let _ = std::fs::remove_file(&new.path);
        return Err(StoreError::Write { file: new.path, source });
    }
    drop(out);
    new.publish(directory)
}

/// Removes the segments that were wholly read and have not grown since.
fn remove(directory: &Path, store: &Store) -> Result<(usize, Vec<PathBuf>), StoreError> {
    let mut removed = 0;
    let mut aside = Vec::new();
    for (file, size, _) in store.extents() {
        let damaged = store.damage().iter().any(|damage| damage.file == file && damage.what != Fault::TornTail);
        let result = file.metadata().and_then(|now| match (now.len() == size, damaged) {
            (false, _) => Ok(0),
            (true, true) => set_aside(file).map(|name| aside.push(name)).map(|()| 1),
            (true, false) => std::fs::remove_file(file).map(|()| 1),
        });
        match result {
            Ok(count) => removed += count,
            // By another merge.
            Err(error) if is_gone(&error) => {}
            Err(source) => return Err(StoreError::Write { file: file.to_owned(), source }),
        }
    }
    sync_names(directory)?;
    Ok((removed, aside))
}

/// Removes what merges that were killed have left.
fn sweep_unfinished(directory: &Path) -> Result<(), StoreError> {
    for file in list_unfinished(directory)? {
        if matches!(life(&file), Ok(Life::Over(Some(_)))) {
            // It holds copies only.
            let _ = std::fs::remove_file(&file);
        }
    }
    Ok(())
}

fn cut(file: &Path, end: u64) -> Result<(), StoreError> {
    let opened = OpenOptions::new().write(true).open(file);
    opened
        .and_then(|opened| opened.set_len(end).and_then(|()| opened.sync_all()))
        .map_err(|source| StoreError::Write { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::super::{Group, PointKey, Writer};
    use super::*;

    #[test]
    fn a_segment_that_has_grown_since_it_was_read_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let group = Group { records: 1, milliseconds: 0 };
        let writers = [0, 1].map(|_| Writer::create(directory.path(), group).expect("a writer"));
        for (key, writer) in writers.iter().enumerate() {
            writer.append(PointKey(key as u128), "{}").expect("appended");
        }
        let files = writers.each_ref().map(|writer| writer.file().to_owned());
        let store = Store::of(&files).expect("a store");
        writers[1].append(PointKey(2), "{}").expect("appended");
        let (removed, _) = remove(directory.path(), &store).expect("removed");
        assert_eq!((removed, files.map(|file| file.exists())), (1, [false, true]));
    }
}
