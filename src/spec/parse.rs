//! From TOML text to a valid [`Spec`].

use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::data::{self, Data, FileCache};
use super::reader::{LARGEST_SCALE, SMALLEST_SCALE, Source, Table, Value};
use super::train::parse::train;
use super::{BlockSpec, Law, Loss, MeasureSpec, NetworkSpec, PRESETS, Precision, Quantity};
use super::{Spec, SpecError, Surroundings, TORCH_SCHEMES};
use crate::activation::{self, Activation, Linear};
use crate::ensemble::{self, Ensemble, EnsembleError, Gaussian, Uniform};
use crate::names::{self, Call, UnknownName};

const MAX_DEPTH: u64 = 1_000_000;
const MAX_WIDTH: u64 = 100_000_000;
const MAX_TRIALS: u64 = 10_000_000;

pub(super) fn parse(text: &str, file: &Path) -> Result<Spec, SpecError> {
    let source = Source { file, text };
    read(source, &document(source)?, &FileCache::default())
}

/// The keys of a TOML text.
pub(crate) fn document<'a>(source: Source<'a>) -> Result<DeTable<'a>, SpecError> {
    let document = DeTable::parse(source.text).map_err(|error| SpecError::Syntax {
        place: source.place(error.span().map_or(0, |span| span.start)),
        message: format!("not valid TOML: {}", error.message().replace('\n', "; ")),
    })?;
    Ok(document.into_inner())
}

/// A specification from its keys; `source` is the text that their places refer to.
pub(crate) fn read(source: Source<'_>, table: &DeTable<'_>, files: &FileCache) -> Result<Spec, SpecError> {
    let file = source.file;
    let root = Table::new(source, "the specification", 0, table);
    root.only(&["name", "seed", "network", "data", "loss", "measure", "train", "sweep"])?;
    if let Some(value) = root.get("sweep") {
        return Err(value.wrong("says that this is a sweep: run it with `gradspectra sweep`"));
    }
    let name = match root.get("name") {
        Some(value) => checked_name(&value)?,
        None => {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            stem.filter(|stem| is_a_name(stem)).unwrap_or_else(|| "unnamed".to_owned())
        }
    };
    let seed = root.get("seed").map_or(Ok(1), |value| value.integer(0, i64::MAX as u64))?;
    let network = network(&root.require("network", "")?.table()?)?;
    let (loss, loss_place) = match root.get("loss") {
        Some(value) => loss(&value.table()?)?,
        None => (Loss::Sum, None),
    };
    let train_place = root.get("train");
    let around =
        data::Surroundings { network: &network, loss, loss_place, train: root.get("train"), seed, file, files };
    let data_table = root.get("data").map(|value| value.table()).transpose()?;
    let Data { batch: data, set } = data::data(data_table.as_ref(), &around)?;
    let measure = match root.get("measure") {
        Some(value) => measure(&value.table()?, network.blocks.len())?,
        None => MeasureSpec {
            quantities: Quantity::ALL.to_vec(),
            product_spectrum: false,
            product_depths: Vec::new(),
            trials: 200,
        },
    };
    let train = match (train_place, set) {
        (Some(value), Some(set)) => Some(train(&value.table()?, set, data.batch)?),
        _ => None,
    };
    Ok(Spec { name, seed, network, data, loss, measure, train })
}

/// The name becomes a directory: no separators, no surprises.
fn checked_name(value: &Value<'_>) -> Result<String, SpecError> {
    let name = value.string()?;
    if is_a_name(name) {
        Ok(name.to_owned())
    } else {
        Err(value
            .wrong("must be at most 100 letters, digits, `-`, `_`, `.` and blanks, and begin with a letter or digit"))
    }
}

fn is_a_name(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_alphanumeric())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '))
}

fn network(table: &Table<'_>) -> Result<NetworkSpec, SpecError> {
    table.only(&[
        "input",
        "depth",
        "width",
        "widths",
        "activation",
        "weights",
        "biases",
        "precision",
        "output",
        "layers",
    ])?;
    if let Some(value) = table.get("layers") {
        return Err(
            value.wrong("is the long form for mixed architectures, which this version does not have: use `widths`")
        );
    }
    let input = table.require("input", ": the number of input features")?.integer(1, MAX_WIDTH)?;
    let widths = widths(table)?;
    let named = table.require("activation", ": for example activation = \"tanh\"")?;
    let activation =
        activation::by_name(named.string()?).map_err(|error| named.wrong(format!("cannot be used: {error}")))?;
    let weights = table.require("weights", ": for example weights = { preset = \"he\" }")?;
    let biases = table.get("biases");
    let precision = match table.get("precision") {
        Some(value) => precision(&value)?,
        None => Precision::F64,
    };
    let output = table.get("output").map(|value| value.integer(1, MAX_WIDTH)).transpose()?;

    let linear: Arc<dyn Activation> = Arc::new(Linear);
    let layers = widths.iter().map(|&width| (width, &activation)).chain(output.map(|width| (width as usize, &linear)));
    let mut fan_in = input as usize;
    let mut blocks = Vec::new();
    let mut laws: Vec<((usize, usize, &str), Law)> = Vec::new();
    for (fan_out, activation) in layers {
        let biases = biases.as_ref().map(|value| bias_law(value, fan_in)).transpose()?.flatten();
        let surroundings = Surroundings {
            fan_in: fan_in as f64,
            fan_out: fan_out as f64,
            activation: &**activation,
            sigma_b: biases.as_ref().map_or(0.0, |law| law.std),
        };
        // Solving for a critical scale takes a millisecond: layers with the same surroundings share it.
        let key = (fan_in, fan_out, activation.name());
        let law = match laws.iter().find(|(known, _)| *known == key) {
            Some((_, law)) => Law::clone(law),
            None => {
                let law = weight_law(&weights, &surroundings)?;
                laws.push((key, law.clone()));
                law
            }
        };
        blocks.push(BlockSpec { fan_out, fan_in, weights: law, biases, activation: Arc::clone(activation) });
        fan_in = fan_out;
    }
    Ok(NetworkSpec { input: input as usize, blocks, precision })
}

/// `widths`, or `width` repeated `depth` times.
fn widths(table: &Table<'_>) -> Result<Vec<usize>, SpecError> {
    let (depth, width, widths) = (table.get("depth"), table.get("width"), table.get("widths"));
    match (depth, width, widths) {
        (depth, None, Some(list)) => {
            let widths: Vec<usize> = list
                .array()?
                .iter()
                .map(|value| Ok(value.integer(1, MAX_WIDTH)? as usize))
                .collect::<Result<_, SpecError>>()?;
            if widths.is_empty() {
                return Err(list.wrong("is empty; a network has at least one layer"));
            }
            match depth {
                Some(depth) if depth.integer(1, MAX_DEPTH)? != widths.len() as u64 => {
                    Err(depth.wrong(format!("contradicts `widths`, which has {} entries: remove one", widths.len())))
                }
                _ => Ok(widths),
            }
        }
        (_, Some(width), Some(_)) => Err(width.wrong("and `widths` are both given: keep one")),
        (depth, width, None) => {
            let missing =
                |key, hint| SpecError::MissingKey { place: table.place(), table: "[network]".to_owned(), key, hint };
            let depth = depth.ok_or_else(|| missing("depth", ", with `width`; or a list `widths`"))?;
            let depth = depth.integer(1, MAX_DEPTH)? as usize;
            let width = width.ok_or_else(|| missing("width", ", with `depth`; or a list `widths`"))?;
            Ok(vec![width.integer(1, MAX_WIDTH)? as usize; depth])
        }
    }
}

fn precision(value: &Value<'_>) -> Result<Precision, SpecError> {
    let given = value.string()?;
    Precision::by_canonical_name(&names::canonical(given)).ok_or_else(|| {
        let suggestion = names::suggestion(given, Precision::ALL.map(Precision::name));
        value.wrong(format!("is the unknown format \"{given}\": {suggestion}"))
    })
}

/// The ways to give a scale, of which exactly one must be used.
struct Scale<'a> {
    given: Vec<(&'static str, Value<'a>)>,
}

impl<'a> Scale<'a> {
    fn read(table: &Table<'a>, keys: &[&'static str]) -> Self {
        Self { given: keys.iter().filter_map(|&key| table.get(key).map(|value| (key, value))).collect() }
    }

    fn only(self, owner: &Value<'_>, keys: &str) -> Result<(&'static str, Value<'a>), SpecError> {
        let mut given = self.given.into_iter();
        match (given.next(), given.next()) {
            (Some(first), None) => Ok(first),
            (None, _) => Err(owner.wrong(format!("needs a scale: one of {keys}"))),
            (Some((first, _)), Some((second, value))) => {
                Err(value.wrong(format!("and `{first}` both set the scale: keep one ({second} or {first})")))
            }
        }
    }
}

fn weight_law(value: &Value<'_>, surroundings: &Surroundings<'_>) -> Result<Law, SpecError> {
    let table = value.table()?;
    table.only(&["ensemble", "std", "sigma_w", "bound", "preset"])?;
    let chosen = ensemble_key(&table)?;
    let scale = Scale::read(&table, &["std", "sigma_w", "bound", "preset"]);
    let (key, scale) = scale.only(value, "`std`, `sigma_w`, `bound`, `preset`")?;
    let law = |std: f64| Law { ensemble: chosen.clone().unwrap_or_else(|| Arc::new(Gaussian)), std };
    match key {
        "std" => Ok(law(scale.positive()?)),
        "sigma_w" => Ok(law(scale.positive()? / surroundings.fan_in.sqrt())),
        "bound" => uniform_law(&scale, chosen.as_deref()),
        _ => {
            let given = scale.string()?;
            let call = Call::parse(given).map_err(|error| scale.wrong(format!("is no preset: {error}")))?;
            let preset = names::find("preset", PRESETS.iter().chain(TORCH_SCHEMES), call.name);
            // The two kinds of names have different arguments: neither is taken for the other.
            let preset = preset.map_err(|error| match ensemble::by_name(given) {
                Ok(_) => {
                    scale.wrong(format!("is an ensemble, not a preset: write `ensemble = \"{given}\"` and a scale"))
                }
                Err(_) => scale.wrong(format!("is an {error}")),
            })?;
            let law = preset
                .law(&call.arguments, surroundings)
                .map_err(|reason| scale.wrong(format!("is impossible here: `{}`: {reason}", preset.name)))?;
            if !(SMALLEST_SCALE..=LARGEST_SCALE).contains(&law.std) {
                return Err(scale.wrong(format!(
                    "gives entries of size {:e}; it must be from {SMALLEST_SCALE:e} to {LARGEST_SCALE:e}",
                    law.std
                )));
            }
            Ok(Law { ensemble: chosen.unwrap_or(law.ensemble), std: law.std })
        }
    }
}

/// `None`: no biases.
fn bias_law(value: &Value<'_>, fan_in: usize) -> Result<Option<Law>, SpecError> {
    let table = value.table()?;
    table.only(&["ensemble", "std", "sigma_b", "bound", "preset"])?;
    let chosen = ensemble_key(&table)?;
    if let Some(ensemble) = chosen.as_ref().filter(|ensemble| !ensemble.independent_entries()) {
        return Err(value.wrong(format!("cannot be {}: biases have independent entries", ensemble.name())));
    }
    let scale = Scale::read(&table, &["std", "sigma_b", "bound", "preset"]);
    let (key, scale) = scale.only(value, "`std`, `sigma_b`, `bound`, `preset`")?;
    let law = match key {
        "std" | "sigma_b" => {
            let std = scale.non_negative()?;
            Law { ensemble: chosen.unwrap_or_else(|| Arc::new(Gaussian)), std }
        }
        "bound" => uniform_law(&scale, chosen.as_deref())?,
        _ => match names::canonical(scale.string()?).as_str() {
            "torch" | "pytorch" | "default" => {
                let std = (3.0 * fan_in as f64).sqrt().recip();
                Law { ensemble: chosen.unwrap_or_else(|| Arc::new(Uniform)), std }
            }
            "zero" | "zeros" | "none" => return Ok(None),
            other => {
                let suggestion = names::suggestion(other, ["torch", "zero"]);
                return Err(scale.wrong(format!("is the unknown preset \"{other}\": {suggestion}")));
            }
        },
    };
    Ok(Some(law).filter(|law| law.std > 0.0))
}

fn ensemble_key(table: &Table<'_>) -> Result<Option<Arc<dyn Ensemble>>, SpecError> {
    let named = |value: Value<'_>| {
        let given = value.string()?;
        let preset =
            |error: &UnknownName| names::find("preset", PRESETS.iter().chain(TORCH_SCHEMES), &error.given).is_ok();
        ensemble::by_name(given).map_err(|error| match error {
            EnsembleError::Unknown(error) if preset(&error) => {
                value.wrong(format!("is a preset, not an ensemble: write `preset = \"{given}\"`"))
            }
            EnsembleError::Unknown(error) => value.wrong(format!("is an {error}")),
            other => value.wrong(format!("is no ensemble: {other}")),
        })
    };
    table.get("ensemble").map(named).transpose()
}

/// A bound belongs to the uniform ensemble: U(-bound, bound) has standard deviation bound / sqrt 3.
fn uniform_law(bound: &Value<'_>, chosen: Option<&dyn Ensemble>) -> Result<Law, SpecError> {
    if let Some(other) = chosen.filter(|ensemble| ensemble.name() != "uniform") {
        return Err(bound.wrong(format!("belongs to the uniform ensemble, not to {}: use `std`", other.name())));
    }
    Ok(Law { ensemble: Arc::new(Uniform), std: bound.positive()? / 3f64.sqrt() })
}

/// The loss, and where it is named.
fn loss<'a>(table: &Table<'a>) -> Result<(Loss, Option<Value<'a>>), SpecError> {
    table.only(&["kind"])?;
    let kind = table.require("kind", ": \"sum\", \"random\", \"mse\" or \"cross_entropy\"")?;
    let given = kind.string()?;
    let wanted = names::canonical(given);
    let known = Loss::ALL.iter().find(|(name, _)| names::canonical(name) == wanted).map(|(_, loss)| *loss);
    let loss = known.ok_or_else(|| {
        let suggestion = names::suggestion(given, Loss::ALL.iter().map(|(name, _)| *name));
        kind.wrong(format!("is the unknown loss \"{given}\": {suggestion}"))
    })?;
    Ok((loss, Some(kind)))
}

/// Among the quantities of a specification the one that belongs to no layer.
const PRODUCT_SPECTRUM: &str = "product_spectrum";

fn measure(table: &Table<'_>, depth: usize) -> Result<MeasureSpec, SpecError> {
    table.only(&["quantities", "trials", "product_depths"])?;
    let mut product_spectrum = false;
    let quantities = match table.get("quantities") {
        None => Quantity::ALL.to_vec(),
        Some(list) => {
            let mut quantities = Vec::new();
            for value in list.array()? {
                let given = value.string()?;
                let wanted = names::canonical(given);
                if wanted == names::canonical(PRODUCT_SPECTRUM) {
                    product_spectrum = true;
                    continue;
                }
                let quantity = Quantity::ALL.into_iter().find(|quantity| names::canonical(quantity.name()) == wanted);
                quantities.push(quantity.ok_or_else(|| {
                    let suggestion = names::suggestion(
                        given,
                        Quantity::ALL.map(Quantity::name).into_iter().chain([PRODUCT_SPECTRUM]),
                    );
                    value.wrong(format!("holds the unknown quantity \"{given}\": {suggestion}"))
                })?);
            }
            if quantities.is_empty() && !product_spectrum {
                return Err(list.wrong("is empty; leave it out to measure everything"));
            }
            quantities.sort_unstable();
            quantities.dedup();
            quantities
        }
    };
    // A standard error needs two trials.
    let trials = table.get("trials").map_or(Ok(200), |value| value.integer(2, MAX_TRIALS))? as usize;
    let mut product_depths = Vec::new();
    if let Some(list) = table.get("product_depths") {
        if !product_spectrum {
            return Err(list.wrong("goes with \"product_spectrum\" among the quantities"));
        }
        for value in list.array()? {
            product_depths.push(value.integer(1, depth as u64)? as usize);
        }
        if product_depths.is_empty() {
            return Err(list.wrong("is empty; leave it out for four depths"));
        }
        product_depths.sort_unstable();
        product_depths.dedup();
    }
    Ok(MeasureSpec { quantities, product_spectrum, product_depths, trials })
}
