//! `cargo xtask run`.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result};

use crate::server;
use crate::workspace::Workspace;

/// Builds everything and becomes the program.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    let workspace = Workspace::open();
    server::build_with_client(&workspace)?;
    let mut program = Command::new(workspace.binary());
    if args.is_empty() {
        program.arg("serve");
    }
    become_program(program.args(args))
}

/// Replaces this process, so that signals and the exit code are the program's own.
#[cfg(unix)]
fn become_program(program: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(program.exec()).context("could not start netloom")
}

/// Runs the program and leaves with its exit code.
#[cfg(not(unix))]
fn become_program(program: &mut Command) -> Result<()> {
    let status = program.status().context("could not start netloom")?;
    std::process::exit(status.code().unwrap_or(1));
}
