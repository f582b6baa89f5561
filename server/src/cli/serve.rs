//! `netloom serve`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

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
    /// Address at which agents of other machines join and report, over TLS; none unless given. The usual port is 6387
    #[arg(long, value_name = "ADDR:PORT")]
    pub agent_listen: Option<SocketAddr>,
    /// Address at which the probes of other nodes are answered [default: 0.0.0.0:6386, with --agent-listen]
    #[arg(long, value_name = "ADDR:PORT")]
    pub echo_listen: Option<SocketAddr>,
    /// Write every stored sample as a line of JSON to files in this folder, too
    #[arg(long, value_name = "DIR")]
    pub jsonl_log: Option<PathBuf>,
    /// Files of that log that are kept [default: 48]
    #[arg(long, value_name = "N")]
    pub jsonl_log_keep: Option<usize>,
    /// A setting, with its value as TOML writes it, held fast while this runs; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
}
