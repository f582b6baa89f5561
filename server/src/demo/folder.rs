//! The data folder of a demo: a temporary one, or one that holds nothing but a demo's data.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tempfile::TempDir;

/// In a data folder, that a demo made it.
const MARK: &str = "demo";

/// The folder; a temporary one is gone with this.
pub(super) struct Folder {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl Folder {
    /// The folder that was chosen, or a temporary one.
    ///
    /// # Errors
    /// When it cannot be made, or holds what is no demo's: made-up nodes do not belong among real ones.
    pub(super) fn open(chosen: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = chosen else {
            let temporary = tempfile::Builder::new().prefix("netloom-demo-").tempdir();
            let temporary = temporary.context("cannot make a temporary folder")?;
            return Ok(Self { path: temporary.path().to_owned(), _temporary: Some(temporary) });
        };
        let shown = path.display();
        std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {shown}"))?;
        let is_empty = || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        let is_ours = path.join(MARK).exists() || is_empty();
        ensure!(is_ours, "{shown} holds something that no demo made: choose an empty folder");
        std::fs::write(path.join(MARK), "").with_context(|| format!("cannot write into {shown}"))?;
        Ok(Self { path: path.to_owned(), _temporary: None })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_takes_its_own_folder_and_no_other() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("new");
        assert_eq!(Folder::open(Some(&path)).expect("is made").path(), path);
        std::fs::write(path.join("netloom.db"), "").expect("written");
        assert!(Folder::open(Some(&path)).is_ok(), "its own");
        std::fs::write(parent.path().join("netloom.db"), "").expect("written");
        let refused = Folder::open(Some(parent.path())).err().expect("is another's").to_string();
        assert!(refused.contains("no demo made"), "{refused}");
    }

    #[test]
    fn a_temporary_folder_is_gone_in_the_end() {
        let folder = Folder::open(None).expect("is made");
        let path = folder.path().to_owned();
        assert!(path.exists());
        drop(folder);
        assert!(!path.exists());
    }
}
