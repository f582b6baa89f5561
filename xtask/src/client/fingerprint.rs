//! Knowing whether inputs changed.

use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use anyhow::{Context, Result};

/// A hash over everything a build step reads; equal fingerprints mean the step need not run again.
#[derive(Debug, Default)]
pub(crate) struct Fingerprint(DefaultHasher);

impl Fingerprint {
    /// The fingerprint of nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds some bytes; their length is added too, so that neighbours cannot run into each other.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.write_usize(bytes.len());
        self.0.write(bytes);
        self
    }

    /// Adds a piece of text, for example a version or a flag.
    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds the contents of a file.
    pub(crate) fn file(self, path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
        Ok(self.bytes(&bytes))
    }

    /// Adds the names and contents of all files in a folder and the folders in it.
    pub(crate) fn folder(mut self, dir: &Path) -> Result<Self> {
        let entries = std::fs::read_dir(dir).with_context(|| format!("could not list {}", dir.display()))?;
        let mut entries = entries.collect::<std::io::Result<Vec<_>>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            self = self.text(&entry.file_name().to_string_lossy());
            self = if entry.file_type()?.is_dir() { self.folder(&entry.path())? } else { self.file(&entry.path())? };
        }
        Ok(self)
    }

    /// The fingerprint as sixteen hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_do_not_run_into_each_other() {
        let one = Fingerprint::new().text("ab").text("c").finish();
        let other = Fingerprint::new().text("a").text("bc").finish();
        assert_ne!(one, other);
        assert_eq!(one, Fingerprint::new().text("ab").text("c").finish());
        assert_eq!(one.len(), 16);
    }

    #[test]
    fn a_renamed_or_changed_file_changes_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let of = || Fingerprint::new().folder(dir.path()).unwrap().finish();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/a"), "1").unwrap();
        let first = of();
        assert_eq!(first, of());
        std::fs::write(dir.path().join("sub/a"), "2").unwrap();
        let second = of();
        assert_ne!(first, second);
        std::fs::rename(dir.path().join("sub/a"), dir.path().join("sub/b")).unwrap();
        assert_ne!(second, of());
    }
}
