//! The agent without the hub, built for release in a folder of its own: the binary that is handed out stays as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// As small as it gets.
const PROFILE: &str = "lean";

/// Builds it and returns where it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    eprintln!("bench: compiling the agent without the hub");
    let target = workspace.target.join("lean");
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--profile", PROFILE, "--package", "netloom-server", "--bin", "netloom"]);
    cargo.arg("--no-default-features").arg("--target-dir").arg(&target);
    process::run(cargo.current_dir(&workspace.root))?;
    Ok(target.join(PROFILE).join(format!("netloom{}", std::env::consts::EXE_SUFFIX)))
}

/// Bytes of the binary without symbols; as it is where there is no `strip`.
pub(crate) fn stripped_bytes(binary: &Path) -> Result<u64> {
    let stripped = binary.with_extension("stripped");
    let bytes = |path: &Path| {
        std::fs::metadata(path).map(|file| file.len()).with_context(|| format!("could not read {}", path.display()))
    };
    if process::find("strip").is_none() {
        return bytes(binary);
    }
    process::run(Command::new("strip").arg("-o").arg(&stripped).arg(binary))?;
    let size = bytes(&stripped);
    std::fs::remove_file(&stripped).context("could not remove the copy")?;
    size
}
