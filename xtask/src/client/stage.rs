//! A build step that is skipped when nothing it reads has changed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::node;
use crate::workspace::Workspace;

/// The file in a finished stage that holds the fingerprint of its inputs.
const STAMP: &str = ".stamp";

/// Whether a made stage may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// Complete: use it until its inputs change.
    Final,
    /// Good enough for now: make it again next time.
    MakeDo,
}

/// Returns the folder of a stage, made anew when its fingerprint differs from the one it was made with.
///
/// `fill` fills an empty folder, which takes the place of the old one only when it succeeded, and every file in it is
/// compressed for the browsers that accept that.
pub(crate) fn refresh(
    workspace: &Workspace,
    name: &str,
    fingerprint: &str,
    fill: impl FnOnce(&Path) -> Result<Made>,
) -> Result<PathBuf> {
    let dir = workspace.root.join("target/client").join(name);
    if std::fs::read_to_string(dir.join(STAMP)).is_ok_and(|old| old == fingerprint) {
        return Ok(dir);
    }
    let fresh = dir.with_extension("new");
    empty(&fresh)?;
    let made = fill(&fresh)?;
    compress(workspace, &fresh)?;
    if made == Made::Final {
        std::fs::write(fresh.join(STAMP), fingerprint)?;
    }
    replace(&dir, &fresh)?;
    Ok(dir)
}

/// All files of a finished stage, in a stable order.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = node::files(dir, "")?;
    files.retain(|file| !file.ends_with(STAMP));
    Ok(files)
}

/// Makes a folder that exists and is empty.
pub(crate) fn empty(dir: &Path) -> Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("could not empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("could not make {}", dir.display()))
}

/// Puts the folder `fresh` in the place of `dir`, so that nobody ever sees a half-written one.
pub(crate) fn replace(dir: &Path, fresh: &Path) -> Result<()> {
    let old = dir.with_extension("old");
    if dir.exists() {
        empty(&old)?;
        std::fs::rename(dir, &old).with_context(|| format!("could not move {} away", dir.display()))?;
    }
    std::fs::rename(fresh, dir).with_context(|| format!("could not put {} in place", dir.display()))?;
    if old.exists() {
        std::fs::remove_dir_all(&old).with_context(|| format!("could not remove {}", old.display()))?;
    }
    Ok(())
}

/// Writes a brotli and a gzip version beside every file.
fn compress(workspace: &Workspace, dir: &Path) -> Result<()> {
    let script = workspace.frontend().join("compress.mjs");
    let mut command = node::node(&workspace.root);
    crate::process::run(command.arg(script).args(files(dir)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_leaves_exactly_the_fresh_folder() {
        let parent = tempfile::tempdir().unwrap();
        let (dir, fresh) = (parent.path().join("site"), parent.path().join("site.new"));
        for content in ["1", "2"] {
            empty(&fresh).unwrap();
            std::fs::write(fresh.join(content), content).unwrap();
            replace(&dir, &fresh).unwrap();
            assert_eq!(files(&dir).unwrap(), [dir.join(content)]);
        }
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
