//! From checks to addresses: the shortest that says it. The ticket of a test of throughput is in none.

use std::fmt::{self, Display, Formatter};

use super::{
    defaults,
    place::{At, place},
    query::Writer,
    read::path_port,
};
use crate::check::{
    Check,
    spec::{DnsSpec, PathSpec, RoundSpec},
    throughput::{Direction, Protocol},
};

impl Display for Check {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Check::Icmp(spec) => round(f, "icmp", spec, (0, defaults::TIMEOUT_MS, defaults::PAYLOAD_BYTES)),
            // No port is usual.
            Check::Tcp(spec) => round(f, "tcp", spec, (0, defaults::TCP_TIMEOUT_MS, spec.payload_bytes)),
            Check::Udp(spec) => {
                round(f, "udp", spec, (defaults::UDP_ECHO_PORT, defaults::TIMEOUT_MS, defaults::PAYLOAD_BYTES))
            }
            Check::Dns(spec) => dns(f, spec),
            Check::Http(spec) => {
                f.write_str(&spec.url)?;
                Writer::new(f, '#').add("timeout_ms", spec.timeout_ms, defaults::HTTP_TIMEOUT_MS)
            }
            Check::Download(spec) => {
                write!(f, "download+{}", spec.url)?;
                let mut query = Writer::new(f, '#');
                query.add("duration_ms", spec.duration_ms, defaults::DOWNLOAD_MS)?;
                query.add("bytes_max", spec.bytes_max, defaults::DOWNLOAD_BYTES)
            }
            Check::Path(spec) => path(f, spec),
            Check::Mtu(spec) => {
                write!(f, "mtu://{}", At(&spec.host, 0, 0))?;
                let mut query = Writer::new(f, '?');
                query.add("timeout_ms", spec.timeout_ms, defaults::MTU_TIMEOUT_MS)?;
                query.family(spec.family)
            }
            Check::Redis(spec) => {
                write!(f, "redis://{}", At(&spec.host, spec.port, defaults::REDIS_PORT))?;
                let mut query = Writer::new(f, '?');
                query.add("packets", spec.packets, defaults::PACKETS)?;
                query.add("timeout_ms", spec.timeout_ms, defaults::TIMEOUT_MS)?;
                query.add("lock", spec.lock, false)?;
                query.family(spec.family)
            }
            Check::Throughput(spec) => {
                write!(f, "netloom://{}", At(&spec.host, spec.port, 0))?;
                let mut query = Writer::new(f, '?');
                load(&mut query, spec.protocol, spec.direction, spec.streams)?;
                times(&mut query, spec.duration_ms, spec.warm_up_ms, spec.rate_bps, spec.protocol)?;
                query.add("bytes_max", spec.bytes_max, defaults::THROUGHPUT_BYTES)?;
                query.family(spec.family)
            }
            Check::Iperf3(spec) => {
                write!(f, "iperf3://{}", At(&spec.host, spec.port, defaults::IPERF3_PORT))?;
                let mut query = Writer::new(f, '?');
                load(&mut query, spec.protocol, spec.direction, spec.streams)?;
                times(&mut query, spec.duration_ms, spec.warm_up_ms, spec.rate_bps, spec.protocol)?;
                query.family(spec.family)
            }
            Check::Interfaces => f.write_str("interfaces:"),
            Check::Connections => f.write_str("connections:"),
        }
    }
}

/// A round, without what is usual: port, timeout and payload.
fn round(f: &mut Formatter<'_>, scheme: &str, spec: &RoundSpec, usual: (u16, u64, u16)) -> fmt::Result {
    let (port, timeout_ms, payload_bytes) = usual;
    write!(f, "{scheme}://{}", At(&spec.host, spec.port, port))?;
    let mut query = Writer::new(f, '?');
    query.add("packets", spec.packets, defaults::PACKETS)?;
    query.add("interval_ms", spec.interval_ms, defaults::INTERVAL_MS)?;
    query.add("timeout_ms", spec.timeout_ms, timeout_ms)?;
    query.add("payload_bytes", spec.payload_bytes, payload_bytes)?;
    query.family(spec.family)
}

fn dns(f: &mut Formatter<'_>, spec: &DnsSpec) -> fmt::Result {
    match place(&spec.server) {
        Ok((host, port)) => {
            let port = port.unwrap_or(defaults::DNS_PORT);
            write!(f, "dns://{}/{}", At(&host, port, defaults::DNS_PORT), spec.name)?;
        }
        Err(_) => write!(f, "dns://{}/{}", spec.server, spec.name)?,
    }
    let mut query = Writer::new(f, '?');
    query.add("type", spec.record.as_str(), defaults::DNS_RECORD)?;
    query.add("timeout_ms", spec.timeout_ms, defaults::DNS_TIMEOUT_MS)
}

fn path(f: &mut Formatter<'_>, spec: &PathSpec) -> fmt::Result {
    write!(f, "path://{}", At(&spec.host, spec.port, path_port(spec.mode)))?;
    let mut query = Writer::new(f, '?');
    query.add("mode", spec.mode.label(), "icmp")?;
    query.add("flows", spec.flows, defaults::PATH_FLOWS)?;
    query.add("probes", spec.probes, defaults::PATH_PROBES)?;
    query.add("hops_max", spec.hops_max, defaults::PATH_HOPS_MAX)?;
    query.add("timeout_ms", spec.timeout_ms, defaults::TIMEOUT_MS)?;
    query.family(spec.family)
}

fn load(query: &mut Writer<'_, '_>, protocol: Protocol, direction: Direction, streams: u16) -> fmt::Result {
    query.add("protocol", if protocol == Protocol::Udp { "udp" } else { "tcp" }, "tcp")?;
    let direction = match direction {
        Direction::Up => "up",
        Direction::Down => "down",
        Direction::Both => "both",
    };
    query.add("direction", direction, "up")?;
    query.add("streams", streams, defaults::STREAMS)
}

fn times(query: &mut Writer<'_, '_>, duration: u64, warm_up: u64, rate: u64, protocol: Protocol) -> fmt::Result {
    query.add("duration_ms", duration, defaults::THROUGHPUT_MS)?;
    query.add("warm_up_ms", warm_up, defaults::WARM_UP_MS)?;
    if protocol == Protocol::Udp { query.add("rate_bps", rate, defaults::UDP_RATE_BPS) } else { Ok(()) }
}
