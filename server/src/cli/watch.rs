//! `netloom watch`.

use std::path::PathBuf;

use clap::Args;

const HELP: &str = "\
Examples:
  netloom watch | jq -c 'select(.metric == \"rtt_us\")'
  NETLOOM_SETTINGS__PROBE__INTERVAL_MS=500 netloom watch > samples.jsonl

Output:
  A line of JSON per sample on standard output, the log on standard error.

Exit codes:
  0  it was stopped by SIGINT or SIGTERM
  2  it could not start; one line says why

Environment:
  NETLOOM_CONFIG, NETLOOM_SETTINGS__SECTION__KEY, NETLOOM_LOG, NO_COLOR, CLICOLOR, CLICOLOR_FORCE";

/// What to watch without a hub.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = HELP)]
pub struct WatchArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "NETLOOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A mesh without a hub (JSON), for measuring the agent
    #[arg(long, value_name = "FILE", hide = true)]
    pub mesh: Option<PathBuf>,
}
