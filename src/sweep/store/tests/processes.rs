//! Processes that are killed: this test binary starts itself.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::super::{Writers, merge};
use super::*;

/// Tells the child what to do: `task directory seed`.
const TASK: &str = "GRADSPECTRA_STORE_TEST";
/// Records that the careless writer keeps to itself.
const KEPT: usize = 64;

/// A child and what it has reported so far.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    reports: Vec<String>,
}

fn start(task: &str, directory: &Path, seed: u64) -> Running {
    run(Command::new(std::env::current_exe().expect("this binary")), task, directory, seed)
}

fn run(mut command: Command, task: &str, directory: &Path, seed: u64) -> Running {
    let (_, module) = module_path!().split_once("::").expect("a crate");
    let mut child = command
        .args([&format!("{module}::child"), "--exact", "--nocapture", "--test-threads=1"])
        .env(TASK, format!("{task}\n{}\n{seed}", directory.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    let out = BufReader::new(child.stdout.take().expect("its output"));
    Running { child, out, reports: Vec::new() }
}

impl Running {
    /// Half a report is none.
    fn next(&mut self) -> bool {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("read");
        self.reports.extend(line.strip_suffix('\n').map(str::to_owned));
        !line.is_empty()
    }

    /// Waits until it has written a record.
    fn wait_for_one(&mut self) {
        while done(&self.reports).is_empty() && self.next() {}
    }

    /// All reports, to its end.
    fn end(mut self) -> Vec<String> {
        while self.next() {}
        self.child.wait().expect("ended");
        self.reports
    }

    fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("killed");
        self.end()
    }
}

fn done(reports: &[String]) -> Vec<PointKey> {
    let keys = reports.iter().filter_map(|line| line.strip_prefix("done "));
    keys.map(|key| PointKey(u128::from_str_radix(key, 16).expect("a key"))).collect()
}

fn report(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).expect("the parent reads");
}

/// No test: what the children do.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let mut parts = task.splitn(3, '\n');
    let mut part = || parts.next().expect("a part");
    let (task, directory, seed) = (part(), PathBuf::from(part()), part().parse::<u64>().expect("a seed"));
    // libtest has begun a line.
    report(format_args!(""));
    if task == "merge" {
        merge(&directory, Writers::NoneRun).expect("merged");
        return report(format_args!("merged"));
    }
    let writer = Writer::create(&directory, GROUP).expect("a writer");
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (writer, mut kept) = (&writer, Vec::new());
            scope.spawn(move || {
                for number in 0.. {
                    let key = key(seed, number << 1 | thread);
                    match task {
                        "append" | "limited" => match writer.append(key, &payload(key)) {
                            Ok(()) => report(format_args!("done {key}")),
                            Err(error) => report(format_args!("refused {error}")),
                        },
                        "commit" => {
                            writer.append(key, &payload(key)).expect("appended");
                            writer.commit().expect("committed");
                            report(format_args!("done {key}"));
                        }
                        // Negative control: reports what it has not written.
                        _ => {
                            kept.push(key);
                            report(format_args!("done {key}"));
                            if kept.len() == KEPT {
                                kept.drain(..).for_each(|key| writer.append(key, &payload(key)).expect("appended"));
                            }
                        }
                    }
                    if task == "limited" && number == 300 {
                        break;
                    }
                }
            });
        }
    });
    let _ = writer.close();
}

/// Starts a writer and kills it, `times` times in one directory; how many of the checks failed.
fn killed(task: &str, times: u64) -> (u64, usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut numbers = Numbers(2026);
    let (mut failed, mut reported) = (0, Vec::new());
    for time in 0..times {
        let mut child = start(task, directory.path(), time);
        // Some are killed while they begin.
        if time % 3 > 0 {
            child.wait_for_one();
        }
        std::thread::sleep(Duration::from_micros(numbers.below(30_000)));
        reported.extend(done(&child.kill()));
        failed += u64::from(verify(directory.path(), &reported, sound).is_err());
    }
    (failed, reported.len())
}

#[test]
fn a_record_that_was_reported_outlives_kill_9() {
    for task in ["append", "commit"] {
        let (failed, reported) = killed(task, 30);
        assert_eq!(failed, 0, "{task}");
        assert!(reported >= 20, "{task}: only {reported} records were reported");
    }
}

#[test]
fn a_writer_that_reports_too_early_is_caught() {
    let (failed, _) = killed("early", 5);
    assert!(failed > 0);
}

#[test]
fn a_reader_without_checksums_is_caught() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = segment(directory.path(), 1, 0..20);
    verify(directory.path(), &[], careless).expect("nothing is damaged yet");
    let bytes = std::fs::read(&file).expect("read");
    let mut numbers = Numbers(1);
    let mut caught = 0;
    for _ in 0..30 {
        let length = bytes.len() / 2 + numbers.below(bytes.len() as u64 / 2) as usize;
        std::fs::write(&file, &bytes[..length]).expect("written");
        verify(directory.path(), &[], sound).expect("sound");
        caught += usize::from(verify(directory.path(), &[], careless).is_err());
    }
    assert!(caught > 20, "{caught} of 30");
}

#[test]
fn a_merge_outlives_kill_9() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut numbers = Numbers(7);
    let mut written = Vec::new();
    let mut whole = 0;
    for time in 0..30 {
        segment(directory.path(), time, 0..200);
        written.extend((0..200).map(|number| key(time, number)));
        let child = start("merge", directory.path(), 0);
        std::thread::sleep(Duration::from_micros(1_000 + numbers.below(30_000)));
        whole += usize::from(child.kill().iter().any(|line| line == "merged"));
        let store = Store::open(directory.path()).expect("a store");
        assert_eq!((store.len(), store.conflicts().len()), (written.len(), 0));
    }
    assert!(whole < 30, "no merge was killed");
    merge(directory.path(), Writers::MayRun).expect("merged");
    verify(directory.path(), &written, sound).expect("sound");
    assert_eq!(filled(directory.path()), 1, "merges that were killed have left files");
}

/// Files with something in them; who is killed at the very beginning leaves an empty one.
fn filled(directory: &Path) -> usize {
    let files = std::fs::read_dir(directory.join("rows")).expect("rows");
    files.filter(|file| file.as_ref().expect("a file").metadata().expect("its size").len() > 0).count()
}

#[test]
fn processes_write_while_others_read_and_merge() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // Two of them compute the same points.
    let mut children: Vec<Running> = [1, 1, 2].iter().map(|&seed| start("append", directory.path(), seed)).collect();
    children.iter_mut().for_each(Running::wait_for_one);
    let mut store = Store::open(directory.path()).expect("a store");
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(10));
        let before = store.len();
        assert_eq!(store.refresh().expect("refreshed"), store.len() - before);
        assert_eq!(store.damage(), []);
        let merged = merge(directory.path(), Writers::MayRun).expect("merged");
        assert_eq!(merged.replaced, 0, "{merged:?}");
    }
    let mut reported: Vec<PointKey> = children.into_iter().flat_map(|child| done(&child.kill())).collect();
    reported.sort_unstable();
    let count = reported.len();
    reported.dedup();
    assert!(reported.len() < count, "no point was computed twice");
    store.refresh().expect("refreshed");
    assert!(reported.iter().all(|key| store.get(*key) == Some(&payload(*key))));
    merge(directory.path(), Writers::MayRun).expect("merged");
    verify(directory.path(), &reported, sound).expect("sound");
    assert_eq!(filled(directory.path()), 1);
}

/// The limit on the size of files stands in for a full disk: the last write is cut short, later ones fail.
#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_refuses_is_reported_as_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' XFSZ; ulimit -f 40; exec "$0" "$@""#]).arg(std::env::current_exe().expect("binary"));
    let reports = run(shell, "limited", directory.path(), 1).end();
    let reported = done(&reports);
    let refused: Vec<&String> = reports.iter().filter(|line| line.starts_with("refused ")).collect();
    assert!(!reported.is_empty() && reported.len() + refused.len() == 602, "{} {}", reported.len(), refused.len());
    assert!(refused.iter().all(|line| line.contains(".rows: cannot be written: ")), "{}", refused[0]);
    verify(directory.path(), &reported, sound).expect("sound");
    assert_eq!(Store::open(directory.path()).expect("a store").len(), reported.len());
}
