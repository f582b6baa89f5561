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

const BACKUP_HELP: &str = "\
Example:
  netloom backup netloom-$(date +%F).db

The copy, named netloom.db in an empty folder, is a data folder again.

Exit codes:
  0  the copy is there, and whole
  2  it is not; one line says why

Environment:
  NETLOOM_CONFIG  the configuration file of the hub, without --config";

/// Where to copy the database to.
#[derive(Debug, Clone, Args)]
#[command(after_help = BACKUP_HELP)]
pub struct BackupArgs {
    /// The file; it must not be there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the database is
    #[command(flatten)]
    pub data: DataArgs,
}

const CHECK_HELP: &str = "\
Examples:
  netloom check
  netloom check --json | jq .

Exit codes:
  0  the database is whole
  1  something does not fit
  2  it is damaged
  3  there is none

Environment:
  NETLOOM_CONFIG  the configuration file of the hub, without --config";

/// What to check.
#[derive(Debug, Clone, Args)]
#[command(after_help = CHECK_HELP)]
pub struct CheckArgs {
    /// Where the database is
    #[command(flatten)]
    pub data: DataArgs,
    /// Say everything as JSON
    #[arg(long)]
    pub json: bool,
}
