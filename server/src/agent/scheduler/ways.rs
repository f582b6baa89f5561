//! The ways to the hub and to the peers of the mesh, one after the other, spread over the interval.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use netloom_core::{
    api::{AgentConfig, MeasurementState},
    check::{Check, Outcome, Phase, series},
    settings::checks::PATH_PEERS_MAX,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    job::Runs,
    plan::{PATH, is_elsewhere},
};

/// The label `dst` of the way to the hub, which is that of the target, too.
const HUB: &str = "hub";

/// Looks at one way after the other until the orders end.
pub(super) async fn run(runs: &Runs, hub: Option<IpAddr>, every: Duration, mut config: watch::Receiver<AgentConfig>) {
    let (mut turns, mut faults) = (Turns::default(), BTreeMap::new());
    loop {
        let peers = peers(&config.borrow_and_update());
        let Some((dst, address)) = turns.next(hub, &peers) else {
            let why = "nothing to look at: the hub is on this machine, and no node of the mesh is elsewhere";
            runs.note(PATH, (MeasurementState::Off, why.to_owned()));
            if config.changed().await.is_err() {
                return;
            }
            continue;
        };
        let next = Instant::now() + every / ways_of(hub, &peers).max(1) as u32;
        let Ok(check) = Check::parse(&way(address)) else { return };
        let Some(mut finding) = runs.run(&check).await else { return };
        let is_denied = matches!(finding.outcome, Outcome::Failed { phase: Phase::Prepare, .. });
        let (by_udp, mut check) = (Check::parse(&format!("{}?mode=udp", way(address))), check);
        // UDP needs no permission.
        if let (true, Ok(by_udp)) = (is_denied, by_udp) {
            check = by_udp;
            let Some(found) = runs.run(&check).await else { return };
            finding = found;
        }
        faults.retain(|known, _| known == HUB || peers.contains_key(known));
        match series::state(&finding) {
            // Hosts that do not answer are no fault of the look.
            (MeasurementState::Working | MeasurementState::Degraded, _) => faults.remove(&dst),
            (_, why) => faults.insert(dst.clone(), why),
        };
        runs.note(PATH, state(&faults, ways_of(hub, &peers)));
        if !runs.tell(&dst, &check, finding).await {
            return;
        }
        sleep_until(next).await;
    }
}

/// Ways in one interval.
fn ways_of(hub: Option<IpAddr>, peers: &BTreeMap<String, IpAddr>) -> usize {
    usize::from(hub.is_some()) + peers.len().min(PATH_PEERS_MAX)
}

/// The peers on other machines.
fn peers(config: &AgentConfig) -> BTreeMap<String, IpAddr> {
    let orders = config.mesh.as_ref().filter(|_| config.settings.mesh.enabled);
    let all = orders.map(|orders| orders.peers.as_slice()).unwrap_or_default();
    let place = |peer: &netloom_core::mesh::Peer| (peer.node.clone(), peer.address.ip().to_canonical());
    all.iter().map(place).filter(|(_, address)| is_elsewhere(*address)).collect()
}

/// The way to an address as a check.
fn way(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("path://{address}"),
        IpAddr::V6(address) => format!("path://[{address}]"),
    }
}

fn state(faults: &BTreeMap<String, String>, ways: usize) -> (MeasurementState, String) {
    let Some((dst, why)) = faults.iter().next() else {
        return (MeasurementState::Working, String::new());
    };
    if faults.len() >= ways {
        return (MeasurementState::Failing, why.clone());
    }
    (MeasurementState::Degraded, format!("{} of the ways cannot be looked at, such as to {dst}: {why}", faults.len()))
}

/// Whose turn it is: the hub, then a few peers, then the hub again and the peers that come next.
#[derive(Debug, Default)]
struct Turns {
    /// Peers since the hub.
    peers: usize,
    has_begun: bool,
    last: String,
}

impl Turns {
    fn next(&mut self, hub: Option<IpAddr>, peers: &BTreeMap<String, IpAddr>) -> Option<(String, IpAddr)> {
        let is_hubs = !self.has_begun || self.peers >= PATH_PEERS_MAX.min(peers.len());
        if let Some(hub) = hub.filter(|_| is_hubs) {
            (self.peers, self.has_begun) = (0, true);
            return Some((HUB.to_owned(), hub));
        }
        let after = peers.iter().find(|(name, _)| **name > self.last);
        let (name, address) = after.or_else(|| peers.iter().next())?;
        self.peers += 1;
        name.clone_into(&mut self.last);
        Some((name.clone(), *address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(count: usize) -> BTreeMap<String, IpAddr> {
        (0..count).map(|at| (format!("n{at:02}"), IpAddr::from([10, 0, 0, at as u8]))).collect()
    }

    #[test]
    fn the_hub_comes_once_and_peers_in_turn() {
        let (mut turns, hub) = (Turns::default(), Some(IpAddr::from([10, 0, 1, 1])));
        let mut take = |peers: &BTreeMap<String, IpAddr>, count: usize| -> Vec<String> {
            (0..count).filter_map(|_| turns.next(hub, peers)).map(|(dst, _)| dst).collect()
        };
        let first = take(&all(12), 1 + PATH_PEERS_MAX);
        assert_eq!(first, ["hub", "n00", "n01", "n02", "n03", "n04", "n05", "n06", "n07"]);
        assert_eq!(take(&all(12), 7), ["hub", "n08", "n09", "n10", "n11", "n00", "n01"]);
        // Orders may change at any time.
        assert_eq!(take(&all(3), 5), ["hub", "n02", "n00", "n01", "hub"]);
        assert_eq!(take(&all(0), 2), ["hub", "hub"]);
        let mut without = Turns::default();
        assert_eq!(without.next(None, &all(0)), None);
        assert_eq!(without.next(None, &all(1)).map(|(dst, _)| dst), Some("n00".to_owned()));
    }

    #[test]
    fn some_ways_that_fail_are_a_lesser_measurement_and_all_are_none() {
        let faults = |count: usize| (0..count).map(|at| (format!("n{at}"), "no permission".to_owned())).collect();
        assert_eq!(state(&faults(0), 3).0, MeasurementState::Working);
        assert_eq!(state(&faults(1), 3).0, MeasurementState::Degraded);
        assert_eq!(state(&faults(3), 3), (MeasurementState::Failing, "no permission".to_owned()));
        assert_eq!(
            (way(IpAddr::from([10, 0, 0, 1])), way("::2".parse().expect("v6"))),
            ("path://10.0.0.1".into(), "path://[::2]".into())
        );
    }
}
