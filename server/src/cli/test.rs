//! `netloom test`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueHint};
use netloom_core::{
    check::{
        spec::Family,
        throughput::{Direction, IperfSpec, Protocol, STREAMS_MAX},
    },
    time::parse_duration_ms,
};

/// The port of iperf3's servers.
const IPERF_PORT: u16 = 5201;
/// What iperf3 sends over UDP in each stream unless told otherwise, bit/s.
const IPERF_UDP_BPS: u64 = 1_000_000;

const HELP: &str = "\
Examples:
  netloom test storage-1                            a minute of 5 pings every 5 s, a line each
  netloom test 10.0.0.7 -d 600 -i 10 --output out/  ten minutes, kept as JSON, SVG and PNG
  netloom test gpu-7 --tcp --port 22 --json         TCP handshakes, the result on standard output
  netloom test gpu-7 --iperf -P 4 --bidir           pings, then iperf3 both ways with 4 streams
  netloom test gpu-7 --iperf -p 5202 -b 0 -t 30     its server at another port, as fast as it goes, for 30 s

Output:
  Lines go to standard output, progress and notes to standard error; with --json the result alone goes to
  standard output. Files in --output are named after host and start, and never replace others.
  docs/test-result.md describes the JSON.

  Ctrl-C ends the test and keeps what there is, and so does a terminal that goes away; a second Ctrl-C ends at
  once and keeps nothing.

Exit codes, as ping's:
  0  something answered
  1  nothing answered
  2  it could not be done: an unknown host, no way to send, iperf3 failed, files cannot be written

Environment:
  NO_COLOR, CLICOLOR, CLICOLOR_FORCE  whether there is colour (no-color.org, bixense.com/clicolors)";

/// Whom to test, how, and where to put what was found.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct TestArgs {
    /// A name or an address
    #[arg(value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub host: String,
    /// How long: seconds, or 90s, 10m, 1h
    #[arg(short = 'd', long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub duration: Duration,
    /// From one round to the next, seconds
    #[arg(short = 'i', long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub interval: Duration,
    /// Probes of a round, spread evenly over it
    #[arg(short = 'c', long = "count", value_name = "PACKETS", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub packets: u32,
    /// How long a probe waits for its answer, seconds
    #[arg(short = 'W', long, value_name = "TIMEOUT", default_value = "2", value_parser = seconds)]
    pub timeout: Duration,
    /// Bytes of payload in ICMP
    #[arg(short = 's', long, value_name = "SIZE", default_value_t = 56, conflicts_with = "tcp",
          value_parser = clap::value_parser!(u16).range(0..=65_507))]
    pub size: u16,
    /// Which version of IP
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Time TCP handshakes instead of ICMP; a refusal is an answer, too
    #[arg(long)]
    pub tcp: bool,
    /// The port of TCP handshakes, also of those that stand in where ICMP is not permitted
    #[arg(long, value_name = "PORT", default_value_t = 443,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Measure throughput with iperf3, too, after the pings
    #[arg(long)]
    pub iperf: bool,
    /// How iperf3 is run
    #[command(flatten, next_help_heading = "iperf3 (with --iperf)")]
    pub iperf_args: IperfArgs,
    /// Where to put what was found
    #[command(flatten, next_help_heading = "Result")]
    pub report: ReportArgs,
}

/// Where to put what was found.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Write the result as JSON, SVG and PNG into this folder, which is made when it is not there
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: Option<PathBuf>,
    /// Print the result as JSON, and nothing else on standard output
    #[arg(short = 'J', long)]
    pub json: bool,
    /// No line per round, only the summary
    #[arg(short = 'q', long)]
    pub quiet: bool,
}

/// Which version of IP is wanted.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct FamilyArgs {
    /// IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// IPv6 only
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

impl FamilyArgs {
    /// As checks have it.
    pub fn family(self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

/// How iperf3 is run, with its letters.
#[derive(Debug, Clone, Args)]
pub struct IperfArgs {
    /// The port of the server
    #[arg(short = 'p', long, value_name = "PORT", default_value_t = IPERF_PORT, requires = "iperf",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub iperf_port: u16,
    /// Streams at once
    #[arg(short = 'P', long, value_name = "STREAMS", default_value_t = 1, requires = "iperf",
          value_parser = clap::value_parser!(u16).range(1..=i64::from(STREAMS_MAX)))]
    pub parallel: u16,
    /// The server sends
    #[arg(short = 'R', long, requires = "iperf", conflicts_with = "bidir")]
    pub reverse: bool,
    /// Both send at once
    #[arg(long, requires = "iperf")]
    pub bidir: bool,
    /// Over UDP
    #[arg(short = 'u', long, requires = "iperf")]
    pub udp: bool,
    /// The rate of each stream, bit/s; K, M and G are understood, and over TCP 0 for as fast as it goes [default: 1M
    /// over UDP, 0 over TCP]
    #[arg(short = 'b', long, value_name = "RATE", requires = "iperf", value_parser = rate)]
    pub bitrate: Option<u64>,
    /// How long iperf3 measures, seconds
    #[arg(short = 't', long, value_name = "SECONDS", default_value = "10", requires = "iperf", value_parser = seconds)]
    pub time: Duration,
    /// How long it runs before, which is left out, seconds
    #[arg(short = 'O', long, value_name = "SECONDS", default_value = "0", requires = "iperf", value_parser = seconds_or_none)]
    pub omit: Duration,
}

impl IperfArgs {
    /// The check of a host.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn spec(&self, host: &str, family: Family) -> Result<IperfSpec, String> {
        if self.udp && self.bitrate == Some(0) {
            return Err("-b 0 is for TCP: over UDP a test has a rate, so that it keeps to a budget".into());
        }
        let direction = match (self.reverse, self.bidir) {
            (_, true) => Direction::Both,
            (true, false) => Direction::Down,
            (false, false) => Direction::Up,
        };
        let spec = IperfSpec {
            host: host.to_owned(),
            family,
            port: self.iperf_port,
            protocol: if self.udp { Protocol::Udp } else { Protocol::Tcp },
            direction,
            streams: self.parallel,
            duration_ms: self.time.as_millis() as u64,
            warm_up_ms: self.omit.as_millis() as u64,
            // As with iperf3, it is that of each stream; the check has that of all of them.
            rate_bps: self
                .bitrate
                .unwrap_or(if self.udp { IPERF_UDP_BPS } else { 0 })
                .saturating_mul(u64::from(self.parallel)),
        };
        spec.check().map_err(|(field, why)| format!("{field} {why}"))?;
        Ok(spec)
    }
}

/// Seconds with or without a fraction, or a number with a unit.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let duration = seconds_or_none(text)?;
    if duration.is_zero() { Err("it must be longer than nothing".into()) } else { Ok(duration) }
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    /// A week: what is longer is the work of an agent.
    const LONGEST: Duration = Duration::from_hours(7 * 24);
    let nonsense = || format!("{text:?} is no time such as 5, 0.5, 90s or 10m");
    let duration = match (text.parse::<f64>(), parse_duration_ms(text)) {
        (Ok(seconds), _) => Duration::try_from_secs_f64(seconds).map_err(|_| nonsense())?,
        (_, Some(ms)) => Duration::from_millis(u64::try_from(ms).map_err(|_| nonsense())?),
        _ => return Err(nonsense()),
    };
    if duration > LONGEST { Err("a week at most".into()) } else { Ok(duration) }
}

/// `100M`, as iperf3 writes rates; 0 is as fast as it goes.
fn rate(text: &str) -> Result<u64, String> {
    let nonsense = || format!("{text:?} is no rate such as 500K, 100M or 2.5G");
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1e3),
        Some((at, 'm' | 'M')) => (&text[..at], 1e6),
        Some((at, 'g' | 'G')) => (&text[..at], 1e9),
        _ => (text, 1.0),
    };
    let bps = digits.parse::<f64>().map_err(|_| nonsense())? * factor;
    if bps == 0.0 || (1.0..=1e13).contains(&bps) { Ok(bps as u64) } else { Err(nonsense()) }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn the_rate_is_that_of_each_stream() {
        let of = |udp: bool, bitrate: Option<u64>| {
            let args = IperfArgs {
                iperf_port: IPERF_PORT,
                parallel: 4,
                reverse: false,
                bidir: false,
                udp,
                bitrate,
                time: Duration::from_secs(1),
                omit: Duration::ZERO,
            };
            args.spec("a", Family::Any).map(|spec| spec.rate_bps)
        };
        assert_eq!((of(true, Some(5_000_000)), of(true, None)), (Ok(20_000_000), Ok(4_000_000)));
        assert_eq!((of(false, Some(5_000_000)), of(false, None)), (Ok(20_000_000), Ok(0)));
        assert_eq!(of(false, Some(0)), Ok(0), "as fast as it goes");
        assert!(of(true, Some(0)).is_err_and(|why| why.contains("-b 0")), "a flood is not offered");
    }

    #[test]
    fn times_and_rates_are_read_as_people_write_them() {
        let ms = |text| seconds(text).map(|duration| duration.as_millis());
        assert_eq!((ms("5"), ms("0.2"), ms("10m")), (Ok(5_000), Ok(200), Ok(600_000)));
        for wrong in ["", "0", "-1", "nan", "inf", "1e99", "8d", "soon"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!((rate("100M"), rate("2.5g"), rate("800")), (Ok(100_000_000), Ok(2_500_000_000), Ok(800)));
        assert_eq!(rate("0"), Ok(0));
        for wrong in ["", "M", "-5M", "nanM", "0.5", "1T", "ü"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    fn parsed(line: &str) -> TestArgs {
        let words = ["netloom", "test", "gpu-7"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(words).expect(line).command {
            Command::Test(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn letters_are_those_of_iperf3() {
        let args = parsed("--iperf -p 5999 -b 0 -J --port 22");
        assert_eq!((args.iperf_args.iperf_port, args.port), (5_999, 22));
        assert_eq!((args.iperf_args.bitrate, args.report.json), (Some(0), true));
    }

    #[test]
    fn help_puts_each_argument_under_its_heading() {
        let mut root = Cli::command();
        let help = root.find_subcommand_mut("test").expect("is there").render_long_help().to_string();
        let heading = |flag: &str| {
            let before = &help[..help.find(flag).expect(flag)];
            before.lines().rfind(|line| line.ends_with(':') && !line.starts_with(' ')).map(str::to_owned)
        };
        assert_eq!(heading("--port <PORT>").as_deref(), Some("Options:"));
        assert_eq!(heading("--iperf-port").as_deref(), Some("iperf3 (with --iperf):"));
        for flag in ["--output <DIR>", "-J, --json", "-q, --quiet"] {
            assert_eq!(heading(flag).as_deref(), Some("Result:"), "{flag}");
        }
    }
}
