//! The command line: types only.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
#[cfg(feature = "hub")]
use netloom_core::impair::preset::Preset;

/// Where a hub is unless told otherwise.
const HUB_URL: &str = "http://127.0.0.1:6385";

/// Where the probes of other nodes are answered unless told otherwise.
const ECHO_LISTEN: &str = "0.0.0.0:6386";

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
    /// Measure this machine for a hub elsewhere
    Agent(AgentArgs),
    /// Show everything on a made-up network on this machine: a hub, and nodes whose real packets cross made-up links
    #[cfg(feature = "hub")]
    Demo(DemoArgs),
    /// Read counters and probe targets, and print every sample as a line of JSON
    Watch(WatchArgs),
    /// Run a command and record it with the hub as a training run
    Run(RunArgs),
    /// Take samples out of a hub: lines of JSON, or comma-separated values
    Export(Box<ExportArgs>),
    /// Put samples into a hub: lines of JSON as export writes them, or files of the JSONL log
    Import(ImportArgs),
    /// Copy the database to a file, also while the hub works
    #[cfg(feature = "hub")]
    Backup(BackupArgs),
    /// Look whether the database is whole, also while the hub works
    #[cfg(feature = "hub")]
    Check(CheckArgs),
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

/// What to demonstrate.
#[cfg(feature = "hub")]
#[derive(Debug, Clone, Args)]
#[command(after_help = PRESETS_HELP)]
pub struct DemoArgs {
    /// Nodes
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=64))]
    pub nodes: u8,
    /// The network between them
    #[arg(long, value_name = "NAME", default_value = Preset::Datacenter.name(), value_parser = preset)]
    pub preset: Preset,
    /// Address of pages and API [default: 127.0.0.1:6385]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder of the database [default: a temporary one, removed in the end]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What goes wrong and when: a file (TOML), or none for nothing [default: a link degrades, a node dies and comes back]
    #[arg(long, value_name = "FILE|none")]
    pub script: Option<PathBuf>,
    /// A setting, with its value as TOML writes it, held fast while this runs; may be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<String>,
}

#[cfg(feature = "hub")]
const PRESETS_HELP: &str = "\
Presets:
  datacenter         racks of four, 25 Gbit/s, 0.1 ms there and back in a rack and 0.2 ms between racks
  mobile             LTE cells, 20 Mbit/s, up to 80 ms there and back, 0.25 to 0.5 % loss each way
  cross-continental  four regions, 1 Gbit/s, 50 to 150 ms there and back between them
  slow               two offices, 2 Mbit/s and 60 ms there and back between them

A fault of a script:
  [[fault]]
  at_s = 30            # from the start
  for_s = 90
  kind = \"link\"        # or node, way, group
  nodes = [\"node-2\", \"node-5\"]
  loss_ratio = 0.2     # on each way; 1 is dead
  delay_us = 60000     # on each way, on top
and above all of them, if it shall begin anew: repeat_s = 270";

#[cfg(feature = "hub")]
fn preset(name: &str) -> Result<Preset, String> {
    let known = || Preset::ALL.map(Preset::name).join(", ");
    Preset::parse(name).ok_or_else(|| format!("there are {}", known()))
}

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

/// Which data folder.
#[cfg(feature = "hub")]
#[derive(Debug, Clone, Default, Args)]
pub struct DataArgs {
    /// Configuration file of the hub (TOML)
    #[arg(long, env = "NETLOOM_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the database [default: ./netloom-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Where to copy the database to.
#[cfg(feature = "hub")]
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// The file; it must not be there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the database is
    #[command(flatten)]
    pub data: DataArgs,
}

/// What to check.
#[cfg(feature = "hub")]
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Where the database is
    #[command(flatten)]
    pub data: DataArgs,
    /// Say everything as JSON
    #[arg(long)]
    pub json: bool,
}
