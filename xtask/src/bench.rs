//! `cargo xtask bench`.

pub(crate) mod alerts;
pub(crate) mod mesh;
pub(crate) mod probes;
mod seconds;
pub(crate) mod store;

use anyhow::Result;

use crate::args::Bench;
use crate::node::{self, Packages};
use crate::workspace::Workspace;
use crate::{chromium, process, server};

/// Measures what was asked for.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Browser => browser(),
        Bench::Store(options) => store::run(options),
        Bench::Mesh(options) => mesh::run(options),
        Bench::Alerts(options) => alerts::run(options),
        Bench::Probes(options) => probes::run(options),
    }
}

/// Builds everything and measures it in a browser.
fn browser() -> Result<()> {
    let workspace = Workspace::open();
    let browser = chromium::require()?;
    server::build_with_client(&workspace)?;
    let dir = workspace.browser_tests();
    Packages::install(&dir)?;
    let mut bench = node::node(&dir);
    bench.arg("bench.mjs").env("NETLOOM_BIN", workspace.binary()).env("NETLOOM_CHROMIUM", browser);
    process::run(&mut bench)
}
