//! `netloom export`.

use std::path::PathBuf;

use clap::Args;

use super::HUB_URL;

/// What to take out of a hub, and where to.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Where the hub is
    #[arg(long, env = "NETLOOM_HUB", value_name = "URL", default_value = HUB_URL)]
    pub hub: String,
    /// csv or jsonl; what the name of the file says when left out, else jsonl
    #[arg(long)]
    pub format: Option<String>,
    /// Only this metric; several are possible
    #[arg(long, value_name = "NAME")]
    pub metric: Vec<String>,
    /// Only what this training run saw
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Only series of this node
    #[arg(long)]
    pub node: Option<String>,
    /// Only series with this source
    #[arg(long)]
    pub src: Option<String>,
    /// Only series with this destination
    #[arg(long)]
    pub dst: Option<String>,
    /// Only series of this interface
    #[arg(long)]
    pub interface: Option<String>,
    /// Only series of this probe mode
    #[arg(long)]
    pub mode: Option<String>,
    /// RFC 3339, epoch milliseconds, now or now-15m; the oldest sample when left out
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Like --from; now when left out
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// The file, written as FILE.part until it is whole; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}
