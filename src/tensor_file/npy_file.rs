//! NumPy's `.npy` format.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use half::f16;

use super::Tensor;

/// Why a file is no array of real numbers. Every message starts with the file.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The file cannot be opened or read.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It begins in another way, or with a header that describes no array.
    #[error("{}: not a valid .npy file: {problem}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Entries that are not read.
    #[error("{}: entries of type `{descr}` are not read ({problem})", file.display())]
    Type {
        /// The file.
        file: PathBuf,
        /// NumPy's name of the type.
        descr: String,
        /// What it is, and what to do.
        problem: &'static str,
    },
    /// The data are shorter or longer than the shape says.
    #[error("{}: shape {shape:?} of `{descr}` takes {expected} bytes after the header, and the file has {found}: it is {}", file.display(), if found < expected { "truncated" } else { "followed by something else" })]
    Length {
        /// The file.
        file: PathBuf,
        /// The shape in the header.
        shape: Vec<usize>,
        /// The type in the header.
        descr: String,
        /// Bytes of such an array, at most 2^64 - 1.
        expected: u64,
        /// Bytes after the header.
        found: u64,
    },
    /// NaN or an infinity among the entries.
    #[error("{}: the array holds {value} at index {index:?}; every value must be finite", file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// Where.
        index: Vec<usize>,
        /// What.
        value: f64,
    },
}

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// What NumPy itself allows.
const MOST_DIMENSIONS: usize = 64;

/// The array of a `.npy` file (versions 1 to 3) in row-major order, whatever its order in the file; its name is that of the file.
///
/// Little-endian `f2`, `f4`, `f8`, `i1` to `i8`, `u1` to `u8` and `bool` are read, exactly (whole numbers up to 2^53).
///
/// # Errors
///
/// [`NpyError`]: an unreadable file, another format or version, a malformed header, big-endian, complex, text, structured or object
/// entries, data that are truncated or followed by more, an entry that is NaN or infinite. Nothing is allocated before the length of the
/// file has been found to agree with the shape.
pub fn read_npy(file: &Path) -> Result<Tensor, NpyError> {
    let io = |source| NpyError::Io { file: file.to_owned(), source };
    let wrong = |problem: String| NpyError::Format { file: file.to_owned(), problem };
    // A device or a pipe has no end, or blocks until somebody writes to it.
    if !std::fs::metadata(file).map_err(io)?.is_file() {
        return Err(io(std::io::Error::other("not a regular file")));
    }
    let mut reader = File::open(file).map_err(io)?;
    let length = reader.metadata().map_err(io)?.len();
    let mut take = |count: u64, what: &str| -> Result<Vec<u8>, NpyError> {
        let mut bytes = Vec::new();
        reader.by_ref().take(count).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 == count { Ok(bytes) } else { Err(wrong(format!("it ends within the {what}"))) }
    };
    let start = take(8, "first eight bytes")?;
    if !start.starts_with(MAGIC) {
        return Err(wrong("it does not begin with the format's magic bytes; numpy.save writes such files".to_owned()));
    }
    // Length of the header: two bytes in version 1, four since.
    let width = match start[6] {
        1 => 2,
        2 | 3 => 4,
        other => return Err(wrong(format!("version {other}; 1, 2 and 3 are read"))),
    };
    let size = take(width, "header")?.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    if size > length.saturating_sub(8 + width) {
        return Err(wrong("it ends within the header".to_owned()));
    }
    let header = take(size, "header")?;
    let header = std::str::from_utf8(&header).map_err(|_| wrong("the header is no text".to_owned()))?;
    let Header { descr, fortran_order, shape } = Header::parse(header).map_err(wrong)?;
    let kind =
        Kind::of(&descr).map_err(|problem| NpyError::Type { file: file.to_owned(), descr: descr.clone(), problem })?;
    let count = shape.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent as u64));
    let expected = count.and_then(|count| count.checked_mul(kind.bytes() as u64)).unwrap_or(u64::MAX);
    let found = length.saturating_sub(8 + width + size);
    if expected != found {
        return Err(NpyError::Length { file: file.to_owned(), shape, descr, expected, found });
    }
    let mut values = kind.widen(&take(found, "data")?);
    if fortran_order {
        values = row_major(&values, &shape);
    }
    if let Some(flat) = values.iter().position(|value| !value.is_finite()) {
        let value = values[flat];
        return Err(NpyError::NotFinite { file: file.to_owned(), index: unravelled(flat, &shape), value });
    }
    let name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Ok(Tensor { name, shape, values })
}

/// From the first index running fastest to the last one.
fn row_major(values: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    let mut sorted = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        sorted.push(values[place]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    sorted
}

fn unravelled(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &extent) in index.iter_mut().zip(shape).rev() {
        (*place, flat) = (flat % extent, flat / extent);
    }
    index
}

/// A type of entries that is read.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Float(usize),
    Signed(usize),
    Unsigned(usize),
}

impl Kind {
    /// From NumPy's name; else what it is.
    fn of(descr: &str) -> Result<Self, &'static str> {
        let (order, rest) = descr.split_at_checked(1).unwrap_or(("", ""));
        let (letter, size) = rest.split_at_checked(1).unwrap_or(("", ""));
        let kind = match (letter, size) {
            ("f", "2" | "4" | "8") => Self::Float(size.parse().unwrap_or(8)),
            ("i", "1" | "2" | "4" | "8") => Self::Signed(size.parse().unwrap_or(8)),
            ("u", "1" | "2" | "4" | "8") => Self::Unsigned(size.parse().unwrap_or(8)),
            ("b", "1") => Self::Unsigned(1),
            ("O", _) => return Err("Python objects: save numbers, numpy.asarray(x, dtype=float)"),
            ("c", _) => return Err("complex numbers: save real and imaginary parts apart"),
            ("S" | "U" | "a", _) => return Err("text: save numbers"),
            ("M" | "m", _) => return Err("times: save numbers"),
            ("f", _) => return Err("extended precision: save x.astype('f8')"),
            _ => return Err("read are f2, f4, f8, i1 to i8, u1 to u8 and bool: save x.astype('f8')"),
        };
        match order {
            "<" => Ok(kind),
            "|" if kind.bytes() == 1 => Ok(kind),
            ">" => Err("big-endian: save x.astype('<f8')"),
            _ => Err("of no byte order: save x.astype('<f8')"),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Float(bytes) | Self::Signed(bytes) | Self::Unsigned(bytes) => bytes,
        }
    }

    fn widen(self, data: &[u8]) -> Vec<f64> {
        /// Little-endian words of N bytes.
        fn words<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            data.as_chunks::<N>().0.iter().map(|word| read(*word)).collect()
        }
        match self {
            Self::Float(2) => words(data, |word| f16::from_le_bytes(word).to_f64()),
            Self::Float(4) => words(data, |word| f64::from(f32::from_le_bytes(word))),
            Self::Float(_) => words(data, f64::from_le_bytes),
            Self::Signed(1) => words(data, |word| f64::from(i8::from_le_bytes(word))),
            Self::Signed(2) => words(data, |word| f64::from(i16::from_le_bytes(word))),
            Self::Signed(4) => words(data, |word| f64::from(i32::from_le_bytes(word))),
            Self::Signed(_) => words(data, |word| i64::from_le_bytes(word) as f64),
            Self::Unsigned(1) => words(data, |word| f64::from(u8::from_le_bytes(word))),
            Self::Unsigned(2) => words(data, |word| f64::from(u16::from_le_bytes(word))),
            Self::Unsigned(4) => words(data, |word| f64::from(u32::from_le_bytes(word))),
            Self::Unsigned(_) => words(data, |word| u64::from_le_bytes(word) as f64),
        }
    }
}

/// The three keys of the header, a Python dictionary.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Result<Self, String> {
        let malformed = || "the header is no dictionary of descr, fortran_order and shape".to_owned();
        let inner = text.trim_end_matches([' ', '\n']).strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let mut rest = inner.ok_or_else(malformed)?.trim();
        let (mut descr, mut order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = quoted(rest).ok_or_else(malformed)?;
            let value = after.trim_start().strip_prefix(':').ok_or_else(malformed)?.trim_start();
            let twice = || format!("the header has `{key}` twice");
            rest = match key {
                "descr" => {
                    if value.starts_with(['[', '(']) {
                        return Err("its entries are records of several fields: save each field by itself".to_owned());
                    }
                    let (name, after) = quoted(value).ok_or_else(malformed)?;
                    if descr.replace(name.to_owned()).is_some() {
                        return Err(twice());
                    }
                    after
                }
                "fortran_order" => {
                    let (flag, after) = match (value.strip_prefix("True"), value.strip_prefix("False")) {
                        (Some(after), _) => (true, after),
                        (_, Some(after)) => (false, after),
                        _ => return Err(malformed()),
                    };
                    if order.replace(flag).is_some() {
                        return Err(twice());
                    }
                    after
                }
                "shape" => {
                    let (list, after) =
                        value.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(malformed)?;
                    let extents: Vec<&str> = list.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
                    if extents.len() > MOST_DIMENSIONS {
                        return Err(format!("its shape has {} dimensions", extents.len()));
                    }
                    // Python 2 wrote long integers with an L.
                    let extent = |part: &&str| part.trim_end_matches('L').parse().ok();
                    let extents: Option<Vec<usize>> = extents.iter().map(extent).collect();
                    let extents =
                        extents.ok_or_else(|| format!("its shape ({}) is no list of extents", clipped(list)))?;
                    if shape.replace(extents).is_some() {
                        return Err(twice());
                    }
                    after
                }
                _ => return Err(malformed()),
            };
            rest = rest.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if rest.is_empty() => rest,
                None => return Err(malformed()),
            };
        }
        match (descr, order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Self { descr, fortran_order, shape }),
            _ => Err(malformed()),
        }
    }
}

/// A Python string without escapes at the start of a text, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// As much of a text as a message can show, on one line.
fn clipped(text: &str) -> String {
    text.chars().take(40).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn npy(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        let size = header.len() as u32;
        bytes.extend(&size.to_le_bytes()[..if version == 1 { 2 } else { 4 }]);
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn simple(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        npy(1, &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}   \n"), data)
    }

    fn read(bytes: &[u8]) -> Result<Tensor, NpyError> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("x.npy");
        std::fs::write(&file, bytes).expect("writable");
        read_npy(&file)
    }

    #[test]
    fn every_type_is_widened_exactly() {
        let cases: [(&str, &[u8], f64); 12] = [
            ("<f2", &[0x00, 0xc0], -2.0),
            ("<f4", &(-0.1f32).to_le_bytes(), f64::from(-0.1f32)),
            ("<f8", &0.1f64.to_le_bytes(), 0.1),
            ("|i1", &[0xfe], -2.0),
            ("<i2", &(-300i16).to_le_bytes(), -300.0),
            ("<i4", &(-70_000i32).to_le_bytes(), -70_000.0),
            ("<i8", &(-5_000_000_000i64).to_le_bytes(), -5e9),
            ("|u1", &[0xfe], 254.0),
            ("<u2", &60_000u16.to_le_bytes(), 60_000.0),
            ("<u4", &4_000_000_000u32.to_le_bytes(), 4e9),
            ("<u8", &(1u64 << 53).to_le_bytes(), 2f64.powi(53)),
            ("|b1", &[1], 1.0),
        ];
        for (descr, data, expected) in cases {
            let tensor = read(&simple(descr, "(1,)", data)).expect(descr);
            assert_eq!((tensor.values, tensor.shape, tensor.name.as_str()), (vec![expected], vec![1], "x"), "{descr}");
        }
    }

    /// NumPy 2.3: `np.save(f, np.arange(24, dtype="<i2").reshape(2, 3, 4, order=...))` in both orders holds the same array.
    #[test]
    fn both_orders_and_all_versions_give_the_same_array() {
        let entry = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as i16;
        let shape = [2, 3, 4];
        let mut c = Vec::new();
        let mut fortran = Vec::new();
        for i in 0..2 {
            for j in 0..3 {
                (0..4).for_each(|k| c.extend(entry(i, j, k).to_le_bytes()));
            }
        }
        for k in 0..4 {
            for j in 0..3 {
                (0..2).for_each(|i| fortran.extend(entry(i, j, k).to_le_bytes()));
            }
        }
        let expected: Vec<f64> = (0..24).map(|flat| f64::from(entry(flat / 12, flat / 4 % 3, flat % 4))).collect();
        for version in 1..=3 {
            for (order, data) in [("False", &c), ("True", &fortran)] {
                let header = format!("{{\"shape\": (2, 3L, 4), 'fortran_order': {order}, 'descr': '<i2'}}\n");
                let tensor = read(&npy(version, &header, data)).expect("valid");
                assert_eq!((&tensor.values, &tensor.shape[..]), (&expected, &shape[..]), "version {version}, {order}");
            }
        }
        // Where the entry is that is not finite is told as an index of the array.
        let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2)}";
        let data: Vec<u8> = [1.0, 2.0, f64::NAN, 4.0].iter().flat_map(|v: &f64| v.to_le_bytes()).collect();
        let error = read(&npy(1, header, &data)).expect_err("NaN").to_string();
        assert!(error.contains("NaN at index [0, 1]"), "{error}");
    }

    #[test]
    fn broken_files_say_what_is_wrong() {
        let cases: [(Vec<u8>, &str); 15] = [
            (b"".to_vec(), "ends within the first eight bytes"),
            (b"PK\x03\x04 an archive".to_vec(), "magic bytes"),
            (npy(9, "{}", b""), "version 9"),
            (MAGIC.iter().copied().chain([1, 0, 0xff, 0xff]).collect(), "ends within the header"),
            (MAGIC.iter().copied().chain([2, 0, 0xff, 0xff, 0xff, 0xff, b'{']).collect(), "ends within the header"),
            (npy(1, "nonsense", b""), "no dictionary"),
            (npy(1, "{'descr': '<f8', 'shape': (1,)}", &[0; 8]), "no dictionary"),
            (npy(1, "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", &[0; 8]), "several fields"),
            (simple("<f8", "(-1,)", &[0; 8]), "no list of extents"),
            (simple(">f8", "(1,)", &[0; 8]), "big-endian: save x.astype('<f8')"),
            (simple("|O", "(1,)", &[0; 8]), "Python objects"),
            (simple("<c16", "(1,)", &[0; 16]), "complex"),
            (simple("<f8", "(3,)", &[0; 16]), "24 bytes after the header, and the file has 16: it is truncated"),
            (simple("<f8", "(1,)", &[0; 16]), "followed by something else"),
            (simple("<f8", "(18446744073709551615, 18446744073709551615, 9)", &[0; 8]), "truncated"),
        ];
        for (bytes, expected) in cases {
            let error = read(&bytes).expect_err(expected).to_string();
            assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
        }
    }

    proptest! {
        /// No bytes make the reader panic; what it accepts has as many entries as its shape says, at least one byte of the file for each.
        #[test]
        fn mangled_files_are_read_or_refused(cut in 0usize..200, flips in prop::collection::vec((0usize..200, any::<u8>()), 1..4)) {
            let mut bytes = simple("<f4", "(2, 3)", &[0x3f; 24]);
            bytes.truncate(bytes.len().saturating_sub(cut / 4));
            for (place, byte) in flips {
                if let Some(target) = bytes.get_mut(place) {
                    *target = byte;
                }
            }
            if let Ok(tensor) = read(&bytes) {
                prop_assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
                prop_assert!(tensor.values.len() <= bytes.len());
            }
        }

        /// Any text in the place of the header.
        #[test]
        fn no_header_makes_it_panic(header in ".{0,80}") {
            let _ = read(&npy(3, &header, &[0; 8]));
        }
    }
}
