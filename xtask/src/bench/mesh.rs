//! `cargo xtask bench mesh`: what it costs that many nodes probe each other, part by part.

mod agent;
mod browser;
mod cast;
mod fping;
mod hub;
pub(crate) mod lean;
pub(crate) mod load;
mod options;
mod seen;
pub(crate) mod table;

use anyhow::{Result, ensure};

use crate::interrupt;
use crate::workspace::Workspace;

pub(crate) use options::{Options, Part};

/// Measures the chosen part.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(std::path::Path::new("/proc/self/schedstat").exists(), "bench mesh reads /proc, which only Linux has");
    interrupt::watch()?;
    let workspace = Workspace::open();
    let is_met = match options.part {
        Part::Agent => agent::run(&workspace, options)?,
        Part::Hub => hub::run(&workspace, options)?,
        Part::Browser => browser::run(&workspace, options)?,
    };
    ensure!(is_met, "not every target is met");
    Ok(())
}
