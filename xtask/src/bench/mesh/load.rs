//! The program that plays nodes and browsers, built for release.

use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Builds the one of that name and returns where it is.
pub(crate) fn build(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    eprintln!("bench: compiling the load");
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--release", "--package", "netloom-tests", "--example", name]);
    process::run(cargo.current_dir(&workspace.root))?;
    Ok(workspace.target.join(format!("release/examples/{name}{}", std::env::consts::EXE_SUFFIX)))
}
