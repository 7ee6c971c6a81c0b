//! Segments: the files of a store, one a writer, and who may still be writing them.

use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::line::{opened, seal};

/// The folder of the segments in a store's directory.
const ROWS: &str = "rows";
/// What a segment is called.
const SEGMENT: &str = "rows";
/// A merged segment that is not whole yet; never read.
const UNFINISHED: &str = "tmp";
/// A segment that was merged and had damaged lines; never read, kept for whoever wants to look.
const SET_ASIDE: &str = "damaged";
/// How every segment begins, after its checksum; a JSON object follows.
const FORMAT: &str = "gradspectra rows ";
/// The version that is written and read.
const VERSION: &str = "1";
/// A header is shorter.
const LONGEST_HEADER: u64 = 4096;

/// What the first line of a segment tells of its writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    host: String,
    /// Which start of which kernel: locks are only believed within it.
    #[serde(default)]
    boot: Option<String>,
    pid: u32,
    /// Whether the writer holds a lock on the segment as long as it lives.
    locked: bool,
    /// Whether the segment was whole before it got its name.
    merged: bool,
}

/// What a first line is.
#[derive(Debug)]
pub(super) enum First {
    Header(Header),
    /// Another version of the format.
    Version(String),
    Damaged,
}

impl First {
    /// Reads a first line, given without its newline.
    pub fn of(line: &[u8]) -> Self {
        let Some(rest) = opened(line).and_then(|body| body.strip_prefix(FORMAT)) else { return Self::Damaged };
        let (version, about) = rest.split_once(' ').unwrap_or((rest, ""));
        if version != VERSION {
            return Self::Version(version.to_owned());
        }
        serde_json::from_str(about).map_or(Self::Damaged, Self::Header)
    }
}

/// Whether somebody may still write a segment.
#[derive(Debug)]
pub(super) enum Life {
    /// Nobody does. Its lock, if it had one, is ours now.
    Over(Option<Lock>),
    /// Its writer lives.
    Running,
    /// It is empty: its writer is about to begin, or was killed then. There is nothing to gain from it.
    Begun,
    /// It was written elsewhere, or its header is not there.
    Unknown,
}

/// An open file that may have a lock.
#[derive(Debug)]
pub(super) struct Lock(pub File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that another thread is just starting has a copy of the file until it is another program.
        let _ = self.0.unlock();
    }
}

/// Finds out whether a segment may still be written.
///
/// A lock is believed only on the machine, and in the start of its kernel, where it was taken: over NFS a lock may be known to one machine
/// only, or not be kept at all. A writer takes its lock before it writes its header: an empty segment is not known to be over.
pub(super) fn life(file: &Path) -> io::Result<Life> {
    let mut first = Vec::new();
    BufReader::new(File::open(file)?.take(LONGEST_HEADER)).read_until(b'\n', &mut first)?;
    if first.is_empty() {
        return Ok(Life::Begun);
    }
    let header = match first.split_last().map(|(end, line)| (end, First::of(line))) {
        Some((b'\n', First::Header(header))) => header,
        _ => return Ok(Life::Unknown),
    };
    if header.merged && file.extension().is_some_and(|of| of == SEGMENT) {
        return Ok(Life::Over(None));
    }
    let boot = boot();
    if !header.locked || boot.is_none() || header.boot != boot || header.host != host() {
        return Ok(Life::Unknown);
    }
    // NFS wants a file that may be written for a lock that nobody shares.
    let held = Lock(match OpenOptions::new().read(true).write(true).open(file) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => File::open(file)?,
        held => held?,
    });
    Ok(match held.0.try_lock() {
        Ok(()) => Life::Over(Some(held)),
        Err(TryLockError::WouldBlock) => Life::Running,
        Err(TryLockError::Error(_)) => Life::Unknown,
    })
}

/// A file that nobody else writes, with its header in it. Begins under its last name, or for a merged segment under a preliminary one.
#[derive(Debug)]
pub(super) struct New {
    pub path: PathBuf,
    pub file: Lock,
}

impl New {
    /// Makes the folder and the file.
    pub fn create(directory: &Path, merged: bool) -> Result<Self, StoreError> {
        let folder = folder(directory);
        let begin = |source| StoreError::Create { file: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(begin)?;
        let (path, file) = loop {
            let path = folder.join(format!("{}.{}", unique(), if merged { UNFINISHED } else { SEGMENT }));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(source) => return Err(StoreError::Create { file: path, source }),
            }
        };
        // Elsewhere than on Unix a lock keeps readers out.
        let locked = cfg!(unix) && file.try_lock().is_ok();
        let header = Header { host: host(), boot: boot(), pid: std::process::id(), locked, merged };
        let written = serde_json::to_string(&header)
            .map_err(io::Error::from)
            .and_then(|about| (&file).write_all(seal(&format!("{FORMAT}{VERSION} {about}")).as_bytes()))
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_directory(&folder))
            .and_then(|()| sync_directory(directory));
        if let Err(source) = written {
            // Ours, and nothing is in it.
            let _ = std::fs::remove_file(&path);
            return Err(StoreError::Create { file: path, source });
        }
        Ok(Self { path, file: Lock(file) })
    }

    /// Gives a merged segment its name: from now on it is read.
    pub fn publish(self, directory: &Path) -> Result<PathBuf, StoreError> {
        let name = self.path.with_extension(SEGMENT);
        let published = self
            .file
            .0
            .sync_all()
            .and_then(|()| std::fs::rename(&self.path, &name))
            .and_then(|()| sync_directory(&folder(directory)));
        published.map_err(|source| StoreError::Write { file: name.clone(), source })?;
        Ok(name)
    }
}

/// The segments of a directory, in the order of their names; none if there is no folder yet.
pub(super) fn list(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    // While a merge replaces files, one listing may miss both the new file and an old one. It cannot be missed by a second listing too.
    let mut last = list_once(directory, SEGMENT)?;
    loop {
        let again = list_once(directory, SEGMENT)?;
        if again == last {
            return Ok(again);
        }
        last = again;
    }
}

/// What merges that were killed have left, with those that run.
pub(super) fn list_unfinished(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    list_once(directory, UNFINISHED)
}

fn list_once(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, StoreError> {
    let folder = folder(directory);
    let problem = |source| StoreError::Read { file: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(problem)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(problem)?.path();
        if file.extension().is_some_and(|of| of == extension) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Takes a segment out of the store without deleting it.
pub(super) fn set_aside(file: &Path) -> io::Result<PathBuf> {
    let name = file.with_extension(SET_ASIDE);
    std::fs::rename(file, &name)?;
    Ok(name)
}

/// Makes the names in a store last.
pub(super) fn sync_names(directory: &Path) -> Result<(), StoreError> {
    let folder = folder(directory);
    sync_directory(&folder).map_err(|source| StoreError::Write { file: folder, source })
}

/// Whether a file is not there any more; NFS has a word of its own for it.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle)
}

fn folder(directory: &Path) -> PathBuf {
    directory.join(ROWS)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(directory)?.sync_all() {
        // Some network file systems know no such thing.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// A name that no other process, and this one never before, has given: it is never given again, also after the file is gone.
fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    // Seeded by the system, and different at every call.
    let random = std::hash::RandomState::new().build_hasher().finish();
    let host: String = host().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    format!("{host}-{}-{now}-{random:016x}", std::process::id())
}

fn host() -> String {
    let told =
        ["/proc/sys/kernel/hostname", "/etc/hostname"].iter().find_map(|file| std::fs::read_to_string(file).ok());
    let name = told.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    name.trim().to_owned()
}

fn boot() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_over_when_its_writer_is() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let new = New::create(directory.path(), false).expect("created");
        assert!(matches!(life(&new.path), Ok(Life::Running)));
        drop(new.file);
        assert!(matches!(life(&new.path), Ok(Life::Over(Some(_)))));
    }

    #[test]
    fn of_a_segment_from_elsewhere_nothing_is_known() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = New::create(directory.path(), false).expect("created").path;
        let header = Header { host: "elsewhere".into(), boot: boot(), pid: 1, locked: true, merged: false };
        for (about, known) in [
            (header.clone(), false),
            (Header { host: host(), ..header.clone() }, true),
            (Header { host: host(), locked: false, ..header.clone() }, false),
            (Header { host: host(), boot: Some("an earlier start".into()), ..header.clone() }, false),
            (Header { merged: true, ..header }, true),
        ] {
            let json = serde_json::to_string(&about).expect("json");
            std::fs::write(&file, seal(&format!("{FORMAT}{VERSION} {json}"))).expect("written");
            assert_eq!(matches!(life(&file), Ok(Life::Over(_))), known, "{about:?}");
        }
        std::fs::write(&file, "no header").expect("written");
        assert!(matches!(life(&file), Ok(Life::Unknown)));
        // The writer may be between its lock and its header.
        std::fs::write(&file, "").expect("written");
        assert!(matches!(life(&file), Ok(Life::Begun)));
    }

    #[test]
    fn names_never_return() {
        let names: std::collections::HashSet<String> = (0..1000).map(|_| unique()).collect();
        assert_eq!(names.len(), 1000);
    }

    #[test]
    fn a_header_of_another_version_is_told_from_damage() {
        let line = seal("gradspectra rows 2 anything");
        assert!(matches!(First::of(line.trim_end().as_bytes()), First::Version(version) if version == "2"));
        assert!(matches!(First::of(line[1..].trim_end().as_bytes()), First::Damaged));
    }
}
