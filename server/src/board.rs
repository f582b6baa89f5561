//! What is known now: the newest value of every series, the nodes, the incidents. Ingest writes it, everybody reads it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use netloom_core::{
    api::{NodeInfo, NodeRole, NodeState, NodeStatus},
    health::Health,
    incident::{Incident, IncidentState},
    network::Newest,
    sample::{Readings, SeriesKey},
    time::Timestamp,
};

/// Incidents kept at hand; older ones are in the store.
const INCIDENTS_MAX: usize = 500;
/// Series whose newest value is kept. As many as the store takes.
const SERIES_MAX: usize = 20_000;

/// What is known now.
pub struct Board {
    shared: RwLock<Shared>,
}

struct Shared {
    newest: HashMap<SeriesKey, (i64, f64)>,
    nodes: BTreeMap<String, NodeStatus>,
    incidents: BTreeMap<u64, Incident>,
    health: Health,
}

impl Board {
    /// A board that knows the incidents of before.
    pub fn new(incidents: Vec<Incident>) -> Self {
        let shared = Shared {
            newest: HashMap::new(),
            nodes: BTreeMap::new(),
            incidents: incidents.into_iter().map(|incident| (incident.id, incident)).collect(),
            health: Health::judge(&[], &[]),
        };
        Self { shared: RwLock::new(shared) }
    }

    /// The newest value of every series, in no order.
    pub fn newest(&self) -> Vec<Newest> {
        let shared = self.read();
        let all = shared.newest.iter();
        all.map(|(series, (ts_ms, value))| Newest { series: series.clone(), ts_ms: *ts_ms, value: *value }).collect()
    }

    /// The newest value of every series, as an event carries them.
    pub fn newest_readings(&self) -> Readings {
        let mut readings = Readings::default();
        for (series, (ts_ms, value)) in &self.read().newest {
            readings.push(series.clone(), *ts_ms, *value);
        }
        readings
    }

    /// The nodes, by name.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.read().nodes.values().cloned().collect()
    }

    /// The incidents at hand, newest first; what never fired is left out once it is gone.
    pub fn incidents(&self) -> Vec<Incident> {
        self.read().incidents.values().rev().cloned().collect()
    }

    /// How the network fares.
    pub fn health(&self) -> Health {
        self.read().health.clone()
    }

    /// Takes samples; what is older than what is known changes nothing.
    pub(crate) fn take_readings(&self, readings: &Readings) {
        let mut shared = self.write();
        for (series, reading) in readings.iter() {
            let taken = (reading.ts_ms, reading.value);
            if let Some(newest) = shared.newest.get_mut(series) {
                if newest.0 <= reading.ts_ms {
                    *newest = taken;
                }
            } else if shared.newest.len() < SERIES_MAX {
                shared.newest.insert(series.clone(), taken);
            }
        }
    }

    /// Forgets values that were taken before `ts_ms`: their series ended.
    pub(crate) fn forget_before(&self, ts_ms: i64) {
        self.write().newest.retain(|_, (taken_ms, _)| *taken_ms >= ts_ms);
    }

    /// Notes that a node reported. Returns its status if that changed in a way that people see.
    pub(crate) fn node_reported(&self, node: &str, info: Option<NodeInfo>, now: Timestamp) -> Option<NodeStatus> {
        let mut shared = self.write();
        let has_news = info.is_some();
        if let Some(info) = info {
            let address = "in this process".to_owned();
            let fresh = NodeStatus { role: NodeRole::Hub, address, last_seen: now, status: NodeState::Up, info };
            shared.nodes.insert(node.to_owned(), fresh);
        }
        let status = shared.nodes.get_mut(node)?;
        status.last_seen = now;
        let state = status.state_at(now);
        let is_changed = has_news || status.status != state;
        status.status = state;
        is_changed.then(|| status.clone())
    }

    /// Looks which nodes fell silent. Returns those whose state changed.
    pub(crate) fn nodes_at(&self, now: Timestamp) -> Vec<NodeStatus> {
        let mut changed = Vec::new();
        for status in self.write().nodes.values_mut() {
            let state = status.state_at(now);
            if status.status != state {
                status.status = state;
                changed.push(status.clone());
            }
        }
        changed
    }

    /// Takes an incident as it is now.
    pub(crate) fn take_incident(&self, incident: &Incident) {
        let mut shared = self.write();
        if incident.state == IncidentState::Inactive {
            shared.incidents.remove(&incident.id);
            return;
        }
        shared.incidents.insert(incident.id, incident.clone());
        while shared.incidents.len() > INCIDENTS_MAX {
            let oldest = shared.incidents.iter().find(|(_, i)| i.state == IncidentState::Resolved).map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            shared.incidents.remove(&oldest);
        }
    }

    /// Judges the health anew. Returns it if it changed.
    pub(crate) fn judge(&self) -> Option<Health> {
        let health = Health::judge(&self.nodes(), &self.incidents());
        let mut shared = self.write();
        if shared.health == health {
            return None;
        }
        shared.health.clone_from(&health);
        Some(health)
    }

    fn read(&self) -> RwLockReadGuard<'_, Shared> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shared> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }
}
