//! What is checked, and how it is written as an address.

use serde::{Deserialize, Serialize};

use super::throughput::{IperfSpec, ThroughputSpec};
use crate::probe::ProbeMode;

/// One thing to check. Hosts are names or addresses, as people write them; whoever checks looks them up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Check {
    /// ICMP echo: `icmp://host`.
    Icmp(RoundSpec),
    /// Handshakes of TCP: `tcp://host:port`.
    Tcp(RoundSpec),
    /// UDP echo (RFC 862): `udp://host:port`.
    Udp(RoundSpec),
    /// One question to one name server: `dns://server/name?type=AAAA`.
    Dns(DnsSpec),
    /// A request over HTTP or HTTPS: `https://host/path`.
    Http(HttpSpec),
    /// The way of the packets: `path://host?mode=icmp&flows=4`.
    Path(PathSpec),
    /// The largest packet that passes whole: `mtu://host`.
    Mtu(HostSpec),
    /// Throughput to another node of Netloom: `netloom://host:port`.
    Throughput(ThroughputSpec),
    /// Throughput to a server of iperf3: `iperf3://host:port`.
    Iperf3(IperfSpec),
    /// The rate of a download: `download+https://host/path`.
    Download(DownloadSpec),
    /// PING of Redis, and with `?lock=true` the time of a lock: `redis://host:port`.
    Redis(RedisSpec),
    /// The interfaces of the node: `interfaces:`.
    Interfaces,
    /// The TCP connections of the node: `connections:`.
    Connections,
}

/// Which version of IP is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Whichever the name has, version 4 first.
    #[default]
    Any,
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

/// A host and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostSpec {
    /// A name or an address.
    pub host: String,
    /// Which version of IP.
    #[serde(default)]
    pub family: Family,
    /// The whole check is given up after this long, ms.
    pub timeout_ms: u64,
}

/// A round of equal probes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoundSpec {
    /// A name or an address.
    pub host: String,
    /// Which version of IP.
    #[serde(default)]
    pub family: Family,
    /// The port; 0 where there is none.
    #[serde(default)]
    pub port: u16,
    /// How many probes.
    pub packets: u32,
    /// From the start of one to the start of the next, ms.
    pub interval_ms: u64,
    /// How long each waits for its answer, ms.
    pub timeout_ms: u64,
    /// Bytes of payload, where the probe has one.
    pub payload_bytes: u16,
}

/// A question to a name server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DnsSpec {
    /// The name server, a name or an address, with a port when it is not 53.
    pub server: String,
    /// What is asked for.
    pub name: String,
    /// The type of record, as `dig` writes it: `A`, `AAAA`, `CNAME`, `MX`, `NS`, `PTR`, `SOA`, `SRV`, `TXT`.
    pub record: String,
    /// How long to wait, ms.
    pub timeout_ms: u64,
}

/// A request over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HttpSpec {
    /// Where to.
    pub url: String,
    /// The whole check is given up after this long, ms.
    pub timeout_ms: u64,
}

/// A look at the way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PathSpec {
    /// A name or an address.
    pub host: String,
    /// Which version of IP.
    #[serde(default)]
    pub family: Family,
    /// What the probes are.
    pub mode: ProbeMode,
    /// The port, of TCP and UDP.
    pub port: u16,
    /// How many flows take the way: routers choose among equal ways by the flow.
    pub flows: u16,
    /// Probes for each hop of a flow.
    pub probes: u16,
    /// The farthest hop that is looked for.
    pub hops_max: u8,
    /// How long a probe waits for its answer, ms.
    pub timeout_ms: u64,
}

/// A download.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DownloadSpec {
    /// What is downloaded.
    pub url: String,
    /// For how long at most, ms.
    pub duration_ms: u64,
    /// How much at most, bytes.
    pub bytes_max: u64,
}

/// A look at a Redis server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RedisSpec {
    /// A name or an address.
    pub host: String,
    /// Which version of IP.
    #[serde(default)]
    pub family: Family,
    /// The port.
    pub port: u16,
    /// How many PINGs, and how many cycles of the lock.
    pub packets: u32,
    /// Whether a lock is taken and released, too: `SET key token NX EX seconds`, and its release by the token's owner.
    #[serde(default)]
    pub lock: bool,
    /// How long each answer is waited for, ms.
    pub timeout_ms: u64,
}
