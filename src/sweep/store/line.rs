//! One line of a segment: written, read, and found again in damaged bytes.
//!
//! ```text
//! {checksum: 8 hex} {key: 32 hex} {payload}\n
//! ```
//!
//! The checksum is the CRC-32 of everything after the first blank up to the newline. Digits are lower case only, so that every flipped bit
//! of a line is noticed, also one that turns `a` into `A`.

use memchr::{memchr, memchr_iter};

use super::PointKey;

/// Digits of a checksum.
const CHECKSUM: usize = 8;
/// Digits of a key.
const KEY: usize = 32;
/// Bytes of a line before its payload.
const FRONT: usize = CHECKSUM + 1 + KEY + 1;
/// Longest damaged line that is searched for records: the search may be quadratic in its length.
const SEARCHED: usize = 1 << 20;

/// A line with its checksum and its newline; `body` holds no newline.
pub(super) fn seal(body: &str) -> String {
    format!("{:08x} {body}\n", crc32fast::hash(body.as_bytes()))
}

/// The line of a record.
pub(super) fn record(key: PointKey, payload: &str) -> String {
    seal(&format!("{key} {payload}"))
}

/// What stands after the checksum of a line, if that is right; `line` without its newline.
pub(super) fn opened(line: &[u8]) -> Option<&str> {
    let (checksum, body) = line.split_at_checked(CHECKSUM + 1)?;
    let stated = hexadecimal(&checksum[..CHECKSUM])?;
    let sound = checksum[CHECKSUM] == b' ' && stated == u128::from(crc32fast::hash(body));
    sound.then(|| std::str::from_utf8(body).ok()).flatten()
}

/// A record within some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub key: PointKey,
    /// Where its payload begins.
    pub offset: usize,
    /// Bytes of its payload.
    pub length: usize,
}

/// Bytes that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad {
    pub offset: usize,
    pub length: usize,
}

/// What some lines hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub records: Vec<Found>,
    pub bad: Vec<Bad>,
}

impl Scan {
    /// Reads lines; the last one may lack its newline, offsets count from `base`. Blank lines are passed over: a writer begins a new line
    /// after a write that failed.
    pub fn of(bytes: &[u8], base: usize) -> Self {
        let mut scan = Self::default();
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())) {
            scan.line(&bytes[start..end], base + start);
            start = end + 1;
        }
        scan
    }

    fn line(&mut self, line: &[u8], base: usize) {
        if line.is_empty() {
            return;
        }
        if let Some(found) = parse(line, base) {
            self.records.push(found);
            return;
        }
        // Two records become one line if the newline between them is damaged, or if a write that failed left half a line before a sound one.
        match within(line).and_then(|at| Some((at, parse(&line[at..], base + at)?))) {
            Some((at, found)) => {
                self.line(&line[..at - 1], base);
                self.spoilt(Bad { offset: base + at - 1, length: 1 });
                self.records.push(found);
            }
            None => self.spoilt(Bad { offset: base, length: line.len() }),
        }
    }

    fn spoilt(&mut self, bad: Bad) {
        match self.bad.last_mut() {
            Some(last) if last.offset + last.length == bad.offset => last.length += bad.length,
            _ => self.bad.push(bad),
        }
    }
}

/// Where in a damaged line a sound record begins that goes to its end.
fn within(line: &[u8]) -> Option<usize> {
    let searched = if line.len() <= SEARCHED { line } else { &[] };
    memchr_iter(b' ', searched)
        .filter_map(|blank| blank.checked_sub(CHECKSUM))
        .find(|&start| start > 0 && parse(&line[start..], 0).is_some())
}

fn parse(line: &[u8], base: usize) -> Option<Found> {
    // The key first: it is cheap to refuse.
    if line.len() < FRONT || line[CHECKSUM] != b' ' || line[FRONT - 1] != b' ' {
        return None;
    }
    let key = hexadecimal(&line[CHECKSUM + 1..FRONT - 1])?;
    opened(line)?;
    Some(Found { key: PointKey(key), offset: base + FRONT, length: line.len() - FRONT })
}

/// Value of a digit, or 16.
const DIGITS: [u8; 256] = {
    let mut digits = [16; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

fn hexadecimal(digits: &[u8]) -> Option<u128> {
    let mut value = 0_u128;
    // 16 digits fill a machine word; 128-bit shifts by the digit would take most of the time of reading a store.
    for word in digits.chunks(16) {
        let mut bits = 0_u64;
        let mut seen = 0;
        for &digit in word {
            let digit = DIGITS[usize::from(digit)];
            seen |= digit;
            bits = bits << 4 | u64::from(digit & 15);
        }
        if seen > 15 {
            return None;
        }
        value = value << (4 * word.len()) | u128::from(bits);
    }
    Some(value)
}

/// Whether a text fits on a line.
pub(super) fn is_one_line(text: &str) -> bool {
    memchr(b'\n', text.as_bytes()).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &str = r#"{"rows":[1.5,"ü"]}"#;

    fn texts(bytes: &[u8]) -> Vec<(u128, String)> {
        let text = |found: &Found| String::from_utf8_lossy(&bytes[found.offset..][..found.length]).into_owned();
        Scan::of(bytes, 0).records.iter().map(|found| (found.key.0, text(found))).collect()
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for key in [0, 1, 0xfedc_ba98_7654_3210_0123_4567_89ab_cdef, u128::MAX] {
            let line = record(PointKey(key), PAYLOAD);
            assert_eq!(texts(line.as_bytes()), [(key, PAYLOAD.to_owned())]);
        }
    }

    /// CRC-32 (ISO-HDLC) of "123456789", the check value of its catalogue.
    #[test]
    fn the_checksum_is_the_common_crc_32() {
        assert_eq!(seal("123456789"), "cbf43926 123456789\n");
    }

    #[test]
    fn the_sound_neighbours_of_damage_are_read() {
        let lines: Vec<String> = (0..3).map(|key| record(PointKey(key), PAYLOAD)).collect();
        let text = lines.concat();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let hit = at / lines[0].len();
                let newline = (at + 1) % lines[0].len() == 0 && hit < 2;
                let kept: Vec<u128> = texts(&bytes).iter().map(|(key, _)| *key).collect();
                let expected: Vec<u128> = (0..3).filter(|&key| newline || key != hit as u128).collect();
                assert_eq!(kept, expected, "bit {bit} of byte {at}");
                assert!(!Scan::of(&bytes, 0).bad.is_empty(), "bit {bit} of byte {at} is not reported");
            }
        }
    }

    #[test]
    fn a_torn_line_before_a_sound_one_costs_only_itself() {
        let (first, second) = (record(PointKey(1), PAYLOAD), record(PointKey(2), PAYLOAD));
        for kept in 1..first.len() - 1 {
            let bytes = [&first.as_bytes()[..kept], second.as_bytes()].concat();
            let scan = Scan::of(&bytes, 10);
            assert_eq!(scan.records.len(), 1, "{kept} bytes");
            assert_eq!(scan.bad, [Bad { offset: 10, length: kept }], "{kept} bytes");
        }
    }

    /// Negative control: the same damage, read without the checksum, gives a record that nobody wrote.
    #[test]
    fn without_the_checksum_damage_passes() {
        let mut bytes = record(PointKey(1), PAYLOAD).into_bytes();
        let at = bytes.len() - 12;
        bytes[at] ^= 1;
        let careless = std::str::from_utf8(&bytes[FRONT..bytes.len() - 1]).expect("text");
        assert_ne!(careless, PAYLOAD);
        assert!(texts(&bytes).is_empty());
    }
}
