//! `netloom run`.

use std::ffi::OsString;

use clap::Args;

use super::HUB_URL;

/// What to run, and how to record it.
#[derive(Debug, Clone, Args)]
#[command(after_help = "The command finds its run in NETLOOM_RUN_ID and the hub in NETLOOM_HUB. Its input, output, \
                        signals and exit code pass through; it starts at once, whether the hub answers or not.")]
pub struct RunArgs {
    /// What to call the run
    #[arg(long)]
    pub name: String,
    /// A tag to look it up by; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// A node that takes part; may be given several times, all nodes without it
    #[arg(long = "node", value_name = "NODE")]
    pub nodes: Vec<String>,
    /// What there is to say about it
    #[arg(long, default_value = "", value_name = "TEXT", hide_default_value = true)]
    pub notes: String,
    /// Where the hub is
    #[arg(long, env = "NETLOOM_HUB", default_value = HUB_URL, value_name = "URL")]
    pub hub: String,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `KEY=VALUE` of `--tag`.
fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not of the form KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}
