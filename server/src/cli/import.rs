//! `netloom import`.

use std::path::PathBuf;

use clap::Args;

use super::HUB_URL;

const HELP: &str = "\
Examples:
  netloom import everything.jsonl
  zcat run.jsonl.gz | netloom import - --hub http://127.0.0.1:7000

Output:
  How many samples were sent goes to standard output, progress and refused lines to standard error.

Exit codes:
  0  everything was taken
  1  lines were left out (--skip-bad)
  2  the hub does not answer or refuses a line, or the file cannot be read; one line says why

Environment:
  NETLOOM_HUB  where the hub is, without --hub";

/// What to put into a hub.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct ImportArgs {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the hub is
    #[arg(long, env = "NETLOOM_HUB", value_name = "URL", default_value = HUB_URL)]
    pub hub: String,
    /// Leave out lines that the hub refuses instead of stopping at the first one
    #[arg(long)]
    pub skip_bad: bool,
}
