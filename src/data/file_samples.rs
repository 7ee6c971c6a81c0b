//! The user's samples with their targets.

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use super::GivenError;
use super::given::{FileKind, chosen, kind_of};
use crate::names;
use crate::tensor_file::{CsvTable, Tensor, read_csv, read_npy, read_safetensors};

/// Which samples a file holds and what is to be learnt from them.
#[derive(Debug, Clone, PartialEq)]
pub struct FileSamples {
    /// features x N.
    pub inputs: DMatrix<f64>,
    /// Targets, where the file has some.
    pub targets: Option<FileTargets>,
    /// What became of the columns, for a message about their number; empty where there is nothing to say.
    pub columns_note: String,
}

/// Targets as they stand in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileTargets {
    /// columns x N.
    pub values: DMatrix<f64>,
    file: PathBuf,
    places: Places,
}

/// Where a target stands, for messages.
#[derive(Debug, Clone, PartialEq)]
enum Places {
    Lines { lines: Vec<usize>, columns: Vec<String> },
    Tensor(String),
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Column {
    /// By the name in the header.
    Name(String),
    /// By its number, from 1.
    Number(usize),
}

/// What the specification says about a file.
#[derive(Debug, Clone, Copy)]
pub struct FileRequest<'a> {
    /// The file.
    pub file: &'a Path,
    /// A second `.npy` file with the targets.
    pub targets: Option<&'a Path>,
    /// The columns of a table that are targets.
    pub target_columns: Option<&'a [Column]>,
    /// Features that the network takes: a table with just as many columns, of which none is chosen, has no targets.
    pub features: usize,
}

impl FileRequest<'_> {
    /// Reads the samples.
    ///
    /// A safetensors file holds tensors `x` and, where there are targets, `y` (a single tensor is x); a `.npy` file the inputs, and another one
    /// the targets; a table (`.csv`, `.tsv`, `.txt`) one sample a line, its last column the target unless others are named. Samples come first in every shape, further
    /// dimensions are flattened.
    ///
    /// # Errors
    ///
    /// [`GivenError`] names the file with the tensor, line or column.
    pub fn read(&self) -> Result<FileSamples, GivenError> {
        let (x, y, note) = match kind_of(self.file)? {
            FileKind::Table => return self.table(read_csv(self.file)?),
            FileKind::Npy => {
                let y = self.targets.map(|file| read_npy(file).map(|tensor| (file, tensor))).transpose()?;
                (read_npy(self.file)?, y, String::new())
            }
            FileKind::Safetensors => {
                let mut tensors = read_safetensors(self.file)?;
                let several = tensors.len() > 1;
                let y = tensors.iter().position(|tensor| several && tensor.name == "y");
                let y = y.map(|index| (self.file, tensors.remove(index)));
                (chosen(self.file, tensors, "x")?, y, String::new())
            }
        };
        let inputs = samples_of(self.file, &x)?;
        let targets = y.map(|(file, tensor)| {
            let values = samples_of(file, &tensor)?;
            if values.ncols() != inputs.ncols() {
                let place = format!("tensor `{}`", tensor.name);
                let problem = format!("{} targets for the {} samples of `{}`", values.ncols(), inputs.ncols(), x.name);
                return Err(GivenError::Target { file: file.to_owned(), place, problem });
            }
            Ok(FileTargets { values, file: file.to_owned(), places: Places::Tensor(tensor.name) })
        });
        Ok(FileSamples { targets: targets.transpose()?, inputs, columns_note: note })
    }

    fn table(&self, table: CsvTable) -> Result<FileSamples, GivenError> {
        let chosen = match self.target_columns {
            Some(columns) => columns.iter().map(|column| self.find(column, &table)).collect::<Result<Vec<_>, _>>()?,
            None if table.columns == self.features => Vec::new(),
            None => vec![table.columns - 1],
        };
        let wrong = |problem: String| GivenError::Columns { file: self.file.to_owned(), problem };
        if let Some((k, column)) = chosen.iter().enumerate().find(|(k, column)| chosen[..*k].contains(column)) {
            let words = table.column_words(*column);
            return Err(wrong(format!("{words} is named twice in data.target_columns (entry {})", k + 1)));
        }
        let features: Vec<usize> = (0..table.columns).filter(|column| !chosen.contains(column)).collect();
        if features.is_empty() {
            let columns = if table.columns == 1 {
                "its only column is".to_owned()
            } else {
                format!("all {} columns are", table.columns)
            };
            return Err(wrong(format!("{columns} targets: no feature is left")));
        }
        let pick = |columns: &[usize]| {
            DMatrix::from_fn(columns.len(), table.rows(), |i, a| table.values[a * table.columns + columns[i]])
        };
        let names: Vec<String> = chosen.iter().map(|&column| table.column_words(column)).collect();
        let note = match &names[..] {
            [] => format!(" ({} columns, no targets)", table.columns),
            [one] => format!(" ({} columns, of which {one} is the target)", table.columns),
            many => format!(" ({} columns, of which {} are targets)", table.columns, many.len()),
        };
        let targets = (!chosen.is_empty()).then(|| FileTargets {
            values: pick(&chosen),
            file: self.file.to_owned(),
            places: Places::Lines { lines: table.lines.clone(), columns: names },
        });
        Ok(FileSamples { inputs: pick(&features), targets, columns_note: note })
    }

    fn find(&self, column: &Column, table: &CsvTable) -> Result<usize, GivenError> {
        let wrong = |problem: String| GivenError::Columns { file: self.file.to_owned(), problem };
        match (column, &table.header) {
            (Column::Number(number), _) if (1..=table.columns).contains(number) => Ok(number - 1),
            (Column::Number(number), _) => Err(wrong(format!(
                "data.target_columns has {number}, and the table has columns 1 to {}",
                table.columns
            ))),
            (Column::Name(name), None) => Err(wrong(format!(
                "no header line, so that data.target_columns cannot name \"{name}\": give the column's number, from 1"
            ))),
            (Column::Name(name), Some(header)) => {
                let mut found = header.iter().enumerate().filter(|(_, known)| *known == name).map(|(column, _)| column);
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(column),
                    (Some(_), Some(_)) => {
                        Err(wrong(format!("two columns are named \"{name}\": give the number of one, from 1")))
                    }
                    (None, _) => {
                        let suggestion = names::suggestion(name, header.iter().map(String::as_str));
                        Err(wrong(format!(
                            "no column is named \"{name}\", as data.target_columns has it: {suggestion}"
                        )))
                    }
                }
            }
        }
    }
}

/// samples x features, with further dimensions flattened, as features x samples.
pub(super) fn samples_of(file: &Path, tensor: &Tensor) -> Result<DMatrix<f64>, GivenError> {
    let samples = tensor.shape.first().copied().unwrap_or(0);
    if samples == 0 || tensor.values.is_empty() {
        return Err(GivenError::Shape {
            file: file.to_owned(),
            tensor: tensor.name.clone(),
            shape: tensor.shape.clone(),
        });
    }
    // Row-major samples x features is column-major features x samples.
    Ok(DMatrix::from_column_slice(tensor.values.len() / samples, samples, &tensor.values))
}

impl FileTargets {
    /// Where a sample's target stands.
    fn place(&self, sample: usize, column: usize) -> String {
        match &self.places {
            Places::Lines { lines, columns } => format!("line {}, {}", lines[sample], columns[column]),
            Places::Tensor(name) => format!("tensor `{name}`, index {sample}"),
        }
    }

    fn wrong(&self, place: String, problem: String) -> GivenError {
        GivenError::Target { file: self.file.clone(), place, problem }
    }

    /// The targets as classes, one of 0 to `outputs - 1` for every sample.
    ///
    /// # Errors
    ///
    /// [`GivenError::Target`] with the place of the first that is none: several numbers for a sample, a number that is not whole or is negative, a class
    /// for which the network has no output.
    pub fn labels(&self, outputs: usize) -> Result<Vec<usize>, GivenError> {
        if self.values.nrows() != 1 {
            let problem = format!(
                "{} numbers for every sample; loss.kind = \"cross_entropy\" wants one, the class as a whole number from 0",
                self.values.nrows()
            );
            return Err(self.wrong(self.whole(), problem));
        }
        let class = |(sample, &value): (usize, &f64)| {
            if value < 0.0 || value.fract() != 0.0 || value > 2f64.powi(53) {
                let problem = format!(
                    "{value} is no class: loss.kind = \"cross_entropy\" wants whole numbers from 0 to {}",
                    outputs - 1
                );
                return Err(self.wrong(self.place(sample, 0), problem));
            }
            if value >= outputs as f64 {
                let problem = format!(
                    "class {value} needs {} outputs, and the network has {outputs}: set network.output = {}, or count classes from 0",
                    value + 1.0,
                    self.values.max() + 1.0
                );
                return Err(self.wrong(self.place(sample, 0), problem));
            }
            Ok(value as usize)
        };
        self.values.iter().enumerate().map(class).collect()
    }

    /// The targets as numbers, one for every output of the network.
    ///
    /// # Errors
    ///
    /// [`GivenError::Target`] if there are more or fewer.
    pub fn numbers(&self, outputs: usize) -> Result<&DMatrix<f64>, GivenError> {
        if self.values.nrows() == outputs {
            return Ok(&self.values);
        }
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let problem = format!(
            "{} for every sample, and the network has {}: loss.kind = \"mse\" wants as many; set network.output = {}",
            count(self.values.nrows(), "target"),
            count(outputs, "output"),
            self.values.nrows()
        );
        Err(self.wrong(self.whole(), problem))
    }

    fn whole(&self) -> String {
        match &self.places {
            Places::Lines { columns, .. } => columns.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", "),
            Places::Tensor(name) => format!("tensor `{name}`"),
        }
    }
}

/// Gives every feature mean 0 and variance 1 over the samples `by`, all samples alike; a feature that is constant there becomes 0.
///
/// # Panics
///
/// If an index in `by` is not that of a sample.
pub fn standardize(inputs: &mut DMatrix<f64>, by: &[usize]) {
    let count = by.len() as f64;
    for mut feature in inputs.row_iter_mut() {
        // In units of the largest: squares of 1e200 overflow.
        let largest = by.iter().map(|&sample| feature[sample].abs()).fold(0.0, f64::max);
        let unit = |value: f64| if largest > 0.0 { value / largest } else { value };
        let mean = by.iter().map(|&sample| unit(feature[sample])).sum::<f64>() / count;
        let variance = by.iter().map(|&sample| (unit(feature[sample]) - mean).powi(2)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        // The mean of equal numbers is off by rounding.
        let constant = deviation <= 1e-14 || largest == 0.0;
        feature.apply(|value| *value = if constant { 0.0 } else { (unit(*value) - mean) / deviation });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join(name);
        std::fs::write(&file, text).expect("writable");
        (directory, file)
    }

    fn read(text: &str, target_columns: Option<&[Column]>, features: usize) -> Result<FileSamples, GivenError> {
        let (_directory, file) = written("table.csv", text);
        FileRequest { file: &file, targets: None, target_columns, features }.read()
    }

    const TABLE: &str = "a,b,label\n1,2,0\n3,4,2\n";

    #[test]
    fn the_last_column_is_the_target_unless_all_are_features() {
        let two = read(TABLE, None, 2).expect("valid");
        assert_eq!(two.inputs, nalgebra::dmatrix![1.0, 3.0; 2.0, 4.0]);
        assert_eq!(two.targets.expect("the last column").labels(3).expect("classes"), [0, 2]);
        assert!(read(TABLE, None, 3).expect("valid").targets.is_none());
        let chosen = [Column::Number(1), Column::Name("label".to_owned())];
        let chosen = read(TABLE, Some(&chosen), 1).expect("valid");
        assert_eq!(chosen.inputs, nalgebra::dmatrix![2.0, 4.0]);
        let targets = chosen.targets.expect("two columns");
        assert_eq!(targets.numbers(2).expect("two"), &nalgebra::dmatrix![1.0, 3.0; 0.0, 2.0]);
        assert!(read(TABLE, Some(&[]), 3).expect("valid").targets.is_none());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let name = |name: &str| Column::Name(name.to_owned());
        let cases = [
            (
                TABLE,
                vec![name("lable")],
                "no column is named \"lable\", as data.target_columns has it: did you mean `label`?",
            ),
            (TABLE, vec![Column::Number(4)], "data.target_columns has 4, and the table has columns 1 to 3"),
            (TABLE, vec![Column::Number(3), name("label")], "column `label` is named twice"),
            (TABLE, (1..=3).map(Column::Number).collect(), "all 3 columns are targets"),
            ("1,2\n", vec![name("y")], "no header line"),
            ("a,a\n1,2\n", vec![name("a")], "two columns are named \"a\""),
        ];
        for (text, columns, expected) in cases {
            let error = read(text, Some(&columns), 2).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let labels = |text: &str, outputs| {
            let targets = read(text, None, 2).expect("valid").targets.expect("the last column");
            targets.labels(outputs).expect_err("no classes").to_string()
        };
        let error = labels(TABLE, 2);
        assert!(error.contains("table.csv: line 3, column `label`: class 2 needs 3 outputs, and the network has 2: set network.output = 3"), "{error}");
        let error = labels("1,2,0.5\n", 2);
        assert!(error.contains("line 1, column 3: 0.5 is no class"), "{error}");
        let numbers = read(TABLE, None, 2).expect("valid").targets.expect("the last column");
        let error = numbers.numbers(5).expect_err("one column").to_string();
        assert!(error.contains("column `label`: 1 target for every sample, and the network has 5 outputs"), "{error}");
    }

    #[test]
    fn standardised_features_have_mean_zero_and_variance_one_over_the_chosen_samples() {
        let mut inputs = nalgebra::dmatrix![1.0, 3.0, 9.0; 0.1, 0.1, 7.0; -2e200, 2e200, 0.0; 0.0, 0.0, 0.0];
        standardize(&mut inputs, &[0, 1]);
        let expected = nalgebra::dmatrix![-1.0, 1.0, 7.0; 0.0, 0.0, 0.0; -1.0, 1.0, 0.0; 0.0, 0.0, 0.0];
        assert!((inputs - expected).amax() < 1e-12);
    }
}
