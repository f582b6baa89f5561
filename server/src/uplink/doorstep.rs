//! Connections of which it is not known yet whose they are: few in all, and fewer from one address, so that nobody without
//! a token can take the places of those that have one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Connections without a token at a time: half of all there may be, for a cluster whose hub has just started.
const UNKNOWN_MAX: usize = 2_048;
/// Those of one address: a machine with many agents, as a demo or a test has, connects all of them at once. At some ten
/// kilobytes each, an address can make the hub keep a few megabytes for it.
const UNKNOWN_PER_ADDRESS_MAX: usize = 512;
/// Bits of an address of version 6 that tell one network from the next: within it, anybody has all the addresses they want
/// (RFC 4291 section 2.5.4).
const NETWORK_BITS_V6: u32 = 64;

/// Who stands there.
#[derive(Debug, Default)]
pub(super) struct Doorstep {
    standing: Mutex<HashMap<IpAddr, usize>>,
}

/// A place on the doorstep, until it is known whose connection it is.
#[derive(Debug)]
struct Place {
    doorstep: Arc<Doorstep>,
    network: IpAddr,
}

/// A connection that may show a token.
#[derive(Debug, Clone)]
pub(super) struct Visitor(Arc<Mutex<Option<Place>>>);

impl Doorstep {
    /// A place for a connection from an address; `None` when too many have one.
    pub(super) fn take(self: &Arc<Self>, from: IpAddr) -> Option<Visitor> {
        let network = network(from);
        let mut standing = self.standing();
        let of_address = standing.get(&network).copied().unwrap_or(0);
        if of_address >= UNKNOWN_PER_ADDRESS_MAX || standing.values().sum::<usize>() >= UNKNOWN_MAX {
            return None;
        }
        standing.insert(network, of_address + 1);
        let place = Place { doorstep: self.clone(), network };
        Some(Visitor(Arc::new(Mutex::new(Some(place)))))
    }

    fn standing(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor {
    /// It showed a token that is good, and leaves the doorstep.
    pub(super) fn is_known(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut standing = self.doorstep.standing();
        if let Some(count) = standing.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                standing.remove(&self.network);
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) & (u128::MAX << (u128::BITS - NETWORK_BITS_V6))).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_cannot_take_all_places_and_who_is_known_needs_none() {
        let doorstep = Arc::new(Doorstep::default());
        let greedy = address("10.0.0.1");
        let mut visitors: Vec<Visitor> = std::iter::from_fn(|| doorstep.take(greedy)).collect();
        assert_eq!(visitors.len(), UNKNOWN_PER_ADDRESS_MAX);
        assert!(doorstep.take(address("::ffff:10.0.0.1")).is_none(), "it is the same address");
        assert!(doorstep.take(address("10.0.0.2")).is_some());
        visitors[0].is_known();
        visitors[0].is_known();
        visitors.push(doorstep.take(greedy).expect("one went"));
        assert!(doorstep.take(greedy).is_none());
        visitors.truncate(1);
        assert!(doorstep.standing().is_empty(), "one is known, the others are gone");
    }

    #[test]
    fn a_network_of_version_6_counts_as_one_and_all_together_are_bounded() {
        let doorstep = Arc::new(Doorstep::default());
        let mut visitors = Vec::new();
        for network in 0..9 {
            for host in 0..1_000 {
                visitors.extend(doorstep.take(address(&format!("2001:db8:0:{network}::{host:x}"))));
            }
            assert_eq!(visitors.len(), ((network + 1) * UNKNOWN_PER_ADDRESS_MAX).min(UNKNOWN_MAX));
        }
    }
}
