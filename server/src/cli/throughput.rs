//! `netloom throughput`.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use netloom_core::check::throughput::{STREAMS_MAX, rate};

/// What to test throughput against, or how to be tested against.
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line are independent of each other")]
#[derive(Debug, Clone, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "On the other machine: netloom throughput serve. It prints the address and the ticket.\n\n\
                  The letters are those of iperf3. Result on standard output, progress on standard error. Exit code: 0 \
                  when there is a result, 2 when not."
)]
pub struct ThroughputArgs {
    /// Be the other end of tests
    #[command(subcommand)]
    pub role: Option<ThroughputRole>,
    /// Where the other end listens
    #[arg(value_name = "HOST:PORT", required = true)]
    pub host: Option<String>,
    /// What it printed
    #[arg(long, env = "NETLOOM_TICKET", hide_env_values = true, value_name = "TICKET", required = true)]
    pub ticket: Option<String>,
    /// How long is measured, s
    #[arg(short = 't', long = "time", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Connections at once
    #[arg(short = 'P', long = "parallel", value_name = "STREAMS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(STREAMS_MAX)))]
    pub streams: u16,
    /// The other end sends
    #[arg(short = 'R', long)]
    pub reverse: bool,
    /// Both ends send at once
    #[arg(long, conflicts_with = "reverse")]
    pub bidir: bool,
    /// UDP instead of TCP
    #[arg(short = 'u', long)]
    pub udp: bool,
    /// The rate of UDP, bit/s, all streams together
    #[arg(short = 'b', long = "bitrate", value_name = "RATE", default_value = "1M", requires = "udp", value_parser = rate::parse_bps)]
    pub rate_bps: u64,
    /// What is left out at the start, s
    #[arg(short = 'O', long = "omit", value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub warm_up_s: u64,
    /// The most that is sent in each direction, bytes; no limit unless given
    #[arg(short = 'n', long = "bytes", value_name = "BYTES", value_parser = rate::parse_bytes)]
    pub bytes_max: Option<u64>,
    /// IPv4 only
    #[arg(short = '4', long = "version4", conflicts_with = "v6")]
    pub v4: bool,
    /// IPv6 only
    #[arg(short = '6', long = "version6")]
    pub v6: bool,
    /// The finding as JSON
    #[arg(short = 'J', long)]
    pub json: bool,
}

/// What to do beside asking for a test.
#[derive(Debug, Clone, Subcommand)]
pub enum ThroughputRole {
    /// Be the other end of tests, one at a time
    Serve(ThroughputServeArgs),
}

/// How to be the other end.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A ticket that it makes is good for one test; the next one is printed after it. One given with \
                        --ticket is good as long as this runs."
)]
pub struct ThroughputServeArgs {
    /// Address at which tests are taken [default: every address, a free port]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// What the other end must show: 16 to 128 letters and digits [default: a random one]
    #[arg(long, env = "NETLOOM_TICKET", hide_env_values = true, value_name = "TICKET")]
    pub ticket: Option<String>,
    /// End after one test
    #[arg(short = '1', long)]
    pub one_off: bool,
}
