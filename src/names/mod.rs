//! Names that people type: comparison without case and underscores, the nearest known name to a mistyped one, natural order;
//! names with arguments ([`Call`]).

mod call;
mod natural_order;

pub use call::{Call, CallError};
pub use natural_order::NaturalOrder;

/// The name in the form in which names are compared: lower case, without underscores, hyphens and blanks.
pub fn canonical(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The known name that resembles `given` most, if one resembles it at all.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = canonical(given);
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&given, &canonical(name)), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= 0.4)
        .map(|(_, name)| name)
}

/// Names that an error message lists in full at most.
const LISTED: usize = 12;

/// The end of an error message about an unknown name: the nearest known one if there is one, and all of them if they are few.
pub fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(given, known.iter().copied()) {
        Some(name) if known.len() <= LISTED => format!("did you mean `{name}`? (known: {})", known.join(", ")),
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}

/// An entry of a registry that people refer to by name.
pub trait Registered {
    /// The name, as documented.
    fn name(&self) -> &'static str;

    /// Other spellings.
    fn aliases(&self) -> &'static [&'static str];
}

/// A name that is not in its registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{given}`: {suggestion}")]
pub struct UnknownName {
    /// What the registry holds.
    pub kind: &'static str,
    /// What was asked for.
    pub given: String,
    /// What may have been meant.
    pub suggestion: String,
}

/// The entry of the given name or alias; case, underscores and hyphens do not count.
///
/// # Errors
///
/// [`UnknownName`] with the nearest known name.
pub fn find<'a, E: Registered + 'a>(
    kind: &'static str,
    registry: impl IntoIterator<Item = &'a E> + Clone,
    given: &str,
) -> Result<&'a E, UnknownName> {
    let wanted = canonical(given);
    let matches = |entry: &&E| {
        let name = entry.name();
        std::iter::once(&name).chain(entry.aliases()).any(|known| canonical(known) == wanted)
    };
    registry.clone().into_iter().find(matches).ok_or_else(|| UnknownName {
        kind,
        given: given.to_owned(),
        suggestion: suggestion(given, registry.into_iter().map(Registered::name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_separators_do_not_count() {
        assert_eq!(canonical("Hard_Tanh"), canonical("hardtanh"));
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let known = ["width", "depth", "activation"];
        assert_eq!(nearest("widht", known), Some("width"));
        assert_eq!(suggestion("Activaton", known), "did you mean `activation`? (known: width, depth, activation)");
        assert_eq!(suggestion("zzz", known), "known: width, depth, activation");
    }
}
