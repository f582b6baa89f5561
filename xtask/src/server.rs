//! The release binary.

use anyhow::Result;

use crate::client::{self, Optimiser};
use crate::process;
use crate::workspace::Workspace;

/// Builds the client and then the binary that embeds it.
pub(crate) fn build_with_client(workspace: &Workspace) -> Result<()> {
    client::build(workspace, Optimiser::Wanted)?;
    build(workspace)
}

/// Builds the release binary with the client that is there.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    eprintln!("server: compiling");
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--release", "--package", "netloom-server", "--bin", "netloom"]);
    process::run(cargo.current_dir(&workspace.root))
}
