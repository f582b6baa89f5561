//! From addresses to checks.

use super::{
    DURATION_MAX_MS, FORMS, INTERVAL_MIN_MS, PACKETS_MAX, PAYLOAD_MAX_BYTES, WAIT_MAX_MS, defaults,
    place::{At, place},
    query::Query,
};
use crate::{
    check::{
        Check,
        dns::{Asked, RecordType},
        http::WebAddress,
        spec::{DnsSpec, DownloadSpec, HostSpec, HttpSpec, PathSpec, RedisSpec, RoundSpec},
        throughput::{Direction, IperfSpec, Protocol, STREAMS_MAX, ThroughputSpec},
    },
    probe::ProbeMode,
};

/// Flows, probes and hops of a path at most: together they stay below what routers answer in a second.
const FLOWS_MAX: u16 = 16;
const PROBES_MAX: u16 = 10;
const HOPS_MAX: u8 = 64;
/// The slowest and the fastest UDP, bit/s.
const RATES_BPS: std::ops::RangeInclusive<u64> = 1_000..=1_000_000_000_000;

impl Check {
    /// The check of an address.
    ///
    /// # Errors
    /// What is wrong with the address, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "interfaces:" => return Ok(Check::Interfaces),
            "connections:" => return Ok(Check::Connections),
            _ => {}
        }
        let unknown = || format!("{text:?} is no check: there are {FORMS}");
        let (scheme, rest) = text.split_once("://").ok_or_else(unknown)?;
        match scheme {
            "http" | "https" => return http(text),
            "download+http" | "download+https" => return download(&text["download+".len()..]),
            "rediss" => return Err("Redis over TLS is not spoken: give its plain port with redis://".to_owned()),
            _ => {}
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut query = Query::parse(query)?;
        let check = if scheme == "dns" { dns(rest, &mut query)? } else { of(scheme, rest, &mut query, unknown)? };
        query.end()?;
        Ok(check)
    }
}

/// The checks of a host, and perhaps a port.
fn of(scheme: &str, rest: &str, query: &mut Query<'_>, unknown: impl Fn() -> String) -> Result<Check, String> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(at) = rest.find(['/', '#']) {
        return Err(format!("{:?} does not belong into an address of {scheme}", &rest[at..]));
    }
    let given = || place(rest);
    let or = |usual: u16| given().map(|(host, port)| (host, port.unwrap_or(usual)));
    let needed = || {
        let (host, port) = given()?;
        Ok::<_, String>((host, port.ok_or_else(|| format!("the port is missing: {scheme}://HOST:PORT"))?))
    };
    let none = || match given()? {
        (host, None) => Ok(host),
        (_, Some(port)) => Err(format!("{scheme} has no ports: leave :{port} out")),
    };
    Ok(match scheme {
        "icmp" => Check::Icmp(round((none()?, 0), defaults::TIMEOUT_MS, Some(defaults::PAYLOAD_BYTES), query)?),
        "tcp" => Check::Tcp(round(needed()?, defaults::TCP_TIMEOUT_MS, None, query)?),
        "udp" => {
            let at = or(defaults::UDP_ECHO_PORT)?;
            Check::Udp(round(at, defaults::TIMEOUT_MS, Some(defaults::PAYLOAD_BYTES), query)?)
        }
        "mtu" => Check::Mtu(HostSpec {
            host: none()?,
            family: query.family()?,
            timeout_ms: timeout(query, defaults::MTU_TIMEOUT_MS)?,
        }),
        "path" => Check::Path(path(given()?, query)?),
        "redis" => {
            let (host, port) = or(defaults::REDIS_PORT)?;
            let packets = query.number("packets", defaults::PACKETS, 1..=PACKETS_MAX)?;
            let (lock, family) = (query.flag("lock")?, query.family()?);
            Check::Redis(RedisSpec {
                host,
                family,
                port,
                packets,
                lock,
                timeout_ms: timeout(query, defaults::TIMEOUT_MS)?,
            })
        }
        "netloom" => Check::Throughput(throughput(needed()?, query)?),
        "iperf3" => Check::Iperf3(iperf3(or(defaults::IPERF3_PORT)?, query)?),
        _ => return Err(unknown()),
    })
}

fn timeout(query: &mut Query<'_>, usual: u64) -> Result<u64, String> {
    query.number("timeout_ms", usual, INTERVAL_MIN_MS..=WAIT_MAX_MS)
}

fn round(at: (String, u16), timeout_ms: u64, payload: Option<u16>, query: &mut Query<'_>) -> Result<RoundSpec, String> {
    let (host, port) = at;
    Ok(RoundSpec {
        host,
        port,
        family: query.family()?,
        packets: query.number("packets", defaults::PACKETS, 1..=PACKETS_MAX)?,
        interval_ms: query.number("interval_ms", defaults::INTERVAL_MS, INTERVAL_MIN_MS..=WAIT_MAX_MS)?,
        timeout_ms: timeout(query, timeout_ms)?,
        payload_bytes: match payload {
            Some(usual) => query.number("payload_bytes", usual, 0..=PAYLOAD_MAX_BYTES)?,
            None => 0,
        },
    })
}

fn dns(rest: &str, query: &mut Query<'_>) -> Result<Check, String> {
    let (server, name) = rest.split_once('/').unwrap_or((rest, ""));
    if name.is_empty() {
        return Err("the name to ask for is missing: dns://SERVER/NAME".to_owned());
    }
    let (host, port) = place(server)?;
    let record = RecordType::parse(query.text("type").unwrap_or(defaults::DNS_RECORD))?;
    if name.contains(['/', '?', '#', '&']) {
        return Err(format!("{name:?} is no domain name"));
    }
    Asked::new(0, name, record)?;
    let server = match port.filter(|port| *port != defaults::DNS_PORT) {
        Some(port) => At(&host, port, defaults::DNS_PORT).to_string(),
        None => host,
    };
    let timeout_ms = timeout(query, defaults::DNS_TIMEOUT_MS)?;
    Ok(Check::Dns(DnsSpec { server, name: name.to_owned(), record: record.word().to_owned(), timeout_ms }))
}

fn http(text: &str) -> Result<Check, String> {
    let (url, query) = text.split_once('#').unwrap_or((text, ""));
    WebAddress::parse(url)?;
    let mut query = Query::parse(query)?;
    let timeout_ms = timeout(&mut query, defaults::HTTP_TIMEOUT_MS)?;
    query.end()?;
    Ok(Check::Http(HttpSpec { url: url.to_owned(), timeout_ms }))
}

fn download(text: &str) -> Result<Check, String> {
    let (url, query) = text.split_once('#').unwrap_or((text, ""));
    WebAddress::parse(url)?;
    let mut query = Query::parse(query)?;
    let duration_ms = query.number("duration_ms", defaults::DOWNLOAD_MS, 1..=DURATION_MAX_MS)?;
    let bytes_max = query.number("bytes_max", defaults::DOWNLOAD_BYTES, 1..=u64::MAX)?;
    query.end()?;
    Ok(Check::Download(DownloadSpec { url: url.to_owned(), duration_ms, bytes_max }))
}

/// The port that a path takes where its address names none.
pub(super) fn path_port(mode: ProbeMode) -> u16 {
    match mode {
        ProbeMode::Icmp => 0,
        ProbeMode::Udp => defaults::PATH_UDP_PORT,
        ProbeMode::Tcp => defaults::PATH_TCP_PORT,
    }
}

fn path((host, port): (String, Option<u16>), query: &mut Query<'_>) -> Result<PathSpec, String> {
    let modes = [ProbeMode::Icmp, ProbeMode::Udp, ProbeMode::Tcp].map(|mode| (mode.label(), mode));
    let mode = query.choice("mode", &modes, ProbeMode::Icmp)?;
    if let Some(port) = port.filter(|_| mode == ProbeMode::Icmp) {
        return Err(format!("ICMP has no ports: leave :{port} out, or say mode=tcp or mode=udp"));
    }
    Ok(PathSpec {
        host,
        family: query.family()?,
        mode,
        port: port.unwrap_or(path_port(mode)),
        flows: query.number("flows", defaults::PATH_FLOWS, 1..=FLOWS_MAX)?,
        probes: query.number("probes", defaults::PATH_PROBES, 1..=PROBES_MAX)?,
        hops_max: query.number("hops_max", defaults::PATH_HOPS_MAX, 1..=HOPS_MAX)?,
        timeout_ms: timeout(query, defaults::TIMEOUT_MS)?,
    })
}

/// What tests of throughput of both kinds have in common.
struct Load {
    protocol: Protocol,
    direction: Direction,
    streams: u16,
    duration_ms: u64,
    warm_up_ms: u64,
    rate_bps: u64,
}

fn load(query: &mut Query<'_>) -> Result<Load, String> {
    let protocol = query.choice("protocol", &[("tcp", Protocol::Tcp), ("udp", Protocol::Udp)], Protocol::Tcp)?;
    let directions = [("up", Direction::Up), ("down", Direction::Down), ("both", Direction::Both)];
    Ok(Load {
        protocol,
        direction: query.choice("direction", &directions, Direction::Up)?,
        streams: query.number("streams", defaults::STREAMS, 1..=STREAMS_MAX)?,
        duration_ms: query.number("duration_ms", defaults::THROUGHPUT_MS, 1..=DURATION_MAX_MS)?,
        warm_up_ms: query.number("warm_up_ms", defaults::WARM_UP_MS, 0..=WAIT_MAX_MS)?,
        rate_bps: match protocol {
            Protocol::Udp => query.number("rate_bps", defaults::UDP_RATE_BPS, RATES_BPS)?,
            Protocol::Tcp => 0,
        },
    })
}

fn throughput((host, port): (String, u16), query: &mut Query<'_>) -> Result<ThroughputSpec, String> {
    let Load { protocol, direction, streams, duration_ms, warm_up_ms, rate_bps } = load(query)?;
    let bytes_max = query.number("bytes_max", defaults::THROUGHPUT_BYTES, 1..=u64::MAX)?;
    let (family, ticket) = (query.family()?, String::new());
    let spec = ThroughputSpec {
        host,
        family,
        port,
        ticket,
        protocol,
        direction,
        streams,
        duration_ms,
        warm_up_ms,
        bytes_max,
        rate_bps,
    };
    spec.check().map_err(blamed)?;
    Ok(spec)
}

fn iperf3((host, port): (String, u16), query: &mut Query<'_>) -> Result<IperfSpec, String> {
    let Load { protocol, direction, streams, duration_ms, warm_up_ms, rate_bps } = load(query)?;
    let family = query.family()?;
    let spec = IperfSpec { host, family, port, protocol, direction, streams, duration_ms, warm_up_ms, rate_bps };
    spec.check().map_err(blamed)?;
    Ok(spec)
}

fn blamed((field, why): (&'static str, String)) -> String {
    format!("{field} {why}")
}
