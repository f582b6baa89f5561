//! `cargo xtask lab` where there are no network namespaces.

use std::ffi::OsString;

use anyhow::{Result, bail};

/// Nothing can be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options;

impl Options {
    /// Takes anything, to say afterwards that it is of no use.
    pub(crate) fn parse(_: &[OsString]) -> Result<Self> {
        Ok(Self)
    }
}

/// Says so.
pub(crate) fn run(_: &Options) -> Result<()> {
    bail!("the lab needs network namespaces, which only Linux has")
}
