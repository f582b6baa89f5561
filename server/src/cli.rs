//! The command line: types only, a file for each command.

mod agent;
#[cfg(feature = "hub")]
mod care;
#[cfg(feature = "hub")]
mod demo;
mod export;
mod import;
mod run;
mod serve;
mod throughput;
mod watch;

use clap::{Parser, Subcommand};

pub use self::{
    agent::AgentArgs,
    export::ExportArgs,
    import::ImportArgs,
    run::RunArgs,
    serve::ServeArgs,
    throughput::{ThroughputArgs, ThroughputRole, ThroughputServeArgs},
    watch::WatchArgs,
};
#[cfg(feature = "hub")]
pub use self::{
    care::{BackupArgs, CheckArgs, DataArgs},
    demo::DemoArgs,
};

/// Where a hub is unless told otherwise.
const HUB_URL: &str = "http://127.0.0.1:6385";

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
    /// Test throughput to another machine on which netloom runs, or be the other end
    Throughput(Box<ThroughputArgs>),
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
