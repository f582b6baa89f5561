//! Everything of the client that is not WebAssembly.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::fingerprint::Fingerprint;
use super::stage::{self, Made};
use crate::node::Packages;
use crate::process;
use crate::workspace::Workspace;

/// The licences of the bundled JavaScript: the name they are served under, and where the package keeps them.
const LICENSES: [(&str, &str); 4] = [
    ("ECHARTS-LICENSE", "echarts/LICENSE"),
    ("ECHARTS-NOTICE", "echarts/NOTICE"),
    ("ZRENDER-LICENSE", "zrender/LICENSE"),
    ("TSLIB-LICENSE", "tslib/LICENSE.txt"),
];

/// Bundles the chart library and the bridge to it as one classic script.
///
/// It is no module, because it has to be there before the WebAssembly module starts.
pub(crate) fn charts(workspace: &Workspace, packages: &Packages) -> Result<PathBuf> {
    let source = workspace.frontend().join("charts");
    let flags = [
        "--bundle",
        "--minify",
        "--format=iife",
        "--target=es2022",
        "--legal-comments=none",
        "--define:process.env.NODE_ENV=\"production\"",
        "--log-level=warning",
    ];
    let inputs = inputs(workspace)?.folder(&source)?.text(&flags.join(" "));
    stage::refresh(workspace, "charts", &inputs.finish(), |dir| {
        eprintln!("client: bundling the charts");
        let mut esbuild = packages.program("esbuild");
        esbuild.arg(source.join("index.js")).args(flags);
        process::run(esbuild.arg(format!("--outfile={}", dir.join("charts.js").display())))?;
        Ok(Made::Final)
    })
}

/// Bundles the style sheet and its partials.
pub(crate) fn style(workspace: &Workspace, packages: &Packages) -> Result<PathBuf> {
    let source = workspace.root.join("style");
    let main = source.join("main.css");
    if !main.is_file() {
        bail!("style/main.css is missing: the pages need a style sheet");
    }
    let inputs = inputs(workspace)?.folder(&source)?;
    stage::refresh(workspace, "style", &inputs.finish(), |dir| {
        eprintln!("client: bundling the style sheet");
        let mut esbuild = packages.program("esbuild");
        esbuild.arg(&main).args(["--bundle", "--minify", "--target=chrome120,firefox121,safari17.4"]);
        esbuild.args(["--legal-comments=none", "--log-level=warning"]);
        process::run(esbuild.arg(format!("--outfile={}", dir.join("style.css").display())))?;
        Ok(Made::Final)
    })
}

/// Takes over the icon of the browser's tab.
pub(crate) fn icon(workspace: &Workspace) -> Result<PathBuf> {
    let source = workspace.frontend().join("favicon.svg");
    let inputs = inputs(workspace)?.file(&source)?;
    stage::refresh(workspace, "icon", &inputs.finish(), |dir| {
        std::fs::copy(&source, dir.join("favicon.svg")).context("could not copy the icon")?;
        Ok(Made::Final)
    })
}

/// Collects the licences that have to travel with the bundled JavaScript.
pub(crate) fn licenses(workspace: &Workspace) -> Result<PathBuf> {
    let packages = workspace.frontend().join("node_modules");
    stage::refresh(workspace, "licenses", &inputs(workspace)?.finish(), |dir| {
        for (name, source) in LICENSES {
            std::fs::copy(packages.join(source), dir.join(name)).with_context(|| format!("could not copy {source}"))?;
        }
        Ok(Made::Final)
    })
}

/// What every asset depends on: the versions of the packages and how files are compressed.
fn inputs(workspace: &Workspace) -> Result<Fingerprint> {
    let frontend = workspace.frontend();
    Fingerprint::new().file(&frontend.join("package-lock.json"))?.file(&frontend.join("compress.mjs"))
}
