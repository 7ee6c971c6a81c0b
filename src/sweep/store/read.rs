//! What is readable in a directory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use memchr::{memchr, memrchr};
use rayon::prelude::*;

use super::index::{Clash, Index};
use super::line::Scan;
use super::segment::{First, Life, is_gone, life, list};
use super::{Conflict, Damage, Fault, PointKey, StoreError};

/// A task reads the lines that begin in so many bytes. Reading in parallel matters: most of the time of a store goes into fresh memory.
const BLOCK: u64 = 4 << 20;
/// Bytes that are read on, until the end of the last line of a block.
const STEP: u64 = 1 << 14;
/// Damaged bytes of a segment that are read again at every refresh, at most.
const READ_AGAIN: u64 = 16 << 20;
/// Listings of a directory in which merges replace files before reading is given up.
const LISTINGS: u32 = 20;

/// The records of all segments of a directory, as of the last look.
#[derive(Debug, Default)]
pub struct Store {
    directory: PathBuf,
    /// Whether nobody writes the segments any more; a merge that holds their locks would take itself for a writer.
    over: bool,
    segments: Vec<Segment>,
    /// The number of every segment.
    numbers: HashMap<PathBuf, usize>,
    index: Index,
    damage: Vec<Damage>,
    conflicts: Vec<Conflict>,
}

/// How far a segment is read.
#[derive(Debug)]
struct Segment {
    file: PathBuf,
    /// End of its last whole line.
    read: u64,
    /// Its size when it was last looked at.
    size: u64,
    damage: Vec<Damage>,
    /// Whether its name was there at the last listing.
    there: bool,
}

/// What one look at a segment finds.
struct Look {
    size: u64,
    /// Whether somebody is known to write it.
    running: bool,
    blocks: Vec<Block>,
    /// Damaged places, read again.
    again: Vec<Vec<u8>>,
}

/// Some whole lines.
struct Block {
    /// Where its bytes are in the file.
    from: u64,
    bytes: Vec<u8>,
    /// What they hold; the first line of a file, which is its header, left out.
    scan: Scan,
}

impl Store {
    /// Reads every segment of a store; a directory without segments, or none at all, is an empty store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] names the file that cannot be read, or is of another version. Damage is no error: see [`Store::damage`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let mut store = Self { directory: directory.to_owned(), ..Self::default() };
        store.refresh()?;
        Ok(store)
    }

    /// Reads what was appended since the last look, and gives how many records are new. Damaged places are looked at again: the last line
    /// of a writer may be whole now, and over NFS the pages of a file may arrive out of order.
    ///
    /// # Errors
    ///
    /// As [`Store::open`]; what was read before stays.
    pub fn refresh(&mut self) -> Result<usize, StoreError> {
        let before = self.len();
        for attempt in 0..LISTINGS {
            let files = list(&self.directory)?;
            if self.look(&files)? {
                return Ok(self.len() - before);
            }
            // A listing over NFS may be old for a while.
            std::thread::sleep(Duration::from_millis(u64::from(attempt * attempt)));
        }
        Err(StoreError::Changing { directory: self.directory.clone() })
    }

    /// Reads the given segments only, as such that nobody writes; those that are gone are left out.
    pub(super) fn of(files: &[PathBuf]) -> Result<Self, StoreError> {
        let mut store = Self { over: true, ..Self::default() };
        store.look(files)?;
        Ok(store)
    }

    /// Whether there is a record of this key.
    pub fn contains(&self, key: PointKey) -> bool {
        self.index.contains(key)
    }

    /// How many keys have a record.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload of a key.
    pub fn get(&self, key: PointKey) -> Option<&str> {
        self.index.get(key)
    }

    /// The keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = PointKey> {
        self.index.keys()
    }

    /// What cannot be read in the segments that are there. A torn tail in a segment of another machine may be a line at which its writer
    /// is: the next refresh tells.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Keys with different payloads. The lexicographically smallest is what [`Store::get`] gives.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// The segments that were read, each with its size and where its sound lines end.
    pub(super) fn extents(&self) -> impl Iterator<Item = (&Path, u64, u64)> {
        self.segments.iter().filter(|segment| segment.there).map(|segment| {
            let mut end = segment.read;
            for damage in segment.damage.iter().rev() {
                // The newline of a damaged line follows it.
                if damage.what == Fault::Line && damage.offset + damage.length + 1 >= end {
                    end = damage.offset;
                }
            }
            (segment.file.as_path(), segment.size, end)
        })
    }

    /// Looks at every one of the files; false if one of them is gone.
    fn look(&mut self, files: &[PathBuf]) -> Result<bool, StoreError> {
        for segment in &mut self.segments {
            segment.there = false;
        }
        for file in files {
            if let Some(&known) = self.numbers.get(file) {
                self.segments[known].there = true;
                continue;
            }
            self.numbers.insert(file.clone(), self.segments.len());
            self.segments.push(Segment { file: file.clone(), read: 0, size: 0, damage: Vec::new(), there: true });
        }
        let looks: Vec<_> =
            self.segments.par_iter().map(|segment| segment.there.then(|| segment.look(self.over))).collect();
        let mut all = true;
        for (number, look) in looks.into_iter().enumerate() {
            match look {
                Some(Ok(look)) => self.absorb(number, look)?,
                Some(Err(error)) if is_gone(&error) => {
                    self.segments[number].there = false;
                    all = false;
                }
                Some(Err(source)) => {
                    return Err(StoreError::Read { file: self.segments[number].file.clone(), source });
                }
                None => {}
            }
        }
        self.damage = self.segments.iter().filter(|segment| segment.there).flat_map(|s| s.damage.clone()).collect();
        Ok(all)
    }

    fn absorb(&mut self, number: usize, look: Look) -> Result<(), StoreError> {
        let segment = &mut self.segments[number];
        let torn = segment.damage.pop_if(|damage| damage.what == Fault::TornTail);
        let grown = look.size != segment.size;
        let new = segment.size == 0;
        let mut clashes = Vec::new();

        let old = std::mem::take(&mut segment.damage);
        for (damage, bytes) in old.into_iter().zip(look.again.into_iter().map(Some).chain(std::iter::repeat(None))) {
            let Some(bytes) = bytes else {
                segment.damage.push(damage);
                continue;
            };
            let scan = segment.scan(&bytes, damage.offset)?;
            clashes.extend(self.index.absorb(number, bytes, &[scan]));
        }

        for Block { from, bytes, scan } in look.blocks {
            let head = if from == 0 { segment.scan(first_line(&bytes), 0)? } else { Scan::default() };
            segment.note(&scan, from, Fault::Line);
            segment.read = from + bytes.len() as u64;
            clashes.extend(self.index.absorb(number, bytes, &[head, scan]));
        }
        segment.size = look.size;

        // A line that was not whole before either and has not grown is torn; so is one of a segment seen for the first time, unless
        // its writer is known to be at it.
        if segment.read < segment.size
            && !look.running
            && (new || !grown || torn.is_some_and(|t| t.offset == segment.read))
        {
            segment.damage.push(Damage {
                file: segment.file.clone(),
                offset: segment.read,
                length: segment.size - segment.read,
                what: Fault::TornTail,
            });
        }
        for Clash { key, kept, dropped } in clashes {
            let file = |number: usize| self.segments[number].file.clone();
            self.conflicts.push(Conflict { key, kept: file(kept), dropped: file(dropped) });
        }
        Ok(())
    }
}

impl Segment {
    fn look(&self, over: bool) -> io::Result<Look> {
        let mut file = File::open(&self.file)?;
        let size = file.metadata()?.len();
        let mut again = Vec::new();
        let mut budget = READ_AGAIN;
        for damage in self.damage.iter().filter(|damage| damage.what != Fault::TornTail) {
            let Some(left) = budget.checked_sub(damage.length) else { break };
            budget = left;
            again.push(read(&mut file, damage.offset, damage.length)?);
        }
        let count = size.saturating_sub(self.read).div_ceil(BLOCK);
        let blocks = (0..count).into_par_iter().filter_map(|number| self.block(number, size).transpose());
        let blocks = blocks.collect::<io::Result<Vec<Block>>>()?;
        let read = blocks.last().map_or(self.read, |block| block.from + block.bytes.len() as u64);
        let running = read < size && !over && matches!(life(&self.file)?, Life::Running);
        Ok(Look { size, running, blocks, again })
    }

    /// Reads the whole lines that begin in a block of what is new; none if no line begins there.
    fn block(&self, number: u64, size: u64) -> io::Result<Option<Block>> {
        let mut file = File::open(&self.file)?;
        // The byte before tells whether a line begins with the block.
        let from = (self.read + number * BLOCK).saturating_sub(u64::from(number > 0));
        let to = size.min(self.read + (number + 1) * BLOCK);
        let mut bytes = read(&mut file, from, to - from)?;
        let skipped = if number == 0 { Some(0) } else { memchr(b'\n', &bytes).map(|end| end + 1) };
        let Some(skipped) = skipped.filter(|&skipped| skipped < bytes.len()) else { return Ok(None) };
        while bytes.last() != Some(&b'\n') {
            let before = bytes.len();
            let left = size.saturating_sub(from + before as u64);
            if (&mut file).take(left.min(STEP)).read_to_end(&mut bytes)? == 0 {
                break;
            }
            if let Some(end) = memchr(b'\n', &bytes[before..]) {
                bytes.truncate(before + end + 1);
            }
        }
        bytes.truncate(memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
        if bytes.len() <= skipped {
            return Ok(None);
        }
        let header = if from == 0 { first_line(&bytes).len() } else { skipped };
        let scan = Scan::of(&bytes[header..], header);
        Ok(Some(Block { from, bytes, scan }))
    }

    /// Reads a few lines, the first of which may be the header.
    fn scan(&mut self, bytes: &[u8], start: u64) -> Result<Scan, StoreError> {
        if start > 0 {
            let scan = Scan::of(bytes, 0);
            self.note(&scan, start, Fault::Line);
            return Ok(scan);
        }
        let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
        match First::of(&bytes[..end]) {
            First::Header(_) => {
                let scan = Scan::of(&bytes[end..], end);
                self.note(&scan, 0, Fault::Line);
                Ok(scan)
            }
            First::Version(version) => Err(StoreError::Version { file: self.file.clone(), version }),
            First::Damaged => {
                // Records carry their own checksums.
                let scan = Scan::of(bytes, 0);
                self.note(&scan, 0, Fault::Header);
                Ok(scan)
            }
        }
    }

    fn note(&mut self, scan: &Scan, start: u64, what: Fault) {
        self.damage.extend(scan.bad.iter().map(|bad| Damage {
            file: self.file.clone(),
            offset: start + bad.offset as u64,
            length: bad.length as u64,
            what,
        }));
    }
}

/// The first line, with its newline.
fn first_line(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1)]
}

fn read(file: &mut File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.seek(SeekFrom::Start(from))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
