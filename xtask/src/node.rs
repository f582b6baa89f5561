//! Node and the npm packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::client::fingerprint::Fingerprint;
use crate::process;

/// The oldest Node whose test runner and `zlib` the scripts rely on.
const OLDEST_NODE_MAJOR: u32 = 20;

/// One folder with a `package.json` whose packages are installed.
#[derive(Debug)]
pub(crate) struct Packages {
    dir: PathBuf,
}

impl Packages {
    /// Installs the packages exactly as the lock file says, unless that was done before.
    pub(crate) fn install(dir: &Path) -> Result<Self> {
        require_node()?;
        let lock_path = dir.join("package-lock.json");
        let lock = std::fs::read(&lock_path).with_context(|| format!("could not read {}", lock_path.display()))?;
        let stamp_path = dir.join("node_modules/.netloom-stamp");
        let stamp = Fingerprint::new().bytes(&lock).text(std::env::consts::OS).text(std::env::consts::ARCH).finish();
        if std::fs::read_to_string(&stamp_path).is_ok_and(|old| old == stamp) {
            return Ok(Self { dir: dir.to_owned() });
        }
        eprintln!("npm: installing the packages of {}", dir.file_name().unwrap_or_default().display());
        // No package here needs its install script, so none gets to run one.
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]);
        process::run(npm.current_dir(dir)).context(
            "could not install the npm packages: check that npm is installed and can reach its registry (npm ping)",
        )?;
        std::fs::write(&stamp_path, stamp).with_context(|| format!("could not write {}", stamp_path.display()))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// A program that came with one of the packages, started in their folder.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.dir.join("node_modules/.bin").join(name));
        command.current_dir(&self.dir);
        command
    }
}

/// Node itself, started in the given folder.
pub(crate) fn node(dir: &Path) -> Command {
    let mut command = Command::new("node");
    command.current_dir(dir);
    command
}

/// All files in a folder whose names end in `suffix`, in a stable order.
pub(crate) fn files(dir: &Path, suffix: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("could not list {}", dir.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("could not list {}", dir.display()))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(suffix)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Fails with what to do when Node is missing or too old.
fn require_node() -> Result<()> {
    let advice = format!(
        "the client is bundled with Node: install Node {OLDEST_NODE_MAJOR} or newer and npm (Debian: apt-get install nodejs npm)"
    );
    let version = process::output(Command::new("node").arg("--version")).context(advice.clone())?;
    match major(&version) {
        Some(major) if major >= OLDEST_NODE_MAJOR => Ok(()),
        _ => bail!("node {} is too old: {advice}", version.trim()),
    }
}

/// The first number of `v20.1.0`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v9.1.0"), Some(9));
        assert_eq!(major("node"), None);
    }

    #[test]
    fn files_are_found_by_their_end_and_sorted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.test.mjs", "a.test.mjs", "harness.mjs"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> = files(dir.path(), ".test.mjs").unwrap();
        assert_eq!(names, [dir.path().join("a.test.mjs"), dir.path().join("b.test.mjs")]);
    }
}
