//! Writing files so that nothing is ever half-written.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// A directory that is known to be writable, before work is done that would be lost otherwise.
#[derive(Debug)]
pub(super) struct OutputDirectory {
    path: PathBuf,
}

impl OutputDirectory {
    /// Tries the directory, or, if it is missing, the nearest one above it that is there. Leaves nothing behind.
    pub fn prepare(path: &Path) -> anyhow::Result<Self> {
        let problem = || format!("{}: this directory cannot be written; choose another with --out", path.display());
        let here = Path::new(".");
        let mut ancestors = path.ancestors().map(|above| if above.as_os_str().is_empty() { here } else { above });
        let existing = ancestors.find(|above| above.symlink_metadata().is_ok()).unwrap_or(here);
        // The name of the temporary file is nobody's business: the kind of the error says enough.
        NamedTempFile::new_in(existing).map_err(|error| std::io::Error::from(error.kind())).with_context(problem)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Writes all files under temporary names, checks that no directory is in the way of one, then renames them. Only a failing
    /// rename (a disk pulled out) can leave some files new and some old, each of them whole.
    pub fn write<'a>(&self, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> anyhow::Result<Vec<PathBuf>> {
        std::fs::create_dir_all(&self.path).with_context(|| format!("{}: cannot be created", self.path.display()))?;
        let mut written = Vec::new();
        for (name, text) in files {
            let target = self.path.join(name);
            let problem = || format!("{}: cannot be written", target.display());
            anyhow::ensure!(
                !target.is_dir() && target.parent().is_some_and(Path::is_dir),
                "{}: a directory is in the way",
                target.display()
            );
            let mut temporary = NamedTempFile::new_in(&self.path).with_context(problem)?;
            temporary.write_all(text.as_bytes()).with_context(problem)?;
            permit_reading(&temporary).with_context(problem)?;
            written.push((temporary, target));
        }
        let mut paths = Vec::new();
        for (temporary, target) in written {
            temporary.persist(&target).with_context(|| format!("{}: cannot be written", target.display()))?;
            paths.push(target);
        }
        Ok(paths)
    }
}

/// A file that is known to be writable, before work is done that would be lost otherwise.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
}

impl OutputFile {
    /// Tries the file's directory. Leaves nothing behind.
    pub fn prepare(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        // Renaming over a device or a pipe would replace it.
        anyhow::ensure!(
            path.is_file() || !path.exists(),
            "{shown}: this is not a regular file; name one, or a new one"
        );
        let problem = || format!("{shown}: cannot be written; its directory must exist and be writable");
        NamedTempFile::new_in(directory(path))
            .map_err(|error| std::io::Error::from(error.kind()))
            .with_context(problem)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Writes the text under a temporary name and renames it.
    pub fn write(&self, text: &str) -> anyhow::Result<PathBuf> {
        let problem = || format!("{}: cannot be written", self.path.display());
        let mut temporary = NamedTempFile::new_in(directory(&self.path)).with_context(problem)?;
        temporary.write_all(text.as_bytes()).with_context(problem)?;
        permit_reading(&temporary).with_context(problem)?;
        temporary.persist(&self.path).with_context(problem)?;
        Ok(self.path.clone())
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Temporary files are private; a report is as readable as any other file.
#[cfg(unix)]
fn permit_reading(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn permit_reading(_file: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_or_none() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let path = parent.path().join("a/b");
        let directory = OutputDirectory::prepare(&path).expect("writable");
        directory.write([("x", "old")]).expect("writable");
        // The second name is a directory that does not exist: nothing of the first may change.
        directory.write([("x", "new"), ("missing/y", "text")]).expect_err("no such directory");
        let text = std::fs::read_to_string(path.join("x")).expect("written before");
        assert_eq!(text, "old");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let file = parent.path().join("file");
        std::fs::write(&file, "").expect("writable");
        let error = OutputDirectory::prepare(&file.join("below")).expect_err("a file is in the way");
        assert!(format!("{error:#}").contains("file/below"));
    }
}
