//! Host names to addresses, by the system's resolver.

use std::{net::IpAddr, time::Duration};

/// A name that takes longer than this counts as unresolvable: somebody waits for the answer.
const RESOLVE_LIMIT: Duration = Duration::from_secs(3);

/// The address of a host: IPv4 when it has both, because that is what people mean by a bare name.
///
/// # Errors
/// One phrase that says what is wrong with the name.
pub async fn resolve(host: &str) -> Result<IpAddr, String> {
    let addresses = resolve_all(host).await?;
    addresses.first().copied().ok_or_else(|| format!("{host} has no address"))
}

/// Every address of a host, those of IPv4 first.
///
/// # Errors
/// One phrase that says what is wrong with the name.
pub async fn resolve_all(host: &str) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let found = tokio::time::timeout(RESOLVE_LIMIT, tokio::net::lookup_host((host, 0))).await;
    let mut addresses: Vec<IpAddr> = match found {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(error)) => return Err(format!("{host} does not resolve to an address ({error})")),
        Err(_) => return Err(format!("{host} did not resolve within {} s", RESOLVE_LIMIT.as_secs())),
    };
    // The order within each of the two is the resolver's.
    addresses.sort_by_key(IpAddr::is_ipv6);
    if addresses.is_empty() { Err(format!("{host} has no address")) } else { Ok(addresses) }
}
