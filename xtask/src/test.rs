//! `cargo xtask test`.

use std::process::Command;

use anyhow::Result;

use crate::args::Part;
use crate::node::{self, Packages};
use crate::workspace::Workspace;
use crate::{chromium, process, server};

/// Tests probe this machine only, whatever its gateway and name servers are, and nothing fires because its disk is full.
const SETTINGS: [(&str, &str); 2] =
    [("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false"), ("NETLOOM_SETTINGS__ALERTS__DISK__ENABLED", "false")];

/// The longest one browser test may take, ms: a page that hangs fails, and holds nobody up.
const BROWSER_TEST_LIMIT_MS: u32 = 120_000;

/// Runs the chosen tests.
pub(crate) fn run(part: Part) -> Result<()> {
    let workspace = Workspace::open();
    // What is missing is said before minutes of compiling, not after.
    let browser = if part == Part::Rust { None } else { Some(chromium::require()?) };
    // Tests of both kinds start the program as people get it.
    server::build_with_client(&workspace)?;
    if part != Part::Browser {
        rust(&workspace)?;
    }
    if let Some(browser) = browser {
        charts(&workspace)?;
        in_browser(&workspace, &browser)?;
    }
    Ok(())
}

/// The tests of all crates; the build tool's own are separate because it is no default member.
fn rust(workspace: &Workspace) -> Result<()> {
    for package in [&[][..], &["--package", "xtask"]] {
        eprintln!("test: cargo test {}", package.join(" "));
        let mut cargo = process::cargo();
        cargo.args(["test", "--locked"]).args(package).env("NETLOOM_BIN", workspace.binary());
        cargo.envs(SETTINGS);
        process::run(cargo.current_dir(&workspace.root))?;
    }
    Ok(())
}

/// The parts of the chart bridge that need no browser.
fn charts(workspace: &Workspace) -> Result<()> {
    eprintln!("test: charts");
    let dir = workspace.frontend();
    let tests = node::files(&dir.join("charts"), ".test.mjs")?;
    process::run(node::node(&dir).arg("--test").args(tests))
}

/// The pages of the release binary in a real browser, one file after the other because each starts its own hub.
fn in_browser(workspace: &Workspace, browser: &std::path::Path) -> Result<()> {
    eprintln!("test: browser");
    let dir = workspace.browser_tests();
    Packages::install(&dir)?;
    let mut tests: Command = node::node(&dir);
    let limit = format!("--test-timeout={BROWSER_TEST_LIMIT_MS}");
    tests.args(["--test", "--test-concurrency=1", &limit]).args(node::files(&dir, ".test.mjs")?);
    tests.env("NETLOOM_BIN", workspace.binary()).env("NETLOOM_CHROMIUM", browser);
    process::run(tests.envs(SETTINGS))
}
