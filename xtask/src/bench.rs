//! `cargo xtask bench`.

use anyhow::Result;

use crate::node::{self, Packages};
use crate::workspace::Workspace;
use crate::{chromium, process, server};

/// Builds everything and measures it in a browser.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::open();
    let browser = chromium::require()?;
    server::build_with_client(&workspace)?;
    let dir = workspace.browser_tests();
    Packages::install(&dir)?;
    let mut bench = node::node(&dir);
    bench.arg("bench.mjs").env("NETLOOM_BIN", workspace.binary()).env("NETLOOM_CHROMIUM", browser);
    process::run(&mut bench)
}
