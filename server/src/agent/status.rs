//! What the agent measures and whether that works: the part of a node's status that only the node knows.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use netloom_core::{
    api::{Measurement, MeasurementState, NodeInfo, TargetInfo},
    check::interface::InterfaceDepth,
    mesh::Echo,
    time::Timestamp,
    topology::Interface,
};
use sysinfo::System;

/// A handle to the agent's status. Cheap to clone; the lock is held for copies only.
#[derive(Clone)]
pub struct StatusBoard {
    shared: Arc<Mutex<Shared>>,
}

/// How often counts of errors are told when nothing else of an interface changed, ms: series tell them as they happen.
const COUNTS_INTERVAL_MS: i64 = 60_000;

struct Shared {
    info: NodeInfo,
    /// Where each measurement stands: a thousand targets tell of themselves every second.
    places: HashMap<String, usize>,
    counts_at: Timestamp,
    is_changed: bool,
}

impl StatusBoard {
    /// The status of a node that has just started.
    pub fn new(node: &str, started_at: Timestamp) -> Self {
        let os = [
            System::name(),
            System::os_version(),
            System::kernel_version().map(|version| format!("(kernel {version})")),
        ];
        let info = NodeInfo {
            node: node.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            os: os.into_iter().flatten().collect::<Vec<_>>().join(" "),
            started_at,
            interfaces: Vec::new(),
            targets: Vec::new(),
            measurements: Vec::new(),
            echo: None,
            depth: Vec::new(),
        };
        Self {
            shared: Arc::new(Mutex::new(Shared {
                info,
                places: HashMap::new(),
                counts_at: Timestamp(0),
                is_changed: true,
            })),
        }
    }

    /// Notes when the agent started.
    pub fn set_started(&self, at: Timestamp) {
        let mut shared = self.lock();
        (shared.info.started_at, shared.is_changed) = (at, true);
    }

    /// Notes how a measurement fares. Only a change of state or reason moves its `since`.
    pub fn set(&self, name: &str, state: MeasurementState, detail: &str, now: Timestamp) {
        let mut shared = self.lock();
        let shared = &mut *shared;
        let known = shared.places.get(name).and_then(|place| shared.info.measurements.get_mut(*place));
        match known {
            Some(known) if known.state == state && known.detail == detail => return,
            Some(known) => {
                known.since = if known.state == state { known.since } else { now };
                known.state = state;
                detail.clone_into(&mut known.detail);
            }
            None => {
                let measurement = Measurement { name: name.to_owned(), state, detail: detail.to_owned(), since: now };
                shared.places.insert(name.to_owned(), shared.info.measurements.len());
                shared.info.measurements.push(measurement);
            }
        }
        shared.is_changed = true;
    }

    /// Notes the outcome of a measurement that either works or says why not.
    pub fn set_result(&self, name: &str, result: &Result<(), String>, now: Timestamp) {
        match result {
            Ok(()) => self.set(name, MeasurementState::Working, "", now),
            Err(cause) => self.set(name, MeasurementState::Failing, cause, now),
        }
    }

    /// Forgets the measurements that `keep` does not want.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut shared = self.lock();
        let before = shared.info.measurements.len();
        shared.info.measurements.retain(|measurement| keep(&measurement.name));
        if shared.info.measurements.len() != before {
            let places = shared.info.measurements.iter().enumerate();
            shared.places = places.map(|(place, measurement)| (measurement.name.clone(), place)).collect();
            shared.is_changed = true;
        }
    }

    /// Notes the interfaces.
    pub fn set_interfaces(&self, interfaces: &[Interface]) {
        let mut shared = self.lock();
        if shared.info.interfaces != interfaces {
            shared.info.interfaces = interfaces.to_vec();
            shared.is_changed = true;
        }
    }

    /// Notes the interfaces in depth. When nothing but counts went on, that is told once a minute only.
    pub fn set_depth(&self, mut depth: Vec<InterfaceDepth>, now: Timestamp) {
        // Packets always go on, and are series anyway: with them there would be something to tell every minute.
        depth.iter_mut().for_each(|one| (one.rx_packets, one.tx_packets) = (None, None));
        let mut shared = self.lock();
        if shared.info.depth == depth {
            return;
        }
        let is_same = shared
            .info
            .depth
            .iter()
            .map(InterfaceDepth::without_counts)
            .eq(depth.iter().map(InterfaceDepth::without_counts));
        if !is_same || now.ms() - shared.counts_at.ms() >= COUNTS_INTERVAL_MS {
            (shared.info.depth, shared.counts_at, shared.is_changed) = (depth, now, true);
        }
    }

    /// Notes the targets.
    pub fn set_targets(&self, targets: Vec<TargetInfo>) {
        let mut shared = self.lock();
        if shared.info.targets != targets {
            shared.info.targets = targets;
            shared.is_changed = true;
        }
    }

    /// Notes where the node answers the probes of others.
    pub fn set_echo(&self, echo: Option<Echo>) {
        let mut shared = self.lock();
        if shared.info.echo != echo {
            shared.info.echo = echo;
            shared.is_changed = true;
        }
    }

    /// The status, if it changed since it was last taken.
    pub fn take_change(&self) -> Option<NodeInfo> {
        let mut shared = self.lock();
        std::mem::take(&mut shared.is_changed).then(|| shared.info.clone())
    }

    /// Has the status sent again: the batch that carried it got lost.
    pub fn put_back(&self) {
        self.lock().is_changed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_alone_are_told_now_and_then() {
        let board = StatusBoard::new("n1", Timestamp(0));
        let depth = |errors: u64, is_up: bool| {
            let errors = [("rx_errors".to_owned(), errors)].into();
            vec![InterfaceDepth { name: "eth0".into(), is_up, errors, ..InterfaceDepth::default() }]
        };
        let told = |depth, at| {
            board.set_depth(depth, Timestamp(at));
            board.take_change().map(|info| info.depth)
        };
        assert_eq!(told(depth(1, true), 1_000), Some(depth(1, true)));
        assert_eq!(told(depth(2, true), 2_000), None);
        assert_eq!(told(depth(2, false), 3_000), Some(depth(2, false)), "it went down");
        assert_eq!(told(depth(3, false), 3_000 + COUNTS_INTERVAL_MS), Some(depth(3, false)));
    }

    #[test]
    fn only_changes_are_told_and_a_state_keeps_its_start() {
        let board = StatusBoard::new("n1", Timestamp(0));
        assert!(board.take_change().is_some());
        assert!(board.take_change().is_none());
        board.set("probe a", MeasurementState::Failing, "no route", Timestamp(1));
        board.set("probe a", MeasurementState::Failing, "no route", Timestamp(2));
        board.set("probe a", MeasurementState::Failing, "no name", Timestamp(3));
        let info = board.take_change().expect("changed");
        assert_eq!(info.measurements[0].since, Timestamp(1));
        assert_eq!(info.measurements[0].detail, "no name");
        board.set("probe b", MeasurementState::Working, "", Timestamp(4));
        board.retain(|name| name != "probe a");
        board.set("probe b", MeasurementState::Failing, "no route", Timestamp(5));
        let left = board.take_change().expect("changed").measurements;
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].name.as_str(), left[0].since), ("probe b", Timestamp(5)));
    }
}
