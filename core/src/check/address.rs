//! Checks as addresses.

use super::spec::{Check, DnsSpec, DownloadSpec, Family, HttpSpec, PathSpec, RedisSpec, RoundSpec};
use crate::probe::ProbeMode;

impl Check {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(address: &str) -> Result<Self, String> {
        let Some((kind, rest)) = address.split_once("://") else {
            return match address {
                "interfaces:" => Ok(Self::Interfaces),
                "connections:" => Ok(Self::Connections),
                _ => Err(format!("{address:?} is no address of a check")),
            };
        };
        let host = |rest: &str| rest.split(['/', '?']).next().unwrap_or_default().to_owned();
        let (name, port) = match host(rest).rsplit_once(':') {
            Some((name, port)) => (name.to_owned(), port.parse().map_err(|_| format!("{port:?} is no port"))?),
            None => (host(rest), 0),
        };
        if name.is_empty() {
            return Err("names no host".to_owned());
        }
        let family = Family::Any;
        let round = RoundSpec {
            host: name.clone(),
            family,
            port,
            packets: 3,
            interval_ms: 200,
            timeout_ms: 1_000,
            payload_bytes: 16,
        };
        Ok(match kind {
            "icmp" => Self::Icmp(round),
            "tcp" => Self::Tcp(round),
            "udp" => Self::Udp(round),
            "dns" => Self::Dns(DnsSpec {
                server: name,
                name: rest.split_once('/').map_or("example.org", |(_, name)| name).to_owned(),
                record: "A".to_owned(),
                timeout_ms: 2_000,
            }),
            "http" | "https" => Self::Http(HttpSpec { url: address.to_owned(), timeout_ms: 5_000 }),
            "download+https" => Self::Download(DownloadSpec {
                url: format!("https://{rest}"),
                duration_ms: 10_000,
                bytes_max: 1_000_000_000,
            }),
            "path" => Self::Path(PathSpec {
                host: name,
                family,
                mode: ProbeMode::Icmp,
                port: 0,
                flows: 1,
                probes: 1,
                hops_max: 30,
                timeout_ms: 1_000,
            }),
            "redis" => Self::Redis(RedisSpec { host: name, family, port, packets: 1, lock: false, timeout_ms: 1_000 }),
            _ => return Err(format!("{kind:?} is no kind of check")),
        })
    }
}
