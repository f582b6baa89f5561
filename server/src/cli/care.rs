//! `netloom backup` and `netloom check`.

use std::path::PathBuf;

use clap::Args;

/// Which data folder.
#[derive(Debug, Clone, Default, Args)]
pub struct DataArgs {
    /// Configuration file of the hub (TOML)
    #[arg(long, env = "NETLOOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the database [default: ./netloom-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Where to copy the database to.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The file; it must not be there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the database is
    #[command(flatten)]
    pub data: DataArgs,
}

/// What to check.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Where the database is
    #[command(flatten)]
    pub data: DataArgs,
    /// Say everything as JSON
    #[arg(long)]
    pub json: bool,
}
