//! The client: WebAssembly, charts and style sheet, made into the folder the server embeds.

mod asset;
pub(crate) mod fingerprint;
mod site;
mod stage;
mod wasm;

use std::path::PathBuf;

use anyhow::Result;

use crate::node::Packages;
use crate::workspace::Workspace;

/// What to do when the WebAssembly optimiser cannot run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Optimiser {
    /// Go on with a larger file and say so.
    Wanted,
    /// Fail: the file is going to be handed out.
    Required,
}

/// Builds the client, redoing only what changed, and returns the folder with its files.
pub(crate) fn build(workspace: &Workspace, optimiser: Optimiser) -> Result<PathBuf> {
    let packages = Packages::install(&workspace.frontend())?;
    let parts = [
        wasm::build(workspace, &packages, optimiser)?,
        asset::charts(workspace, &packages)?,
        asset::style(workspace, &packages)?,
        asset::icon(workspace)?,
    ];
    let licenses = asset::licenses(workspace)?;
    site::assemble(&workspace.site(), &parts, &licenses)
}
