//! What a sweep ends in.

use serde::{Deserialize, Serialize};

/// Everything that a sweep has found so far, in the order of its grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepResults {
    /// Name of the sweep.
    pub name: String,
    /// The question that it asks, in the words of who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The axes, slowest first.
    pub axes: Vec<Axis>,
    /// Repeats of every place of the grid, each with its own seed.
    pub repeats: usize,
    /// Points that the grid has, repeats counted.
    pub planned: usize,
    /// The points that are done or have failed, in the order of the grid.
    pub points: Vec<PointResult>,
}

/// Marks a file as the results of a sweep, with the version of its layout.
const FORMAT: &str = "gradspectra sweep 1";

/// A file that is not the results of a sweep.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Not JSON, or JSON of another shape.
    #[error("not the saved results of a sweep: {0}")]
    Json(#[from] serde_json::Error),
    /// Another layout.
    #[error("this is `{found}`, but this program reads `{FORMAT}`: make the report again from the sweep's directory")]
    Format {
        /// What the file says it is.
        found: String,
    },
    /// Numbers that do not belong together.
    #[error(
        "not the saved results of a sweep: point {index} has {coordinates} coordinates on {axes} axes, or a repeat or number beyond the grid"
    )]
    Point {
        /// Number of the point.
        index: usize,
        /// Its coordinates.
        coordinates: usize,
        /// The axes.
        axes: usize,
    },
}

impl SweepResults {
    /// Whether a file that says it is `format` holds the results of a sweep, of whatever version.
    pub fn is_format(format: &str) -> bool {
        format.starts_with("gradspectra sweep ")
    }

    /// The results as JSON text, marked as such.
    ///
    /// # Errors
    ///
    /// None for results that a sweep has made; those of `serde_json`.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Saved<'a> {
            format: &'static str,
            #[serde(flatten)]
            results: &'a SweepResults,
        }
        serde_json::to_string(&Saved { format: FORMAT, results: self })
    }

    /// Results from their JSON text.
    ///
    /// # Errors
    ///
    /// [`ResultsError`] if the text holds none, or those of another layout.
    pub fn from_json(text: &str) -> Result<Self, ResultsError> {
        #[derive(Deserialize)]
        struct Header {
            format: String,
        }
        let header: Header = serde_json::from_str(text)?;
        if header.format != FORMAT {
            return Err(ResultsError::Format { found: header.format });
        }
        let results: Self = serde_json::from_str(text)?;
        let (axes, planned, repeats) = (results.axes.len(), results.planned, results.repeats.max(1));
        let stray =
            |point: &&PointResult| point.coordinates.len() != axes || point.index >= planned || point.repeat >= repeats;
        match results.points.iter().find(stray) {
            Some(point) => Err(ResultsError::Point { index: point.index, coordinates: point.coordinates.len(), axes }),
            None => Ok(results),
        }
    }
}

/// A key of the specification that takes several values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// The key: `network.weights.sigma_w`.
    pub key: String,
    /// The values it takes, in the order of the grid; those that occur, where points are sampled.
    pub values: Vec<AxisValue>,
    /// How its values are spaced.
    pub scale: AxisScale,
    /// Axes of one number move together; each of the others moves alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<usize>,
}

/// How the values of an axis are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisScale {
    /// Numbers in equal steps, or any numbers.
    Linear,
    /// Numbers in equal ratios.
    Log,
    /// Names, tables: drawn one beside the other.
    Category,
}

/// A value of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AxisValue {
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Flag(bool),
    /// A name, or a table or list as TOML text.
    Text(String),
}

/// One point of the grid, done or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointResult {
    /// What its numbers depend on.
    pub key: PointKey,
    /// Its number in the grid, from 0; the repeats of one place follow each other.
    pub index: usize,
    /// Which repeat, from 0.
    pub repeat: usize,
    /// Seed of its specification.
    pub seed: u64,
    /// The value of every axis, in the order of the axes.
    pub coordinates: Vec<AxisValue>,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came out of a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its rows.
    Rows(Vec<Row>),
    /// Why there are none.
    Error(String),
}

/// 128 bits that stand for a canonical specification, for what is done with it, and for the version of the numbers; in texts 32 hexadecimal
/// digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PointKey(pub u128);

impl std::fmt::Display for PointKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl From<PointKey> for String {
    fn from(key: PointKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for PointKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let sound = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = sound.then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        bits.map(Self).ok_or_else(|| format!("`{text}` is not a key of a point: 32 hexadecimal digits"))
    }
}

/// Who says a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Theory, before any network is drawn.
    Predicted,
    /// Networks at initialisation.
    Measured,
    /// Measured minus predicted.
    Compared,
    /// A training.
    Trained,
}

/// Which number of a distribution over networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The value itself, or its mean.
    Value,
    /// log10 of the root mean square.
    Log10Rms,
    /// Mean of log10.
    Log10Mean,
    /// Standard deviation of log10.
    Log10StandardDeviation,
}

/// One number: of one quantity, of one layer or of the whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Who says it.
    pub side: Side,
    /// The quantity: `gradient_norms`, `chi_1`, `test_accuracy`.
    pub quantity: String,
    /// Which number of it.
    pub statistic: Statistic,
    /// Number of the layer, from 1; `null` for the whole network.
    pub layer: Option<usize>,
    /// The number; `null` where it is not finite or is withheld.
    pub value: Option<f64>,
    /// Its standard error over trials, where it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// The error that theory states beforehand, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_error: Option<f64>,
    /// Trials, where it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<u64>,
    /// Trials in which it was exactly zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zeros: Option<u64>,
    /// Trials in which it was not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_finite: Option<u64>,
}

impl Row {
    /// Unit of the value: `log10` for logarithms, `1` for pure numbers.
    pub fn unit(&self) -> &'static str {
        match self.statistic {
            Statistic::Value => "1",
            Statistic::Log10Rms | Statistic::Log10Mean | Statistic::Log10StandardDeviation => "log10",
        }
    }
}
