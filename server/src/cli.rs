//! The command line: types only.

use std::{net::SocketAddr, path::PathBuf};

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
    /// Write every stored sample as a line of JSON to files in this folder, too
    #[arg(long, value_name = "DIR")]
    pub jsonl_log: Option<PathBuf>,
    /// Files of that log that are kept [default: 48]
    #[arg(long, value_name = "N")]
    pub jsonl_log_keep: Option<usize>,
}

/// What to watch without a hub.
#[derive(Debug, Clone, Default, Args)]
pub struct WatchArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "NETLOOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}
