//! What looks after a data folder from the command line, also while a hub works in it.

pub mod backup;
pub mod check;

use std::path::{Path, PathBuf};

use crate::{
    cli::{DataArgs, ServeArgs},
    config::Config,
};

/// The database that the arguments, the environment or the configuration file name.
fn database(args: &DataArgs) -> anyhow::Result<PathBuf> {
    let DataArgs { config, data_dir } = args.clone();
    let config = Config::load(&ServeArgs { config, data_dir, ..ServeArgs::default() })?;
    Ok(config.data_dir.join("netloom.db"))
}

/// Bytes of a file, none when it is not there.
fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}
