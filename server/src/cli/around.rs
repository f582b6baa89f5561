//! `netloom around`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, ValueHint};

use super::test::{FamilyArgs, seconds};

const HELP: &str = "\
Examples:
  netloom around --host nas -- sshfs nas:/data /mnt
  netloom around --host nas --iperf nas --csv mounts.csv -- mount /data
  netloom around --host 10.0.0.7 --count 50 --name checkpoint -- ./save.sh
  netloom around --host gpu-7 --throughput gpu-7:40000 --ticket TICKET -- ./save.sh

The command's input, output, signals and exit code pass through. It starts when the host was measured, and it
starts also when that failed. What was found is one line on standard error; what a test of throughput will take
is another one, before it begins.

Output:
  --csv FILE appends a row before and a row after: timestamp,host,latency_ms,packet_loss_pct,throughput_mbps.
  What was not measured is empty. Several commands may append to one file at once.
  The hub keeps a mark on its time axis; one that is not there is a note on standard error.

Exit codes:
  that of the command; 126 when it cannot be executed, 127 when it is not there, 128 and the number of the
  signal that ended it, or that came before it was started; 2 when the arguments are wrong

Environment:
  NETLOOM_HUB     where the hub is, without --hub
  NETLOOM_NODE    the name of this machine [default: the host name]
  NETLOOM_TICKET  the ticket of --throughput, where others can see arguments";

/// What to measure around which command.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct AroundArgs {
    /// Whom to measure: a name or an address
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub host: String,
    /// Probes before, and as many after
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: u32,
    /// From one probe to the next, seconds
    #[arg(short = 'i', long, value_name = "SECONDS", default_value = "0.2", value_parser = seconds)]
    pub interval: Duration,
    /// How long a probe waits for its answer, seconds
    #[arg(short = 'W', long, value_name = "TIMEOUT", default_value = "1", value_parser = seconds)]
    pub timeout: Duration,
    /// Which version of IP
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Time TCP handshakes instead of ICMP
    #[arg(long)]
    pub tcp: bool,
    /// The port of TCP handshakes, also of those that stand in where ICMP is not permitted
    #[arg(long, value_name = "PORT", default_value_t = 443, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Measure throughput to this server of iperf3, too
    #[arg(long, value_name = "HOST[:PORT]")]
    pub iperf: Option<String>,
    /// Measure throughput to this `netloom throughput serve`, too
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "iperf", requires = "ticket")]
    pub throughput: Option<String>,
    /// The ticket that it was started with: netloom throughput serve --ticket TICKET
    #[arg(long, env = "NETLOOM_TICKET", hide_env_values = true, value_name = "TICKET")]
    pub ticket: Option<String>,
    /// How long throughput is measured, seconds
    #[arg(short = 't', long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub time: Duration,
    /// Append what was found to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub csv: Option<PathBuf>,
    /// What to call it [default: the command]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where the hub is [default: one on this machine, if it answers]
    #[arg(long, env = "NETLOOM_HUB", value_name = "URL", value_hint = ValueHint::Url)]
    pub hub: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}
