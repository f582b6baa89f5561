//! Checks as addresses: `tcp://host:443?packets=3`, as they stand in settings, on the command line and in diagnoses.
//!
//! What an address does not say is as in [`defaults`]; what is not understood is refused, with what would be. The
//! parameters of `http` and `download` stand behind `#`, because what stands behind `?` belongs to the server.

pub mod defaults;
mod place;
mod query;
mod read;
mod write;

pub use self::place::{HOST_MAX_CHARS, place};

/// The kinds of addresses, for people.
pub const FORMS: &str = "icmp://HOST, tcp://HOST:PORT, udp://HOST[:PORT], dns://SERVER/NAME[?type=AAAA], \
                         http[s]://HOST[/PATH], download+http[s]://HOST/PATH, redis://HOST[:PORT][?lock=true], \
                         path://HOST[?mode=tcp], mtu://HOST, netloom://HOST:PORT, iperf3://HOST[:PORT], interfaces: or \
                         connections:";

/// Probes of one check at most.
pub const PACKETS_MAX: u32 = 1_000;
/// The shortest interval between probes, ms: more is a load test.
pub const INTERVAL_MIN_MS: u64 = 10;
/// The longest interval and the longest timeout, ms: somebody waits for the end.
pub const WAIT_MAX_MS: u64 = 60_000;
/// The largest payload, bytes: what fits into a packet of IPv4, with the headers of IP and ICMP.
pub const PAYLOAD_MAX_BYTES: u16 = 65_507;
/// The longest test of throughput or download, ms.
pub const DURATION_MAX_MS: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::{
        check::{
            Check,
            spec::{DnsSpec, DownloadSpec, Family, HostSpec, HttpSpec, PathSpec, RedisSpec, RoundSpec},
            throughput::{Direction, IperfSpec, Protocol, STREAMS_MAX, ThroughputSpec},
        },
        probe::ProbeMode,
    };

    fn family() -> impl Strategy<Value = Family> {
        select(vec![Family::Any, Family::V4, Family::V6])
    }

    fn host() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9_][a-zA-Z0-9_.-]{0,30}",
            any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
            any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
        ]
    }

    fn wait() -> impl Strategy<Value = u64> {
        INTERVAL_MIN_MS..=WAIT_MAX_MS
    }

    fn rounds() -> impl Strategy<Value = Check> {
        let parts = (host(), family(), 1..=u16::MAX, 1..=PACKETS_MAX, wait(), wait(), 0..=PAYLOAD_MAX_BYTES, 0..3);
        parts.prop_map(|(host, family, port, packets, interval_ms, timeout_ms, payload_bytes, kind)| {
            let spec = RoundSpec { host, family, port, packets, interval_ms, timeout_ms, payload_bytes };
            match kind {
                0 => Check::Icmp(RoundSpec { port: 0, ..spec }),
                1 => Check::Tcp(RoundSpec { payload_bytes: 0, ..spec }),
                _ => Check::Udp(spec),
            }
        })
    }

    fn urls() -> impl Strategy<Value = Check> {
        let url = "https?://[a-z][a-z0-9.]{0,20}(:[1-9][0-9]{0,3})?(/[a-z0-9/%._-]{0,20})?(\\?[a-z=&+,;~!]{0,10})?";
        (url, wait(), 1..=DURATION_MAX_MS, 1..u64::MAX, any::<bool>()).prop_map(
            |(url, timeout_ms, duration_ms, bytes_max, is_download)| {
                if is_download {
                    Check::Download(DownloadSpec { url, duration_ms, bytes_max })
                } else {
                    Check::Http(HttpSpec { url, timeout_ms })
                }
            },
        )
    }

    fn others() -> impl Strategy<Value = Check> {
        let record = select(vec!["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]);
        let server = (host(), proptest::option::of(1..=u16::MAX)).prop_map(|(host, port)| match port {
            Some(port) if port != defaults::DNS_PORT && host.contains(':') => format!("[{host}]:{port}"),
            Some(port) if port != defaults::DNS_PORT => format!("{host}:{port}"),
            _ => host,
        });
        let mode = select(vec![ProbeMode::Icmp, ProbeMode::Udp, ProbeMode::Tcp]);
        prop_oneof![
            (server, "[a-z0-9_]{1,8}(\\.[a-z]{1,8}){0,4}\\.?", record, wait()).prop_map(
                |(server, name, record, timeout_ms)| {
                    Check::Dns(DnsSpec { server, name, record: record.to_owned(), timeout_ms })
                }
            ),
            (host(), family(), 1..=u16::MAX, 1..=PACKETS_MAX, any::<bool>(), wait()).prop_map(
                |(host, family, port, packets, lock, timeout_ms)| {
                    Check::Redis(RedisSpec { host, family, port, packets, lock, timeout_ms })
                }
            ),
            (host(), family(), wait())
                .prop_map(|(host, family, timeout_ms)| { Check::Mtu(HostSpec { host, family, timeout_ms }) }),
            (host(), family(), mode, 1..=u16::MAX, 1_u16..=16, 1_u16..=10, 1_u8..=64, wait()).prop_map(
                |(host, family, mode, port, flows, probes, hops_max, timeout_ms)| {
                    let port = if mode == ProbeMode::Icmp { 0 } else { port };
                    Check::Path(PathSpec { host, family, mode, port, flows, probes, hops_max, timeout_ms })
                }
            ),
            Just(Check::Interfaces),
            Just(Check::Connections),
        ]
    }

    fn tests_of_throughput() -> impl Strategy<Value = Check> {
        let protocol = select(vec![Protocol::Tcp, Protocol::Udp]);
        let direction = select(vec![Direction::Up, Direction::Down, Direction::Both]);
        let parts = (host(), family(), 1..=u16::MAX, protocol, direction, 1..=STREAMS_MAX, 1..=DURATION_MAX_MS);
        (parts, 0..=WAIT_MAX_MS, 1..u64::MAX, 1_000..1_000_000_000_000_u64, any::<bool>()).prop_map(
            |((host, family, port, protocol, direction, streams, duration_ms), warm_up_ms, bytes_max, rate, is_own)| {
                let rate_bps = if protocol == Protocol::Udp { rate } else { 0 };
                if is_own {
                    let ticket = String::new();
                    Check::Throughput(ThroughputSpec {
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
                    })
                } else {
                    Check::Iperf3(IperfSpec {
                        host,
                        family,
                        port,
                        protocol,
                        direction,
                        streams,
                        duration_ms,
                        warm_up_ms,
                        rate_bps,
                    })
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            check in prop_oneof![rounds(), urls(), others(), tests_of_throughput()]
        ) {
            let address = check.to_string();
            prop_assert_eq!(Check::parse(&address), Ok(check), "{}", address);
        }

        #[test]
        fn no_text_makes_it_panic(text in "([a-z3+]{1,12}:/?/?)?.{0,60}") {
            if let Ok(check) = Check::parse(&text) {
                prop_assert_eq!(Check::parse(&check.to_string()), Ok(check));
            }
        }
    }

    #[test]
    fn short_addresses_stay_short() {
        for address in [
            "icmp://10.0.0.1",
            "icmp://[2001:db8::1]",
            "tcp://a.example:443",
            "udp://a",
            "dns://10.0.0.53/example.org",
            "dns://[::1]:5353/example.org?type=AAAA",
            "https://a.example/x?y=1",
            "https://a.example#timeout_ms=100",
            "download+https://a/file",
            "redis://a",
            "redis://a:6380?lock=true",
            "path://a?mode=udp&flows=1",
            "mtu://a",
            "netloom://a:7000",
            "iperf3://a?streams=1",
            "interfaces:",
            "connections:",
            "icmp://a?packets=10&family=6",
        ] {
            let check = Check::parse(address).expect(address);
            assert_eq!(check.to_string(), address);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (address, culprit) in [
            ("", "tcp://HOST:PORT"),
            ("a.example", "tcp://HOST:PORT"),
            ("gopher://a", "gopher"),
            ("rediss://a", "TLS"),
            ("tcp://a", "port"),
            ("tcp://a:0", "from 1 to 65535"),
            ("tcp://a:65536", "from 1 to 65535"),
            ("tcp://a:+80", "from 1 to 65535"),
            ("tcp://:80", "host is missing"),
            ("tcp://a b:80", "' '"),
            ("tcp://-a:80", "hyphen"),
            ("tcp://[::1:80", "bracket"),
            ("tcp://b\u{fc}cher.example:80", "xn--"),
            ("icmp://a:80", "no port"),
            ("icmp://a/b", "/b"),
            ("icmp://a?packets=0", "from 1 to"),
            ("icmp://a?packets=1&packets=2", "twice"),
            ("icmp://a?colour=red", "packets"),
            ("icmp://a?family=5", "4, 6"),
            ("redis://user:secret@a", "NETLOOM_REDIS_PASSWORD"),
            ("redis://a?lock=yes", "true, false"),
            ("dns://a", "name"),
            ("dns://a/x..y", "domain name"),
            ("dns://a/x?type=ANY", "AAAA"),
            ("http://a#speed=1", "timeout_ms"),
            ("interfaces:x", "interfaces:"),
            ("netloom://a", "port"),
        ] {
            let error = Check::parse(address).expect_err(address);
            assert!(error.contains(culprit), "{address}: {error}");
        }
    }
}
