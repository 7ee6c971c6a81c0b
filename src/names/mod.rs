//! Names that people type: comparison without case and underscores, and the nearest known name to a mistyped one.

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

/// The end of an error message about an unknown name: the nearest known one if there is one, else all of them.
pub fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(given, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", known.join(", ")),
    }
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
        assert_eq!(suggestion("Activaton", known), "did you mean `activation`?");
        assert_eq!(suggestion("zzz", known), "known: width, depth, activation");
    }
}
