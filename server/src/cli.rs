//! The command line: types only, a file for each command.

mod agent;
mod around;
#[cfg(feature = "hub")]
mod care;
#[cfg(feature = "hub")]
mod demo;
mod diagnose;
mod export;
mod import;
#[cfg(feature = "tools")]
mod manual;
mod probe;
mod run;
mod serve;
mod test;
mod throughput;
mod watch;

use clap::{Parser, Subcommand};

#[cfg(feature = "tools")]
pub use self::manual::{CompletionsArgs, ManArgs};
pub use self::{
    agent::AgentArgs,
    around::AroundArgs,
    diagnose::DiagnoseArgs,
    export::ExportArgs,
    import::ImportArgs,
    probe::ProbeArgs,
    run::RunArgs,
    serve::ServeArgs,
    test::{FamilyArgs, IperfArgs, ReportArgs, TestArgs},
    throughput::{ThroughputArgs, ThroughputRole, ThroughputServeArgs},
    watch::WatchArgs,
};
#[cfg(feature = "hub")]
pub use self::{
    care::{BackupArgs, CheckArgs, DataArgs},
    demo::DemoArgs,
};

/// Where a hub is unless told otherwise.
pub(crate) const HUB_URL: &str = "http://127.0.0.1:6385";

const HELP: &str = "\
Examples:
  netloom demo                                 look around, on a made-up network
  netloom serve                                measure this machine, and show it in a browser
  netloom diagnose                             what is wrong with the network of this machine
  netloom test storage-1 --output out/         a minute of pings, kept as a chart
  netloom run --name my-run -- python train.py

What machines read goes to standard output; progress, notes and logs go to standard error.

Exit codes, unless a command says otherwise:
  0  fine    1  a warning    2  an error, with one line that names the culprit    3  nothing there to judge

Environment:
  NETLOOM_HUB     where the hub is, for the commands that speak with one
  NETLOOM_CONFIG  the configuration file, for those that read one
  NO_COLOR, CLICOLOR, CLICOLOR_FORCE  whether there is colour (no-color.org, bixense.com/clicolors)";

/// Shows whether the network is holding distributed training back: where, since when, and what would help.
#[derive(Debug, Parser)]
#[command(name = "netloom", version, arg_required_else_help = true, after_help = HELP)]
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
    /// Check hosts and services once, side by side: ping, TCP, UDP, DNS, HTTP, Redis, paths
    Probe(Box<ProbeArgs>),
    /// Run a command and record it with the hub as a training run
    Run(RunArgs),
    /// Check everything that this machine depends on, or a few hosts, and say in words what is wrong
    Diagnose(DiagnoseArgs),
    /// Test latency and loss to a host in rounds, and throughput if asked; keep it as JSON and as a chart
    Test(Box<TestArgs>),
    /// Measure latency, loss and throughput before and after a command
    Around(Box<AroundArgs>),
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
    /// Print completions for a shell
    #[cfg(feature = "tools")]
    Completions(CompletionsArgs),
    /// Print manual pages, or write them to a folder
    #[cfg(feature = "tools")]
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn help_begins_with_what_the_program_is_for() {
        let help = Cli::command().render_help().to_string();
        assert!(help.starts_with("Shows whether the network is holding distributed training back"), "{help}");
        assert!(Cli::command().get_long_about().is_none(), "it is one sentence, for the manual, too");
    }
}
