//! `cargo xtask bench store`: the storage of the hub beside other time series databases, on this machine and in one run.
//!
//! A mesh of nodes is made up, the same in every run, and its requests are prepared beforehand. Each engine is started
//! alone with an empty folder, takes the same requests, settles, and answers the same questions.

mod answer;
mod engine;
mod export;
mod figures;
mod host;
mod http;
mod ingest;
mod latency;
mod mesh;
mod month;
mod noise;
mod options;
mod path;
mod payload;
pub(crate) mod procfs;
mod question;
mod report;
mod server;
mod strangers;
mod wire;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::interrupt;
use crate::workspace::Workspace;
use engine::Engine;
use figures::Figures;
use payload::Payload;

pub(crate) use options::Options;

/// Measures the chosen engines and prints and keeps the figures.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(Path::new("/proc/self/io").exists(), "bench store reads /proc, which only Linux has");
    interrupt::watch()?;
    let workspace = Workspace::open();
    let engines = present(&workspace, options);
    ensure!(!engines.is_empty(), "there is no engine to measure");
    let dir = workspace.target.join("bench");
    std::fs::create_dir_all(&dir).with_context(|| format!("could not make {}", dir.display()))?;

    // Beside the build and not in the system's temporary folder, which may lie in memory.
    let temporary = || tempfile::Builder::new().prefix("store-").tempdir_in(&dir).context("could not make a folder");
    let prepared = temporary()?;
    eprintln!("bench: preparing {} minutes of data", options.minutes);
    let payload = Payload::prepare(prepared.path(), options)?;
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    let netloom = engines.iter().find(|(engine, _)| *engine == Engine::Netloom).cloned();
    for (engine, program) in engines {
        eprintln!("bench: {} ({})", engine.name(), program.display());
        let home = temporary()?;
        match Figures::measure(engine, &program, &payload, home.path()) {
            Ok(figures) => all.push(figures),
            Err(error) => failures.push(format!("{}: {error:#}", engine.name())),
        }
        interrupt::check()?;
    }
    if !all.is_empty() {
        print(&payload, &all);
        write(&dir.join("store.json"), &payload, &all)?;
    }
    if let Some((engine, program)) = netloom {
        eprintln!("bench: {}, a month of summaries", engine.name());
        let measured = month::run(&program, temporary()?.path());
        failures.extend(measured.err().map(|error| format!("{}, month: {error:#}", engine.name())));
    }
    failures.extend(all.iter().flat_map(|figures| figures.failures.iter().cloned()));
    if !failures.is_empty() {
        bail!("could not measure everything:\n  {}", failures.join("\n  "));
    }
    Ok(())
}

/// The chosen engines that this machine has.
fn present(workspace: &Workspace, options: &Options) -> Vec<(Engine, PathBuf)> {
    let mut present = Vec::new();
    for engine in &options.engines {
        match engine.program(workspace) {
            Some(program) => present.push((*engine, program)),
            None => eprintln!("bench: {} is not here and left out ({})", engine.name(), engine.advice()),
        }
    }
    present
}

fn print(payload: &Payload, all: &[Figures]) {
    let (samples, connections) = (report::grouped(payload.samples() as f64), payload.connections());
    let minutes = payload.seconds / 60;
    println!(
        "{} series, {minutes} min at one second, {samples} samples, {connections} connection(s)\n",
        payload.series
    );
    println!("{}\n", report::table(all));
    for figures in all {
        println!("{} answered: {}", figures.engine.name(), report::answers(figures));
    }
    for disagreement in report::disagreements(all) {
        println!("different answers to {disagreement}");
    }
}

/// Keeps the figures for programs.
fn write(path: &Path, payload: &Payload, all: &[Figures]) -> Result<()> {
    let engines: Map<String, Value> =
        all.iter().map(|figures| (figures.engine.name().to_owned(), figures.json())).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let document = json!({
        "cores": cores,
        "data_end_ms": payload.end_ms,
        "minutes": payload.seconds / 60,
        "series": payload.series,
        "samples": payload.samples(),
        "connections": payload.connections(),
        "engines": engines,
    });
    std::fs::write(path, format!("{document:#}\n")).with_context(|| format!("could not write {}", path.display()))?;
    println!("\n{}", path.display());
    Ok(())
}
