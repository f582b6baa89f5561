//! `netloom watch`.

use std::path::PathBuf;

use clap::Args;

/// What to watch without a hub.
#[derive(Debug, Clone, Default, Args)]
pub struct WatchArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "NETLOOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A mesh without a hub (JSON), for measuring the agent
    #[arg(long, value_name = "FILE", hide = true)]
    pub mesh: Option<PathBuf>,
}
