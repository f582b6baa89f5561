//! The program that plays nodes and browsers, built for release.

use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Builds it and returns where it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    eprintln!("bench: compiling the load");
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--release", "--package", "netloom-tests", "--example", "mesh_load"]);
    process::run(cargo.current_dir(&workspace.root))?;
    Ok(workspace.target.join(format!("release/examples/mesh_load{}", std::env::consts::EXE_SUFFIX)))
}
