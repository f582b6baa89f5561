//! The WebAssembly module and the JavaScript that loads it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use wasm_bindgen_cli_support::Bindgen;

use super::Optimiser;
use super::fingerprint::Fingerprint;
use super::stage::{self, Made};
use crate::budget::readable;
use crate::node::{self, Packages};
use crate::process;
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// The name of the output files; the server's pages refer to `netloom.js` and `netloom_bg.wasm`.
const OUT_NAME: &str = "netloom";

/// The compiler uses these features of WebAssembly, and the optimiser has to be told.
const WASM_OPT: [&str; 8] = [
    "-Oz",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Compiles the client and returns the folder with `netloom.js` and `netloom_bg.wasm`.
pub(crate) fn build(workspace: &Workspace, packages: &Packages, optimiser: Optimiser) -> Result<PathBuf> {
    require_target()?;
    let compiled = compile(workspace)?;
    let fingerprint = Fingerprint::new()
        .file(&compiled)?
        .file(&workspace.root.join("xtask/Cargo.toml"))?
        .file(&workspace.frontend().join("package-lock.json"))?
        .file(&workspace.frontend().join("compress.mjs"))?
        // How it is made.
        .text(include_str!("wasm.rs"))
        .finish();
    stage::refresh(workspace, "wasm", &fingerprint, |dir| {
        let raw = dir.join("raw");
        let main = split(&compiled, &raw)?;
        bindgen(&main, &raw)?;
        minify(packages, &raw, dir)?;
        let made = optimise(packages, &raw, dir, optimiser)?;
        std::fs::remove_dir_all(&raw)?;
        Ok(made)
    })
}

/// Adds the compiler's wasm32 target when it is missing.
fn require_target() -> Result<()> {
    let sysroot = process::output(std::process::Command::new("rustc").args(["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).exists() {
        return Ok(());
    }
    eprintln!("client: adding the {TARGET} target");
    process::run(std::process::Command::new("rustup").args(["target", "add", TARGET]))
        .with_context(|| format!("install the {TARGET} target of your Rust toolchain"))
}

/// Runs the compiler and returns the module it wrote.
fn compile(workspace: &Workspace) -> Result<PathBuf> {
    eprintln!("client: compiling");
    let mut cargo = process::cargo();
    cargo.args(["build", "--locked", "--package", "netloom-frontend", "--target", TARGET, "--profile", "wasm-release"]);
    process::run(cargo.current_dir(&workspace.root))?;
    Ok(workspace.target.join(TARGET).join("wasm-release/netloom_frontend.wasm"))
}

/// Takes the pages that are loaded when they are opened out of the module. Returns what is left; the parts and the script that
/// loads them are beside it.
fn split(compiled: &Path, raw: &Path) -> Result<PathBuf> {
    eprintln!("client: taking pages apart");
    let module = std::fs::read(compiled).with_context(|| format!("could not read {}", compiled.display()))?;
    let (main, loader) = (raw.join("main.wasm"), format!("./{OUT_NAME}.js"));
    let mut options = wasm_split_cli_support::Options::new(&module);
    (options.output_dir, options.main_out_path, options.main_module) = (raw, &main, &loader);
    wasm_split_cli_support::transform(options).map_err(|error| anyhow!("wasm-split failed: {error:#}"))?;
    Ok(main)
}

/// Writes the module's JavaScript side.
fn bindgen(compiled: &Path, out: &Path) -> Result<()> {
    eprintln!("client: binding to the browser");
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).out_name(OUT_NAME).typescript(false).remove_producers_section(true);
    // The parts share the table of functions and the memory of the main module.
    bindgen.keep_lld_exports(true);
    bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(out))
        .map_err(|error| anyhow!("wasm-bindgen failed: {error:#}"))
}

/// Makes one small module of the loader and the snippets that crates brought along.
fn minify(packages: &Packages, raw: &Path, dir: &Path) -> Result<()> {
    let mut esbuild = packages.program("esbuild");
    esbuild.arg(raw.join(format!("{OUT_NAME}.js")));
    esbuild.args(["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning"]);
    process::run(esbuild.arg(format!("--outfile={}", dir.join(format!("{OUT_NAME}.js")).display())))
}

/// Shrinks the modules.
fn optimise(packages: &Packages, raw: &Path, dir: &Path, optimiser: Optimiser) -> Result<Made> {
    let mut made = Made::Final;
    for input in node::files(raw, ".wasm")? {
        let name = input.file_name().unwrap_or_default().to_owned();
        if name != "main.wasm" && shrink(packages, &input, &dir.join(name), optimiser)? == Made::MakeDo {
            made = Made::MakeDo;
        }
    }
    Ok(made)
}

fn shrink(packages: &Packages, input: &Path, output: &Path, optimiser: Optimiser) -> Result<Made> {
    let mut command = packages.program("wasm-opt");
    command.arg(input).args(WASM_OPT).arg("-o").arg(output);
    eprintln!("client: optimising {}", readable(std::fs::metadata(input)?.len()));
    match process::run(&mut command) {
        Ok(()) => {
            eprintln!("client: optimised to {}", readable(std::fs::metadata(output)?.len()));
            Ok(Made::Final)
        }
        Err(error) if optimiser == Optimiser::Required => {
            bail!("{error:#}: the client is not handed out unoptimised (remove frontend/node_modules and try again)")
        }
        Err(error) => {
            eprintln!("warning: {error:#}: going on with a larger client");
            std::fs::copy(input, output)?;
            Ok(Made::MakeDo)
        }
    }
}
