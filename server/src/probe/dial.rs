//! From a host to a connection over TCP, for whatever speaks over one.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use netloom_core::check::{Finding, Phase, spec::Family};
use tokio::net::TcpStream;

use super::steps::{Steps, seconds};
use crate::{
    check::{NAME_CURE, address_of},
    resolve::resolve_all,
};

/// Addresses of one name that are tried: one of each family, and one more.
const ADDRESSES_MAX: usize = 3;

/// Looks the host up and connects to the first of its addresses that takes the connection.
///
/// # Errors
/// The finding that says what failed.
pub(super) async fn dial(
    host: &str,
    port: u16,
    family: Family,
    until: Instant,
    steps: &mut Steps,
) -> Result<TcpStream, Finding> {
    let found = addresses_of(host, family).await;
    steps.end(Phase::Resolve);
    let addresses = found.map_err(|failed| steps.close(failed))?;
    if Instant::now() >= until {
        let cure = "see why the name servers of this machine take that long";
        return Err(steps.fail(Phase::Resolve, "looking up the name took all the time there is", cure));
    }
    let mut failed = None;
    let count = addresses.len();
    for (tried, address) in addresses.into_iter().enumerate() {
        steps.address = Some(address);
        // Each gets an equal share of what is left, so that a silent one does not keep the next from being tried.
        let left = until.saturating_duration_since(Instant::now());
        let share = left / (count - tried).max(1) as u32;
        match tokio::time::timeout(share, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => {
                steps.end(Phase::Connect);
                // What is sent here is small and waits for answers.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => failed = Some(cause(&error, port)),
            Err(_) => failed = Some(silent(port, share)),
        }
    }
    let (cause, cure) = failed.unwrap_or_else(|| silent(port, Duration::ZERO));
    Err(steps.fail(Phase::Connect, cause, cure))
}

/// The addresses to try: with the family open, one of each that the name has, and one more.
async fn addresses_of(host: &str, family: Family) -> Result<Vec<IpAddr>, Finding> {
    if family != Family::Any {
        return Ok(vec![address_of(host, family).await?]);
    }
    let found = resolve_all(host).await;
    let mut addresses = found.map_err(|cause| Finding::failed(Phase::Resolve, cause, NAME_CURE))?;
    // Those of the other family follow at once: that is the one that may help.
    let other = addresses.iter().position(|address| address.is_ipv6() != addresses[0].is_ipv6());
    if let Some(place) = other.filter(|place| *place > 1) {
        addresses.swap(1, place);
    }
    addresses.truncate(ADDRESSES_MAX);
    Ok(addresses)
}

fn silent(port: u16, waited: Duration) -> (String, String) {
    let cause = format!("port {port} does not answer within {}: it is filtered, or the host is down", seconds(waited));
    (cause, "let the firewalls on the way pass it, or see whether the host is up".to_owned())
}

/// What an error of connecting says, and what would help.
pub(super) fn cause(error: &io::Error, port: u16) -> (String, String) {
    let (cause, cure) = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            let cause = format!("port {port} is closed: the connection was refused");
            (cause, "start the service, or correct the port")
        }
        io::ErrorKind::ConnectionReset => {
            ("the connection was reset".to_owned(), "see whether the service or a firewall ends connections")
        }
        _ => return unreachable(error),
    };
    (cause, cure.to_owned())
}

/// What an error of reaching a host says, and what would help.
pub(super) fn unreachable(error: &io::Error) -> (String, String) {
    let (cause, cure) = match error.kind() {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => (
            "this machine has no route to it".to_owned(),
            "look at the routes of this machine (ip route), and whether it has an address of that family at all",
        ),
        io::ErrorKind::HostUnreachable => (
            "the host is unreachable: a router, or this machine's own search for it, says so".to_owned(),
            "see whether the host is up and the address right",
        ),
        io::ErrorKind::PermissionDenied => {
            ("this machine does not permit it".to_owned(), "look at this machine's firewall rules for what it sends")
        }
        _ => (error.to_string(), ""),
    };
    (cause, cure.to_owned())
}
