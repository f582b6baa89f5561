//! `netloom import`.

use std::path::PathBuf;

use clap::Args;

use super::HUB_URL;

/// What to put into a hub.
#[derive(Debug, Clone, Args)]
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
