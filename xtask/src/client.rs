//! The client: WebAssembly, charts and style sheet, made into the folder the server embeds.

mod asset;
pub(crate) mod fingerprint;
mod site;
mod stage;
mod wasm;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result};

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
    let _alone = lock(workspace)?;
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

/// Waits until no other build works on the client; two at once would take each other's folders away.
fn lock(workspace: &Workspace) -> Result<File> {
    let dir = workspace.root.join("target/client");
    std::fs::create_dir_all(&dir).with_context(|| format!("could not make {}", dir.display()))?;
    let file = File::create(dir.join(".lock")).context("could not make the lock of the client's build")?;
    file.lock().context("could not wait for another build of the client")?;
    Ok(file)
}
