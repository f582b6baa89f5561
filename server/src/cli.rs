//! The command line: types only.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Shows whether the network is holding distributed training back: where, since when, and what would help.
#[derive(Debug, Parser)]
#[command(name = "netloom", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The roles of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the hub: measure this machine, keep the history, show it in a browser
    #[cfg(feature = "hub")]
    Serve(ServeArgs),
    /// Read counters and probe targets, and print every sample as a line of JSON
    Watch(WatchArgs),
    /// Run a command and record it with the hub as a training run
    Run(RunArgs),
}

/// Where the hub listens and keeps its data.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "NETLOOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of pages and API; loopback only, because there is no sign-in yet [default: 127.0.0.1:6385]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder of the database [default: ./netloom-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What to watch without a hub.
#[derive(Debug, Clone, Default, Args)]
pub struct WatchArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "NETLOOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

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
    #[arg(long, env = "NETLOOM_HUB", default_value = "http://127.0.0.1:6385", value_name = "URL")]
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
