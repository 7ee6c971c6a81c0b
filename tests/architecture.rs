//! The floors of the house: every module imports from lower floors only, theory and experiment stay apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Floors from the table in `src/lib.rs`: the one place where they are written.
fn floors() -> BTreeMap<String, u32> {
    let library = std::fs::read_to_string("src/lib.rs").expect("the test runs in the package's directory");
    library
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("//! | ")?.split(" | ");
            let floor = cells.next()?.trim().parse().ok()?;
            let module = cells.next()?.trim().trim_start_matches("[`").trim_end_matches("`]");
            Some((module.to_owned(), floor))
        })
        .collect()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The module path of a source file: `src/spec/parse.rs` is `[spec, parse]`, `src/spec/mod.rs` is `[spec]`.
fn module_path(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file
        .strip_prefix("src")
        .expect("below src")
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Top-level modules that a text refers to by `crate::` or by enough `super::` to reach the root.
fn references(text: &str, module: &[String]) -> Vec<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    let mut push = |rest: &str| {
        let rest = rest.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            // The heads of a group: identifiers at depth one, after `{` or `,`.
            let (mut depth, mut at_head, mut head) = (1, true, String::new());
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 1 && c == ',' || depth == 0 {
                    found.push(std::mem::take(&mut head));
                    at_head = true;
                } else if depth == 1 && at_head && (c.is_alphanumeric() || c == '_') {
                    head.push(c);
                } else if c == ':' {
                    at_head = false;
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    };
    for (position, _) in code.match_indices("crate::") {
        push(&code[position + "crate::".len()..]);
    }
    let chain = "super::".repeat(module.len().max(1));
    for (position, _) in code.match_indices(&chain) {
        // Inside `mod tests` one more `super` is needed to reach the root: that only makes this stricter.
        let before = code[..position].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
            let rest = &code[position + chain.len()..];
            if !rest.starts_with("super::") {
                push(rest);
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// Every breach of the floors in one file.
fn breaches(module: &[String], text: &str, floors: &BTreeMap<String, u32>) -> Vec<String> {
    let Some(own) = module.first().and_then(|top| floors.get(top).map(|floor| (top, *floor))) else {
        return vec![format!("{} is not in the table of src/lib.rs", module.join("::"))];
    };
    let known = references(text, module).into_iter().filter_map(|name| floors.get(&name).map(|floor| (name, *floor)));
    known
        .filter(|(name, floor)| name != own.0 && *floor >= own.1)
        .map(|(name, floor)| format!("{} (floor {}) imports {name} (floor {floor})", module.join("::"), own.1))
        .collect()
}

#[test]
fn every_module_imports_from_lower_floors_only() {
    let floors = floors();
    assert!(floors.len() >= 15, "the table in src/lib.rs was not found: {floors:?}");
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut all = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("src/lib.rs") && !file.ends_with("src/main.rs")) {
        let text = std::fs::read_to_string(file).expect("readable");
        all.extend(breaches(&module_path(file), &text, &floors));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The test above must be able to fail: in a `use`, in a group, in a path inside code, and through `super`.
#[test]
fn breaches_are_found_wherever_they_hide() {
    let floors = floors();
    let predict = ["predict".to_owned(), "gradient_norms".to_owned()];
    for text in [
        "use crate::measure::measure;",
        "use crate::{spec::Spec, measure::{Silent, measure}};",
        "fn f() { let x = crate::network::Tape::<f64>::new(); }",
        "use super::super::measure::measure;",
    ] {
        assert_eq!(breaches(&predict, text, &floors).len(), 1, "{text}");
    }
    for text in ["use crate::spec::Spec;", "use super::Prediction;", "// use crate::measure::measure;"] {
        assert!(breaches(&predict, text, &floors).is_empty(), "{text}");
    }
}

/// Theory draws no random number and sees no experiment, whatever the floors say.
#[test]
fn theory_neither_draws_nor_measures() {
    let mut files = Vec::new();
    sources(Path::new("src/predict"), &mut files);
    sources(Path::new("src/mean_field"), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        for word in ["rand::", "rand_", "ChaCha", "Stream", "crate::network", "crate::measure"] {
            assert!(!text.contains(word), "{} mentions {word}", file.display());
        }
    }
}

#[test]
fn unsafe_lives_in_linalg_only() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    for file in files.iter().filter(|file| !file.starts_with("src/linalg")) {
        let text = std::fs::read_to_string(file).expect("readable");
        assert!(!text.contains("unsafe {") && !text.contains("allow(unsafe"), "{}", file.display());
    }
}
