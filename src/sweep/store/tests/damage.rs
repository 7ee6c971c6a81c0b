//! Damaged files.

use std::fs::OpenOptions;
use std::io::Write;

use super::super::{Damage, Fault, StoreError, Writers, repair};
use super::*;

/// Ends of the lines of a segment, the header's first.
fn ends(bytes: &[u8]) -> Vec<usize> {
    memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).collect()
}

fn places(store: &Store) -> Vec<(u64, Fault)> {
    store.damage().iter().map(|damage| (damage.offset, damage.what)).collect()
}

#[test]
fn every_truncation_keeps_the_whole_lines_and_tells_of_the_torn_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = segment(directory.path(), 1, 0..5);
    let bytes = std::fs::read(&file).expect("read");
    let ends = ends(&bytes);
    for length in 0..=bytes.len() {
        std::fs::write(&file, &bytes[..length]).expect("written");
        let whole = ends.iter().filter(|&&end| end <= length).count();
        let store = Store::open(directory.path()).expect("a store");
        assert_eq!(store.len(), whole.saturating_sub(1), "{length} bytes");
        for number in 0..whole.saturating_sub(1) as u64 {
            assert_eq!(store.get(key(1, number)), Some(payload(key(1, number)).as_str()), "{length} bytes");
        }
        let start = ends[..whole].last().copied().unwrap_or(0);
        let expected = if start < length { vec![(start as u64, Fault::TornTail)] } else { vec![] };
        assert_eq!(places(&store), expected, "{length} bytes");
    }
}

#[test]
fn every_flipped_bit_of_a_line_is_found_and_costs_that_line_only() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = segment(directory.path(), 1, 0..4);
    let bytes = std::fs::read(&file).expect("read");
    let ends = ends(&bytes);
    for at in ends[1]..ends[2] {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            std::fs::write(&file, &bytes).expect("written");
            let store = Store::open(directory.path()).expect("a store");
            let (newline, whole) = (at + 1 == ends[2], |number| store.contains(key(1, number)));
            assert_eq!([0, 1, 2, 3].map(whole), [true, newline, true, true], "bit {bit} of byte {at}");
            let damage = store.damage().first().expect("damage");
            assert_eq!((damage.what, &damage.file), (Fault::Line, &file));
            let offset = if newline { at } else { ends[1] };
            assert_eq!(damage.offset, offset as u64, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn records_behind_a_damaged_header_are_read() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = segment(directory.path(), 1, 0..4);
    let bytes = std::fs::read(&file).expect("read");
    for at in 0..ends(&bytes)[0] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 4;
        std::fs::write(&file, &bytes).expect("written");
        let store = Store::open(directory.path()).expect("a store");
        assert_eq!((store.len(), store.damage()[0].what), (4, Fault::Header), "byte {at}");
    }
}

#[test]
fn a_line_at_which_a_writer_is_is_no_damage_and_is_read_later() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let writer = Writer::create(directory.path(), GROUP).expect("a writer");
    writer.append(key(1, 9), &payload(key(1, 9))).expect("appended");
    let mut store = Store::open(directory.path()).expect("a store");
    let lines: Vec<String> = (0..3).map(|n| super::super::line::record(key(1, n), &payload(key(1, n)))).collect();
    let bytes = lines.concat().into_bytes();
    let mut file = OpenOptions::new().append(true).open(writer.file()).expect("opened");
    let mut known = 0;
    for (count, byte) in bytes.iter().enumerate() {
        file.write_all(&[*byte]).expect("written");
        // Also the second look at the same half line.
        known += store.refresh().expect("refreshed") + store.refresh().expect("refreshed");
        assert_eq!(known, ends(&bytes[..=count]).len());
        assert_eq!(store.damage(), [], "after {count} bytes");
        let fresh = Store::open(directory.path()).expect("a store");
        assert_eq!((fresh.len(), fresh.damage().len()), (known + 1, 0));
    }
    // The writer is killed within a line.
    file.write_all(&bytes[..20]).expect("written");
    drop(writer);
    store.refresh().expect("refreshed");
    store.refresh().expect("refreshed");
    assert_eq!(places(&store).iter().map(|(_, what)| *what).collect::<Vec<_>>(), [Fault::TornTail]);
}

/// Lines at, over and longer than the blocks that are read in parallel.
#[test]
fn the_borders_of_blocks_change_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let writer = Writer::create(directory.path(), Group { records: 1000, milliseconds: 1000 }).expect("a writer");
    let header = std::fs::metadata(writer.file()).expect("there").len();
    // In blocks of 4 MiB, with 43 bytes a line besides its payload.
    let block = 4 << 20;
    let mut size = header;
    let mut count = 0;
    let mut add = |length: u64| {
        writer.append(key(1, count), &"x".repeat(length as usize - 43)).expect("appended");
        count += 1;
        size += length;
        size
    };
    let mut end = header;
    for border in 1..=8 {
        // Ends before, at and after the border; a line of the last byte of a block is the newline.
        let target = border * block + [0, 1, 2, 3, 41, 42, 43, 44][border as usize - 1] - 2;
        while end + 300_000 < target {
            end = add(100_000);
        }
        add(target - end);
        end = add(1000);
    }
    end = add(3 * block + 17);
    add((end / block + 2) * block - end);
    add(50);
    let file = writer.file().to_owned();
    writer.close().expect("closed");
    let store = Store::open(directory.path()).expect("a store");
    assert_eq!((store.len() as u64, store.damage()), (count, &[] as &[Damage]));
    // A long line that is torn over several blocks.
    let bytes = std::fs::read(&file).expect("read");
    let ends = ends(&bytes);
    let start = ends[ends.len() - 4];
    for length in [start + 1, start + 2 * block as usize, ends[ends.len() - 3] - 1] {
        std::fs::write(&file, &bytes[..length]).expect("written");
        let store = Store::open(directory.path()).expect("a store");
        assert_eq!((store.len() as u64, places(&store)), (count - 3, vec![(start as u64, Fault::TornTail)]));
    }
}

/// Over NFS a reader may see the end of a file before its middle.
#[test]
fn pages_that_arrive_late_are_read_when_they_have() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = segment(directory.path(), 1, 0..40);
    let bytes = std::fs::read(&file).expect("read");
    let (from, to) = (bytes.len() / 3, bytes.len() / 2);
    let mut holed = bytes.clone();
    holed[from..to].fill(0);
    std::fs::write(&file, &holed).expect("written");
    let mut store = Store::open(directory.path()).expect("a store");
    assert!(store.len() < 40 && !store.damage().is_empty());
    let missing = 40 - store.len();
    std::fs::write(&file, &bytes).expect("written");
    assert_eq!(store.refresh().expect("refreshed"), missing);
    assert_eq!((store.len(), store.damage()), (40, &[] as &[Damage]));
    assert_eq!(sound(directory.path()).len(), 40);
    for number in 0..40 {
        assert_eq!(store.get(key(1, number)), Some(payload(key(1, number)).as_str()));
    }
}

#[test]
fn conflicts_do_not_depend_on_the_order_of_files() {
    for order in [["b", "a"], ["a", "b"]] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for payload in order {
            let writer = Writer::create(directory.path(), GROUP).expect("a writer");
            writer.append(PointKey(1), payload).expect("appended");
            writer.append(PointKey(2), "same").expect("appended");
            writer.close().expect("closed");
        }
        let store = Store::open(directory.path()).expect("a store");
        assert_eq!((store.len(), store.get(PointKey(1))), (2, Some("a")));
        let conflicts: Vec<_> = store.conflicts().iter().map(|conflict| conflict.key).collect();
        assert_eq!(conflicts, [PointKey(1)]);
    }
}

#[test]
fn a_repair_cuts_torn_tails_and_never_those_of_a_writer() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = segment(directory.path(), 1, 0..3);
    let bytes = std::fs::read(&file).expect("read");
    let ends = ends(&bytes);
    // Cut short, and with its newline but a wrong checksum.
    let mut wrong = bytes.clone();
    wrong[ends[2] + 50] ^= 1;
    for torn in [bytes[..ends[2] + 50].to_vec(), wrong] {
        std::fs::write(&file, &torn).expect("written");
        let repaired = repair(directory.path(), Writers::MayRun).expect("repaired");
        assert_eq!(repaired.cut.iter().map(|cut| cut.offset).collect::<Vec<_>>(), [ends[2] as u64]);
        assert_eq!(std::fs::read(&file).expect("read"), bytes[..ends[2]]);
        assert_eq!(repair(directory.path(), Writers::MayRun).expect("repaired"), Default::default());
    }
    // Damage in the middle stays.
    let mut wrong = bytes.clone();
    wrong[ends[1] + 50] ^= 1;
    std::fs::write(&file, &wrong).expect("written");
    assert_eq!(repair(directory.path(), Writers::NoneRun).expect("repaired"), Default::default());
    assert_eq!(std::fs::read(&file).expect("read"), wrong);

    let writer = Writer::create(directory.path(), GROUP).expect("a writer");
    OpenOptions::new().append(true).open(writer.file()).and_then(|mut f| f.write_all(b"half")).expect("written");
    for writers in [Writers::MayRun, Writers::NoneRun] {
        let repaired = repair(directory.path(), writers).expect("repaired");
        assert_eq!((repaired.cut.len(), repaired.left), (0, vec![writer.file().to_owned()]));
    }
}

#[test]
fn problems_name_the_file() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let file = parent.path().join("a file");
    std::fs::write(&file, "").expect("written");
    for result in [Writer::create(&file, GROUP).map(|_| ()), Store::open(&file).map(|_| ())] {
        let message = result.expect_err("a file is no directory").to_string();
        assert!(message.starts_with(&file.join("rows").display().to_string()), "{message}");
    }
    let directory = parent.path().join("store");
    std::fs::create_dir(&directory).expect("created");
    std::fs::write(directory.join("rows"), "").expect("written");
    let message = Writer::create(&directory, GROUP).map(|_| ()).expect_err("rows is a file").to_string();
    assert!(message.contains("rows: cannot be created"), "{message}");

    assert!(Store::open(&parent.path().join("nothing")).expect("empty").is_empty());
    let directory = parent.path().join("version");
    let file = segment(&directory, 1, 0..1);
    std::fs::write(&file, super::super::line::seal("gradspectra rows 2 {}")).expect("written");
    assert!(matches!(Store::open(&directory), Err(StoreError::Version { version, .. }) if version == "2"));

    let writer = Writer::create(&directory, GROUP).expect("a writer");
    assert!(matches!(writer.append(PointKey(1), "a\nb"), Err(StoreError::Payload { key: PointKey(1) })));
    let unused = writer.file().to_owned();
    writer.close().expect("closed");
    assert!(!unused.exists(), "a segment without records is litter");
}
