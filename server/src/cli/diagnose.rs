//! `netloom diagnose`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

const HELP: &str = "\
Examples:
  netloom diagnose                                   gateway, name servers, the way out, the hub and its nodes
  netloom diagnose storage-1 db:5432                 ping, TCP, DNS, path and MTU of two hosts
  netloom diagnose redis://10.0.0.5 https://x.org/   checks as addresses
  netloom diagnose --report net.html                 a file to send to a provider
  netloom diagnose --via node-7 node-9 --throughput  from one node to another, through the hub

Output:
  The verdict and its evidence go to standard output, progress to standard error when that is a terminal; with
  --json the whole diagnosis goes to standard output instead. All checks run side by side and end within 5 s,
  tests of throughput apart. Ctrl-C ends it with what was found until then; with --via the hub goes on, and standard
  error says where its diagnosis is.

The hub and its nodes:
  They are asked of the hub. Where none answers, they are what the agent of this machine was told last, if one has
  joined and its state folder may be read.

Exit codes:
  0  all is as it should be
  1  something works, and should be looked at
  2  something is bad, or it could not be done: an argument is wrong, the hub refused, the report cannot be written
  3  nothing can be said, or it was stopped before it could be said that all is well

Environment:
  NETLOOM_HUB             where the hub is
  NETLOOM_NODE            the name of this machine [default: the host name]
  NETLOOM_REDIS_PASSWORD  the password of redis:// checks
  NO_COLOR, CLICOLOR, CLICOLOR_FORCE  whether there is colour (no-color.org, bixense.com/clicolors)";

/// What to look at, from where, and how to say what was found.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = HELP)]
pub struct DiagnoseArgs {
    /// Hosts, host:port, names of nodes, or checks as addresses; without any, what this machine depends on
    #[arg(value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub hosts: Vec<String>,
    /// Print the diagnosis as JSON
    #[arg(long)]
    pub json: bool,
    /// Write a report to this file: HTML that needs nothing else
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub report: Option<PathBuf>,
    /// Test throughput, too, to the first node among the hosts; needs --via
    #[arg(long, requires = "via")]
    pub throughput: bool,
    /// Test throughput also while a training run is active
    #[arg(long, requires = "throughput")]
    pub during_run: bool,
    /// Check from this node of the hub instead of from here
    #[arg(long, value_name = "NODE")]
    pub via: Option<String>,
    /// Where the hub is [default: one on this machine, if it answers, else that of the agent here]
    #[arg(long, env = "NETLOOM_HUB", value_name = "URL", value_hint = ValueHint::Url)]
    pub hub: Option<String>,
}
