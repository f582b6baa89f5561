//! `netloom probe`.

use clap::Args;
use netloom_core::check::address::{INTERVAL_MIN_MS, PACKETS_MAX, WAIT_MAX_MS};

/// Addresses of one call at most: they run side by side, and would measure each other.
pub const ADDRESSES_MAX: usize = 64;

/// What to check.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct ProbeArgs {
    /// What to check, as an address; a bare host is pinged
    #[arg(required = true, num_args = 1..=ADDRESSES_MAX, value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Print what was found as one JSON document
    #[arg(short = 'J', long)]
    pub json: bool,
    /// Only over IPv4
    #[arg(short = '4', conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only over IPv6
    #[arg(short = '6')]
    pub ipv6: bool,
    /// Probes of each round
    #[arg(short = 'c', value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(PACKETS_MAX)))]
    pub count: Option<u32>,
    /// From probe to probe, s
    #[arg(short = 'i', value_name = "SECONDS", value_parser = milliseconds)]
    pub interval: Option<u64>,
    /// How long each answer is waited for, s
    #[arg(short = 'W', value_name = "TIMEOUT", value_parser = milliseconds)]
    pub timeout: Option<u64>,
}

const HELP: &str = "\
Addresses:
  icmp://HOST                       ping; HOST alone is the same
  tcp://HOST:PORT                   the handshake of TCP, as the kernel times it
  udp://HOST[:PORT]                 the echo service (RFC 862), port 7
  dns://SERVER/NAME[?type=AAAA]     one question to one name server, past every cache
  http[s]://HOST[/PATH]             a request, phase by phase
  download+http[s]://HOST/PATH      the rate of a download
  redis://HOST[:PORT][?lock=true]   PING, and the time of a lock
  path://HOST[?mode=tcp&flows=4]    the way of the packets
  mtu://HOST                        the largest packet that passes whole
  netloom://HOST:PORT, iperf3://HOST[:PORT]   throughput
  interfaces:, connections:         this machine's own

What stands behind the question mark: packets, interval_ms, timeout_ms, payload_bytes, family=4 or 6, and what each kind
has of its own; of http and download it stands behind #, because what is behind ? belongs to the server.
The password of Redis is read from NETLOOM_REDIS_PASSWORD.

Exit codes: 0 everything replied, 1 something was lost or failed, 2 the command cannot be understood.";

/// Seconds, with a fraction, within the bounds of waits.
fn milliseconds(text: &str) -> Result<u64, String> {
    let (least, most) = (INTERVAL_MIN_MS as f64 / 1e3, WAIT_MAX_MS as f64 / 1e3);
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (least..=most).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("must be a number of seconds from {least} to {most}"))?;
    Ok((seconds * 1e3).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_fractions_and_bounds() {
        assert_eq!(milliseconds("0.2"), Ok(200));
        assert_eq!(milliseconds("1"), Ok(1_000));
        for wrong in ["0", "-1", "61", "nan", "inf", "1s", ""] {
            assert!(milliseconds(wrong).is_err(), "{wrong}");
        }
    }
}
