//! Merges.

use super::super::{Fault, Writers, merge};
use super::*;

fn segments(directory: &Path) -> usize {
    super::super::segment::list(directory).expect("a listing").len()
}

fn keys(seeds: std::ops::Range<u64>, numbers: u64) -> Vec<PointKey> {
    seeds.flat_map(|seed| (0..numbers).map(move |number| key(seed, number))).collect()
}

#[test]
fn a_merge_keeps_every_record_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for seed in 0..4 {
        segment(directory.path(), seed, 0..50);
    }
    segment(directory.path(), 0, 25..75);
    let mut reader = Store::open(directory.path()).expect("a store");
    let merged = merge(directory.path(), Writers::MayRun).expect("merged");
    assert_eq!((merged.records, merged.replaced, merged.left.len()), (225, 5, 0));
    assert_eq!(segments(directory.path()), 1);
    verify(directory.path(), &keys(0..4, 50), sound).expect("sound");
    assert_eq!(reader.refresh().expect("refreshed"), 0);
    assert_eq!((reader.len(), reader.damage().len(), reader.conflicts().len()), (225, 0, 0));
    // Again: there is nothing to do. With news: they join.
    assert_eq!(merge(directory.path(), Writers::NoneRun).expect("merged").file, None);
    segment(directory.path(), 4, 0..50);
    assert_eq!(reader.refresh().expect("refreshed"), 50);
    assert_eq!(merge(directory.path(), Writers::NoneRun).expect("merged").records, 275);
    verify(directory.path(), &keys(0..5, 50), sound).expect("sound");
}

#[test]
fn a_merge_leaves_what_somebody_writes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let writer = Writer::create(directory.path(), GROUP).expect("a writer");
    let add = |number| writer.append(key(9, number), &payload(key(9, number))).expect("appended");
    add(0);
    for seed in 0..2 {
        segment(directory.path(), seed, 0..10);
    }
    for writers in [Writers::MayRun, Writers::NoneRun] {
        let merged = merge(directory.path(), writers).expect("merged");
        assert_eq!(merged.left, [writer.file()]);
    }
    add(1);
    writer.commit().expect("committed");
    let mut reported = keys(0..2, 10);
    reported.extend(keys(9..10, 2));
    verify(directory.path(), &reported, sound).expect("sound");
}

#[test]
fn a_merge_drops_torn_tails_and_sets_damaged_segments_aside() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let files: Vec<PathBuf> = (0..3).map(|seed| segment(directory.path(), seed, 0..10)).collect();
    let mut bytes = std::fs::read(&files[1]).expect("read");
    let length = bytes.len();
    std::fs::write(&files[1], &bytes[..length - 1]).expect("written");
    bytes = std::fs::read(&files[2]).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&files[2], &bytes).expect("written");

    let merged = merge(directory.path(), Writers::MayRun).expect("merged");
    assert_eq!((merged.records, merged.replaced, segments(directory.path())), (28, 3, 1));
    let mut faults: Vec<_> = merged.damage.iter().map(|damage| (damage.file.clone(), damage.what)).collect();
    faults.sort_by_key(|(file, _)| *file == files[2]);
    assert_eq!(faults, [(files[1].clone(), Fault::TornTail), (files[2].clone(), Fault::Line)]);
    assert_eq!(std::fs::read(&merged.set_aside[0]).expect("kept"), bytes);
    assert_eq!(Store::open(directory.path()).expect("a store").damage(), []);
    verify(directory.path(), &keys(0..1, 10), sound).expect("sound");
}

/// Killed after the new segment has its name and before the old ones are gone.
#[test]
fn a_merge_that_was_killed_in_between_doubles_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let copies: Vec<(PathBuf, Vec<u8>)> = (0..3)
        .map(|seed| segment(directory.path(), seed, 0..10))
        .map(|file| (file.clone(), std::fs::read(file).expect("read")))
        .collect();
    merge(directory.path(), Writers::MayRun).expect("merged");
    for removed in 0..3 {
        for (file, bytes) in &copies[removed..] {
            std::fs::write(file, bytes).expect("written");
        }
        let store = Store::open(directory.path()).expect("a store");
        assert_eq!((store.len(), store.conflicts().len()), (30, 0));
        assert_eq!(merge(directory.path(), Writers::MayRun).expect("merged").records, 30);
        verify(directory.path(), &keys(0..3, 10), sound).expect("sound");
        assert_eq!(segments(directory.path()), 1);
    }
}

#[test]
fn merges_at_once_lose_nothing() {
    for round in 0..10 {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for seed in 0..6 {
            segment(directory.path(), seed, 0..30);
        }
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let directory = directory.path();
                scope.spawn(move || {
                    for _ in 0..5 {
                        let writers = if (thread + round) % 2 == 0 { Writers::MayRun } else { Writers::NoneRun };
                        merge(directory, writers).expect("merged");
                        segment(directory, 10 + thread, 0..5);
                    }
                });
            }
            for _ in 0..50 {
                assert!(Store::open(directory.path()).expect("a store").len() >= 180);
            }
        });
        merge(directory.path(), Writers::NoneRun).expect("merged");
        verify(directory.path(), &keys(0..6, 30), sound).expect("sound");
        verify(directory.path(), &keys(10..14, 5), sound).expect("sound");
    }
}
