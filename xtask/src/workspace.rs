//! Where things lie.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The directories the build reads and writes.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// The workspace this tool was compiled in.
    pub(crate) fn open() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.parent().expect("the package lies in a folder of the workspace").to_owned();
        let target = target(&root, std::env::var_os("CARGO_TARGET_DIR"));
        Self { root, target }
    }

    /// The npm package of the client.
    pub(crate) fn frontend(&self) -> PathBuf {
        self.root.join("frontend")
    }

    /// The npm package of the browser tests.
    pub(crate) fn browser_tests(&self) -> PathBuf {
        self.root.join("tests/browser")
    }

    /// The finished client, embedded by the server; its place is fixed because the server names it at compile time.
    pub(crate) fn site(&self) -> PathBuf {
        self.root.join("target/site")
    }

    /// The release binary.
    pub(crate) fn binary(&self) -> PathBuf {
        self.target.join("release").join(format!("netloom{}", std::env::consts::EXE_SUFFIX))
    }
}

/// Cargo's target directory; a relative setting counts from the root, where cargo is run.
fn target(root: &Path, setting: Option<OsString>) -> PathBuf {
    setting.map_or_else(|| root.join("target"), |dir| root.join(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_directory_follows_the_setting() {
        let root = Path::new("/w");
        assert_eq!(target(root, None), Path::new("/w/target"));
        assert_eq!(target(root, Some("out".into())), Path::new("/w/out"));
        assert_eq!(target(root, Some("/tmp/out".into())), Path::new("/tmp/out"));
    }
}
