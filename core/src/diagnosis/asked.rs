//! What people name when they ask for a diagnosis: hosts, hosts with a port, or checks as addresses.

use crate::check::Check;

/// The longest name of a host (RFC 1035 section 2.3.4).
const HOST_MAX_CHARS: usize = 253;

/// One thing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A host, and a port of it when one was named.
    Host {
        /// A name or an address.
        host: String,
        /// A TCP port.
        port: Option<u16>,
    },
    /// A check.
    Check(Check),
}

impl Asked {
    /// Reads `host`, `host:port`, `[v6]:port`, or the address of a check.
    ///
    /// # Errors
    /// One phrase that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains("://") || matches!(text, "interfaces:" | "connections:") {
            return Check::parse(text).map(Asked::Check);
        }
        if text.parse::<std::net::IpAddr>().is_ok() {
            return Ok(Asked::Host { host: text.to_owned(), port: None });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or("none"))),
            None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return Err(format!("{text:?}: behind the colon belongs a port from 1 to 65535")),
        };
        let is_v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
        if !is_v6 && !is_host_name(host) {
            return Err(format!("{text:?} is neither a host nor the address of a check"));
        }
        Ok(Asked::Host { host: host.to_owned(), port })
    }
}

/// Whether it may be the name of a host. Underscores are not allowed there, and are used all the same.
fn is_host_name(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !host.is_empty()
        && host.len() <= HOST_MAX_CHARS
        && host.bytes().all(is_plain)
        && !host.starts_with(['-', '.'])
        && !host.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        let host = |host: &str, port| Ok(Asked::Host { host: host.to_owned(), port });
        for (text, expected) in [
            ("node-7", host("node-7", None)),
            (" db.example.org:5432 ", host("db.example.org", Some(5432))),
            ("10.0.0.1", host("10.0.0.1", None)),
            ("fd00::1", host("fd00::1", None)),
            ("[fd00::1]:22", host("fd00::1", Some(22))),
            ("[fd00::1]", host("fd00::1", None)),
        ] {
            assert_eq!(Asked::parse(text), expected, "{text}");
        }
        assert!(matches!(Asked::parse("redis://10.0.0.5"), Ok(Asked::Check(Check::Redis(_)))));
        assert_eq!(Asked::parse("connections:"), Ok(Asked::Check(Check::Connections)));
        for bad in [
            "",
            " ",
            "a b",
            "-rf",
            "a:0",
            "a:70000",
            "a:",
            "[::1]x",
            "a..b",
            "<b>",
            "a/b",
            "gopher://a",
            &"x".repeat(254),
        ] {
            assert!(Asked::parse(bad).is_err(), "{bad}");
        }
    }
}
