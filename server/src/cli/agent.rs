//! `netloom agent`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

/// Where the probes of other nodes are answered unless told otherwise.
const ECHO_LISTEN: &str = "0.0.0.0:6386";

/// Which hub to measure for.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The code is good once and for ten minutes; the hub's pages make it. What the agent gets for it is \
                        kept in the state folder, so that later starts need no --token."
)]
pub struct AgentArgs {
    /// Where the hub listens for agents
    #[arg(long, value_name = "https://HOST:PORT")]
    pub hub: String,
    /// The code to join with, at the first start
    #[arg(long, env = "NETLOOM_TOKEN", hide_env_values = true, value_name = "CODE")]
    pub token: Option<String>,
    /// The name of this node [default: the host name]
    #[arg(long, env = "NETLOOM_NODE", value_name = "NAME")]
    pub node: Option<String>,
    /// Where to keep the token and what waits for the hub [default: /var/lib/netloom, or the user's folder of state]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Address at which the probes of other nodes are answered
    #[arg(long, default_value = ECHO_LISTEN, value_name = "ADDR:PORT")]
    pub echo_listen: SocketAddr,
    /// MiB that wait on disk at most while the hub is away
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub spool_mib: u64,
    /// What is logged: error, warn, info, debug, trace, or per module
    #[arg(long, env = "NETLOOM_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
}
