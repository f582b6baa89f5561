//! `cargo xtask bench probes`: what reading counters, probing many targets and looking at everything costs, part by part.

mod counters;
mod diagnosis;
mod link;
mod options;
mod targets;
mod throughput;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::mesh::lean;
use crate::interrupt;
use crate::workspace::Workspace;

pub(crate) use options::{Options, Part};

/// What measures a part. It prints its figures, and returns whether every target is met.
type Measure = fn(&Workspace, &Path, &Options) -> Result<bool>;

/// The parts in the order in which they are measured.
const PARTS: [(Part, Measure); 4] = [
    (Part::Counters, |workspace, _, _| counters::run(workspace)),
    (Part::Targets, |_, binary, options| targets::run(binary, options.seconds)),
    (Part::Diagnosis, |_, binary, _| diagnosis::run(binary)),
    (Part::Throughput, |_, binary, _| throughput::run(binary)),
];

/// Measures what was asked for, or everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(Path::new("/proc/self/schedstat").exists(), "bench probes reads /proc, which only Linux has");
    interrupt::watch()?;
    let workspace = Workspace::open();
    // The binary of a release, so that what is measured is what runs.
    let binary: PathBuf = match std::env::var_os("NETLOOM_BIN") {
        Some(binary) => binary.into(),
        None => lean::build(&workspace)?,
    };
    let wanted = |part: Part| options.part.is_none_or(|wanted| wanted == part);
    let mut missed = Vec::new();
    for (part, measure) in PARTS.iter().filter(|(part, _)| wanted(*part)) {
        // One that cannot be measured does not keep the others from it.
        match measure(&workspace, &binary, options) {
            Ok(true) => {}
            Ok(false) => missed.push(format!("{}: not every target is met", part.word())),
            Err(error) => missed.push(format!("{}: {error:#}", part.word())),
        }
        interrupt::check()?;
    }
    if !missed.is_empty() {
        bail!("{}", missed.join("; "));
    }
    Ok(())
}
