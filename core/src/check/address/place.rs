//! Host and port, as they stand in addresses.

use std::{fmt, net::Ipv6Addr};

/// The longest name of a host, characters (RFC 1035 section 2.3.4).
pub const HOST_MAX_CHARS: usize = 253;

/// Host and port out of `host`, `host:port`, `[v6]` or `[v6]:port`; a bare address of version 6 is one, too.
///
/// # Errors
/// What is wrong with it, in a phrase.
pub fn place(text: &str) -> Result<(String, Option<u16>), String> {
    if text.contains('@') {
        let where_then = "that of Redis is read from the environment variable NETLOOM_REDIS_PASSWORD";
        return Err(format!("names and passwords do not belong into addresses: {where_then}"));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text.to_owned(), None));
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(|| format!("{text:?} lacks its closing bracket"))?;
        host.parse::<Ipv6Addr>().map_err(|_| format!("{host:?} in brackets is no IPv6 address"))?;
        match port.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if port.is_empty() => (host, None),
            None => return Err(format!("{text:?} has something behind its bracket that is no port")),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (check_name(host)?, Some(port)),
            None => (check_name(text)?, None),
        }
    };
    let port = port.map(|port| {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let number = port.parse().ok().filter(|number| digits && *number > 0);
        number.ok_or_else(|| format!("{port:?} is no port: ports are numbers from 1 to 65535"))
    });
    Ok((host.to_owned(), port.transpose()?))
}

fn check_name(host: &str) -> Result<&str, String> {
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if host.len() > HOST_MAX_CHARS {
        return Err(format!("the host has more than {HOST_MAX_CHARS} characters"));
    }
    match host.chars().find(|c| !(c.is_ascii_alphanumeric() || "-._".contains(*c))) {
        None if host.starts_with('-') => Err(format!("{host:?} begins with a hyphen, as no host does")),
        None => Ok(host),
        Some(c) if !c.is_ascii() => Err(format!("{host:?} is not ASCII: write it as it is registered (xn--...)")),
        Some(c) => Err(format!("{c:?} in {host:?} does not belong into the name of a host")),
    }
}

/// Writes host and port; a port that is usual is left out.
pub(super) struct At<'a>(pub &'a str, pub u16, pub u16);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port, usual) = self;
        if host.contains(':') {
            write!(f, "[{host}]")?;
        } else {
            f.write_str(host)?;
        }
        if port == usual { Ok(()) } else { write!(f, ":{port}") }
    }
}
