//! Where the payload of every key is kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use super::PointKey;
use super::line::Scan;

/// Bytes of segments and, by key, the payloads in them.
#[derive(Debug, Default)]
pub(super) struct Index {
    extents: Vec<Extent>,
    places: HashMap<u128, Place, BuildHasherDefault<Fold>>,
}

/// Some bytes of a segment.
#[derive(Debug)]
struct Extent {
    segment: usize,
    bytes: Vec<u8>,
}

/// Where a payload is.
#[derive(Debug, Clone, Copy)]
struct Place {
    extent: u32,
    length: u32,
    offset: usize,
}

/// Two payloads of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clash {
    pub key: PointKey,
    /// Segment of the payload that stays.
    pub kept: usize,
    /// Segment of the other one.
    pub dropped: usize,
}

impl Index {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn contains(&self, key: PointKey) -> bool {
        self.places.contains_key(&key.0)
    }

    pub fn get(&self, key: PointKey) -> Option<&str> {
        self.places.get(&key.0).and_then(|place| text(&self.extents, place))
    }

    pub fn keys(&self) -> impl Iterator<Item = PointKey> {
        self.places.keys().copied().map(PointKey)
    }

    /// Takes in what was found in some bytes of a segment. Of different payloads of one key the lexicographically smallest stays: the order
    /// in which files are read does not matter.
    pub fn absorb(&mut self, segment: usize, bytes: Vec<u8>, scans: &[Scan]) -> Vec<Clash> {
        if scans.iter().all(|scan| scan.records.is_empty()) {
            return Vec::new();
        }
        let Ok(extent) = u32::try_from(self.extents.len()) else { return Vec::new() };
        self.extents.push(Extent { segment, bytes });
        let mut used = false;
        let mut clashes = Vec::new();
        self.places.reserve(scans.iter().map(|scan| scan.records.len()).sum());
        for found in scans.iter().flat_map(|scan| &scan.records) {
            let Ok(length) = u32::try_from(found.length) else { continue };
            let place = Place { extent, length, offset: found.offset };
            match self.places.entry(found.key.0) {
                Entry::Vacant(vacant) => {
                    vacant.insert(place);
                    used = true;
                }
                Entry::Occupied(mut occupied) => {
                    let (old, new) = (text(&self.extents, occupied.get()), text(&self.extents, &place));
                    if old == new {
                        continue;
                    }
                    let other = self.extents[occupied.get().extent as usize].segment;
                    let (kept, dropped) = if new < old { (segment, other) } else { (other, segment) };
                    clashes.push(Clash { key: found.key, kept, dropped });
                    if new < old {
                        occupied.insert(place);
                        used = true;
                    }
                }
            }
        }
        if !used {
            // After a merge a store would hold everything twice.
            self.extents[extent as usize].bytes = Vec::new();
        }
        clashes
    }
}

fn text<'a>(extents: &'a [Extent], place: &Place) -> Option<&'a str> {
    let bytes = extents.get(place.extent as usize)?.bytes.get(place.offset..)?.get(..place.length as usize)?;
    std::str::from_utf8(bytes).ok()
}

/// Hash of keys that are hashes themselves. The product spreads what small keys have in their low bits only.
#[derive(Debug, Clone, Copy, Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u128(u128::from(self.0.rotate_left(8)) ^ u128::from(byte));
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = ((key >> 64) as u64 ^ key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::record;
    use super::*;

    fn index(payloads: &[&str]) -> (Index, Vec<Clash>) {
        let mut index = Index::default();
        let mut clashes = Vec::new();
        for (segment, payload) in payloads.iter().enumerate() {
            let bytes = record(PointKey(7), payload).into_bytes();
            let scan = Scan::of(&bytes, 0);
            clashes.extend(index.absorb(segment, bytes, &[scan]));
        }
        (index, clashes)
    }

    #[test]
    fn of_different_payloads_the_smallest_stays_in_every_order() {
        for order in [["b", "a", "c"], ["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
            let (index, clashes) = index(&order);
            assert_eq!((index.len(), index.get(PointKey(7))), (1, Some("a")), "{order:?}");
            assert_eq!(clashes.len(), 2, "{order:?}");
        }
    }

    #[test]
    fn equal_payloads_are_one_record_and_kept_once() {
        let (index, clashes) = index(&["a", "a", "a"]);
        assert_eq!((index.len(), clashes.len()), (1, 0));
        assert_eq!(index.extents.iter().filter(|extent| extent.bytes.is_empty()).count(), 2);
    }
}
