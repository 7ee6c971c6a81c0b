//! Appending records, from many threads.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::line::{is_one_line, record};
use super::segment::{Lock, New};
use super::{PointKey, StoreError};

/// How many records reach the disk together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The group is full with so many; with 1 or 0 every append waits for the disk.
    pub records: u64,
    /// The oldest of a group waits no longer for the others.
    pub milliseconds: u64,
}

/// One writer of a store: it has a segment of its own.
///
/// Dropping it commits what it has; [`Writer::close`] says whether that succeeded.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    timer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    file: Lock,
    group: Group,
    state: Mutex<State>,
    /// One at a time waits for the disk; the others go on writing.
    turn: Mutex<()>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the last line may be incomplete.
    torn: bool,
    /// Records given to the system.
    written: u64,
    /// Records on the disk.
    synced: u64,
    /// Records since the disk was last waited for.
    group: u64,
    /// When the first of them came.
    oldest: Option<Instant>,
    /// Why the disk failed. For good: after a failed fsync the system may have dropped pages and call the next one a success.
    broken: Option<String>,
    closing: bool,
}

impl Writer {
    /// Makes a segment. The directory is made if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Create`].
    pub fn create(directory: &Path, group: Group) -> Result<Self, StoreError> {
        let New { path, file } = New::create(directory, false)?;
        let shared = Arc::new(Shared {
            path,
            file,
            group,
            state: Mutex::default(),
            turn: Mutex::default(),
            wake: Condvar::new(),
        });
        let timed = Arc::clone(&shared);
        let timer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || timed.keep_time())
            .map_err(|source| StoreError::Create { file: shared.path.clone(), source })?;
        Ok(Self { shared, timer: Some(timer) })
    }

    /// The segment.
    pub fn file(&self) -> &Path {
        &self.shared.path
    }

    /// Appends a record. When it returns, the record outlives this process; when its group is complete, a loss of power as well.
    ///
    /// # Errors
    ///
    /// [`StoreError::Payload`] if the payload is not one line. [`StoreError::Write`] if the system refuses, because the disk is full, say:
    /// the record is not in the store, and later ones may be appended. [`StoreError::Broken`] after the disk has failed.
    pub fn append(&self, key: PointKey, payload: &str) -> Result<(), StoreError> {
        if !is_one_line(payload) || u32::try_from(payload.len()).is_err() {
            return Err(StoreError::Payload { key });
        }
        let line = record(key, payload);
        let shared = &*self.shared;
        let mut state = lock(&shared.state);
        shared.check(&state)?;
        append_line(&mut &shared.file.0, &mut state.torn, &line).map_err(|source| shared.refused(source))?;
        state.written += 1;
        state.group += 1;
        if state.group >= shared.group.records {
            let target = state.written;
            drop(state);
            return shared.sync(target);
        }
        if state.oldest.is_none() {
            state.oldest = Some(Instant::now());
            shared.wake.notify_one();
        }
        Ok(())
    }

    /// Waits until everything appended so far is on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::Write`] if the disk fails, and [`StoreError::Broken`] ever after.
    pub fn commit(&self) -> Result<(), StoreError> {
        let target = lock(&self.shared.state).written;
        self.shared.sync(target)
    }

    /// Commits for the last time. A segment without records is removed.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit`].
    pub fn close(mut self) -> Result<(), StoreError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        let Some(timer) = self.timer.take() else { return Ok(()) };
        lock(&self.shared.state).closing = true;
        self.shared.wake.notify_one();
        // It holds nothing back: if it had panicked, the commit below still is made.
        let _ = timer.join();
        let state = lock(&self.shared.state);
        let (target, unused) = (state.written, state.written == 0 && !state.torn);
        drop(state);
        if unused {
            let _ = std::fs::remove_file(&self.shared.path);
            return Ok(());
        }
        self.shared.sync(target)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl Shared {
    fn check(&self, state: &State) -> Result<(), StoreError> {
        match &state.broken {
            Some(problem) => Err(StoreError::Broken { file: self.path.clone(), problem: problem.clone() }),
            None => Ok(()),
        }
    }

    fn refused(&self, source: io::Error) -> StoreError {
        StoreError::Write { file: self.path.clone(), source }
    }

    /// Waits until the first `target` records are on the disk.
    fn sync(&self, target: u64) -> Result<(), StoreError> {
        let _turn = lock(&self.turn);
        let reached = {
            let mut state = lock(&self.state);
            self.check(&state)?;
            if state.synced >= target {
                return Ok(());
            }
            state.oldest = None;
            state.group = 0;
            state.written
        };
        let result = self.file.0.sync_data().and_then(|()| match self.path.try_exists()? {
            true => Ok(()),
            // What is written to a file without a name is lost.
            false => Err(io::Error::new(ErrorKind::NotFound, "it was removed while it was written")),
        });
        let mut state = lock(&self.state);
        match result {
            Ok(()) => {
                state.synced = reached;
                Ok(())
            }
            Err(source) => {
                state.broken = Some(source.to_string());
                state.oldest = None;
                Err(self.refused(source))
            }
        }
    }

    /// Completes groups that are old.
    fn keep_time(&self) {
        let patience = Duration::from_millis(self.group.milliseconds);
        let mut state = lock(&self.state);
        while !state.closing {
            let Some(oldest) = state.oldest else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = patience.saturating_sub(oldest.elapsed());
            if !left.is_zero() {
                state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let target = state.written;
            drop(state);
            // The next append, commit or close tells of a failure.
            let _ = self.sync(target);
            state = lock(&self.state);
        }
    }
}

/// Writes a line; after a failure the next one begins with a line break, so that half a line never spoils a whole one.
fn append_line(out: &mut impl Write, torn: &mut bool, line: &str) -> io::Result<()> {
    let result = if *torn { out.write_all(format!("\n{line}").as_bytes()) } else { out.write_all(line.as_bytes()) };
    *torn = result.is_err();
    result
}

/// The states are sound after every step, so that a panic of another thread spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::line::Scan;
    use super::*;

    /// A disk with room for so many bytes.
    struct Full {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room);
            if fits == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= fits;
            self.bytes.extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn half_a_line_on_a_full_disk_spoils_no_other() {
        let line = |key| record(PointKey(key), r#"{"rows":[]}"#);
        let length = line(0).len();
        for room in length..2 * length {
            let mut disk = Full { bytes: Vec::new(), room };
            let mut torn = false;
            append_line(&mut disk, &mut torn, &line(0)).expect("there is room for one");
            for _ in 0..3 {
                append_line(&mut disk, &mut torn, &line(1)).expect_err("there is no room for two");
            }
            disk.room = usize::MAX;
            append_line(&mut disk, &mut torn, &line(2)).expect("there is room again");
            append_line(&mut disk, &mut torn, &line(3)).expect("there is room again");
            let keys: Vec<u128> = Scan::of(&disk.bytes, 0).records.iter().map(|found| found.key.0).collect();
            // All but the newline of the refused line had room: then it is there.
            let expected: &[u128] = if room == 2 * length - 1 { &[0, 1, 2, 3] } else { &[0, 2, 3] };
            assert_eq!(keys, expected, "room for {room} bytes");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_file_and_nothing_is_called_a_success() {
        let full = std::fs::File::options().append(true).open("/dev/full").expect("the full device");
        let shared = Shared {
            path: "/dev/full".into(),
            file: Lock(full),
            group: Group { records: 10, milliseconds: 10 },
            state: Mutex::default(),
            turn: Mutex::default(),
            wake: Condvar::new(),
        };
        let writer = Writer { shared: Arc::new(shared), timer: None };
        for _ in 0..3 {
            let error = writer.append(PointKey(1), "{}").expect_err("full");
            assert!(error.to_string().starts_with("/dev/full: cannot be written: No space left"), "{error}");
        }
        assert_eq!(lock(&writer.shared.state).written, 0);
    }

    #[test]
    fn a_writer_whose_file_is_gone_says_so_for_good() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let writer = Writer::create(directory.path(), Group { records: 10, milliseconds: 60_000 }).expect("a writer");
        writer.append(PointKey(1), "{}").expect("appended");
        std::fs::remove_file(writer.file()).expect("removed");
        assert!(matches!(writer.commit(), Err(StoreError::Write { .. })));
        assert!(matches!(writer.commit(), Err(StoreError::Broken { .. })));
        assert!(matches!(writer.append(PointKey(2), "{}"), Err(StoreError::Broken { .. })));
        assert!(matches!(writer.close(), Err(StoreError::Broken { .. })));
    }

    #[test]
    fn a_group_is_completed_when_it_is_full_or_old() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let writer = Writer::create(directory.path(), Group { records: 3, milliseconds: 20 }).expect("a writer");
        let synced = || lock(&writer.shared.state).synced;
        for key in 0..3 {
            writer.append(PointKey(key), "{}").expect("appended");
        }
        assert_eq!(synced(), 3);
        writer.append(PointKey(3), "{}").expect("appended");
        let begun = Instant::now();
        while synced() < 4 {
            assert!(begun.elapsed() < Duration::from_secs(10), "nobody completes the group");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
