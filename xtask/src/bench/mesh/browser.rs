//! The page of all pairs in a real browser, while nodes report.

use anyhow::Result;

use super::{Options, load};
use crate::node::{self, Packages};
use crate::workspace::Workspace;
use crate::{chromium, process, server};

/// Measures and prints. The table says itself what is missed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    let browser = chromium::require()?;
    let load = load::build(workspace, "mesh_load")?;
    let dir = workspace.browser_tests();
    let mut bench = node::node(&dir);
    bench.arg("mesh-bench.mjs").env("NETLOOM_LOAD", load).env("BENCH_SECONDS", options.seconds.to_string());
    if std::env::var_os("NETLOOM_BIN").is_none() {
        server::build_with_client(workspace)?;
        bench.env("NETLOOM_BIN", workspace.binary());
    }
    Packages::install(&dir)?;
    process::run(bench.env("NETLOOM_CHROMIUM", browser))?;
    Ok(true)
}
