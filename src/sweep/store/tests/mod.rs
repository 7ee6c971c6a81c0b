//! Tests of the whole store.

mod damage;
mod merging;
mod processes;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::{Group, PointKey, Store, Writer};

/// Groups that are complete at once: the tests wait for no clock.
const GROUP: Group = Group { records: 64, milliseconds: 5 };

/// Numbers without pattern (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn key(seed: u64, number: u64) -> PointKey {
    let mut numbers = Numbers(seed << 32 | number);
    PointKey(u128::from(numbers.next()) << 64 | u128::from(numbers.next()))
}

/// The only payload a key ever has here; of quite different lengths, some longer than a page.
fn payload(key: PointKey) -> String {
    let mut numbers = Numbers(key.0 as u64);
    let long = numbers.below(20) == 0;
    let length = if long { numbers.below(9000) } else { numbers.below(200) };
    let text: String = (0..length).map(|_| char::from(b'a' + numbers.below(26) as u8)).collect();
    format!(r#"{{"key":"{key}","text":"{text}"}}"#)
}

/// A finished segment with the points `numbers` of `seed`.
fn segment(directory: &Path, seed: u64, numbers: std::ops::Range<u64>) -> PathBuf {
    let writer = Writer::create(directory, GROUP).expect("a writer");
    for number in numbers {
        writer.append(key(seed, number), &payload(key(seed, number))).expect("appended");
    }
    let file = writer.file().to_owned();
    writer.close().expect("closed");
    file
}

/// Every sound line in the segments of a directory, by key, as plain code sees them: no index, no chunks, no salvage.
fn lines(directory: &Path) -> BTreeMap<u128, Vec<String>> {
    let mut found: BTreeMap<u128, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(directory.join("rows")).expect("rows") {
        let file = entry.expect("an entry").path();
        if file.extension().is_none_or(|extension| extension != "rows") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(file).expect("read")).into_owned();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let mut parts = line.splitn(3, ' ');
            let (Some(sum), Some(key), Some(payload)) = (parts.next(), parts.next(), parts.next()) else { continue };
            let body = format!("{key} {payload}");
            if key.len() == 32 && sum == format!("{:08x}", crc32fast::hash(body.as_bytes())) {
                let key = u128::from_str_radix(key, 16).expect("a key");
                found.entry(key).or_default().push(payload.to_owned());
            }
        }
    }
    found
}

/// What a reader makes of a directory.
type Reader = fn(&Path) -> HashMap<u128, String>;

fn sound(directory: &Path) -> HashMap<u128, String> {
    let store = Store::open(directory).expect("a store");
    store.keys().map(|key| (key.0, store.get(key).expect("a payload").to_owned())).collect()
}

/// Negative control: reads as [`sound`] does, but believes every line.
fn careless(directory: &Path) -> HashMap<u128, String> {
    let mut found = HashMap::new();
    for file in std::fs::read_dir(directory.join("rows")).expect("rows") {
        let text = String::from_utf8_lossy(&std::fs::read(file.expect("an entry").path()).expect("read")).into_owned();
        for line in text.lines().skip(1) {
            let key = line.get(9..41).and_then(|key| u128::from_str_radix(key, 16).ok());
            if let (Some(key), Some(payload)) = (key, line.get(42..)) {
                found.insert(key, payload.to_owned());
            }
        }
    }
    found
}

/// The check of everything: what was reported is there, once, and nothing is there that nobody wrote.
fn verify(directory: &Path, reported: &[PointKey], read: Reader) -> Result<(), String> {
    let read = read(directory);
    let lines = lines(directory);
    for key in reported {
        if read.get(&key.0) != Some(&payload(*key)) {
            return Err(format!("{key} was reported and is not there"));
        }
        match lines.get(&key.0).map_or(0, Vec::len) {
            1 => {}
            count => return Err(format!("{key} is there {count} times")),
        }
    }
    for (key, found) in &read {
        if *found != payload(PointKey(*key)) {
            return Err(format!("{} has a payload that nobody wrote", PointKey(*key)));
        }
    }
    if read.len() != lines.len() {
        return Err(format!("{} records are read, {} are there", read.len(), lines.len()));
    }
    Ok(())
}
