//! What is known now: the newest value of every series, the nodes, the incidents. Ingest writes it, everybody reads it.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use netloom_core::{
    api::{NodeInfo, NodeRole, NodeState, NodeStatus},
    event::LiveEvent,
    health::Health,
    incident::{Incident, IncidentState},
    network::Newest,
    sample::SeriesKey,
    series::{Catalog, Row, SeriesId, SharedCatalog},
    time::Timestamp,
    verdict::MeshVerdict,
};
use tokio_util::sync::CancellationToken;

/// Incidents kept at hand; older ones are in the store.
const INCIDENTS_MAX: usize = 500;

/// An agent that reports.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The name of its node.
    pub node: String,
    /// What part it plays.
    pub role: NodeRole,
    /// Where it reports from, in words for people.
    pub address: String,
    /// What it says of itself, when that changed.
    pub info: Option<NodeInfo>,
    /// Cancelled when it may speak no more: what is under way then is not taken.
    pub revoked: CancellationToken,
}

/// What is known now.
pub struct Board {
    shared: RwLock<Shared>,
    catalog: SharedCatalog,
}

struct Shared {
    /// By the number of the series; as many as the store takes.
    newest: Vec<Option<(i64, f64)>>,
    nodes: BTreeMap<String, NodeStatus>,
    incidents: BTreeMap<u64, Incident>,
    health: Health,
    /// Why samples cannot be stored, when they cannot.
    storage: Option<String>,
    verdict: MeshVerdict,
}

impl Board {
    /// A board that knows the incidents of before.
    pub fn new(incidents: Vec<Incident>, catalog: SharedCatalog) -> Self {
        let shared = Shared {
            newest: Vec::new(),
            nodes: BTreeMap::new(),
            incidents: incidents.into_iter().map(|incident| (incident.id, incident)).collect(),
            health: Health::judge(&[], &[]),
            storage: None,
            verdict: MeshVerdict::default(),
        };
        Self { shared: RwLock::new(shared), catalog }
    }

    /// The newest value of every series, in no order.
    pub fn newest(&self) -> Vec<Newest> {
        self.newest_by(|series, ts_ms, value| Newest { series: series.clone(), ts_ms, value })
    }

    /// The newest values of some series.
    pub fn newest_rows(&self, select: impl FnOnce(&Catalog) -> Vec<SeriesId>) -> Vec<Row> {
        let series = self.catalog.read(select);
        let shared = self.read();
        let row = |series: SeriesId| {
            let (ts_ms, value) = *shared.newest.get(series.0 as usize)?.as_ref()?;
            Some(Row { series, ts_ms, value })
        };
        series.into_iter().filter_map(row).collect()
    }

    /// Looks at the newest values by the numbers of their series; short, because ingest waits.
    pub fn look<T>(&self, look: impl FnOnce(&dyn Fn(SeriesId) -> Option<(i64, f64)>) -> T) -> T {
        let shared = self.read();
        look(&|series: SeriesId| shared.newest.get(series.0 as usize).copied().flatten())
    }

    fn newest_by<T>(&self, mut make: impl FnMut(&SeriesKey, i64, f64) -> T) -> Vec<T> {
        let shared = self.read();
        self.catalog.read(|catalog| {
            let all = shared.newest.iter().enumerate();
            all.filter_map(|(id, newest)| {
                let (ts_ms, value) = (*newest)?;
                Some(make(catalog.key(SeriesId(id as u32))?, ts_ms, value))
            })
            .collect()
        })
    }

    /// Why samples cannot be stored, when they cannot.
    pub fn storage_problem(&self) -> Option<String> {
        self.read().storage.clone()
    }

    /// Notes that samples are stored. Returns what to tell, when it was otherwise before.
    pub(crate) fn storage_works(&self) -> Option<LiveEvent> {
        self.read().storage.as_ref()?;
        self.write().storage = None;
        Some(LiveEvent::Storage { problem: None })
    }

    /// Notes that samples cannot be stored. Returns what to tell, when that is news.
    pub(crate) fn storage_fails(&self, why: String) -> Option<LiveEvent> {
        let mut shared = self.write();
        if shared.storage.as_ref() == Some(&why) {
            return None;
        }
        shared.storage = Some(why.clone());
        Some(LiveEvent::Storage { problem: Some(why) })
    }

    /// The nodes, by name.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.read().nodes.values().cloned().collect()
    }

    /// The incidents at hand, newest first; what never fired is left out once it is gone.
    pub fn incidents(&self) -> Vec<Incident> {
        self.read().incidents.values().rev().cloned().collect()
    }

    /// The incident of that number, if it is at hand.
    pub fn incident(&self, id: u64) -> Option<Incident> {
        self.read().incidents.get(&id).cloned()
    }

    /// What is wrong in the mesh.
    pub fn verdict(&self) -> MeshVerdict {
        self.read().verdict.clone()
    }

    /// Takes what is wrong in the mesh.
    pub(crate) fn set_verdict(&self, verdict: MeshVerdict) {
        self.write().verdict = verdict;
    }

    /// Whether each node reports at `now`, and when it last did.
    pub(crate) fn node_states(&self, now: Timestamp) -> Vec<(String, NodeState, Timestamp)> {
        let shared = self.read();
        let nodes = shared.nodes.iter();
        nodes.map(|(name, status)| (name.clone(), status.state_at(now), status.last_seen)).collect()
    }

    /// How the network fares.
    pub fn health(&self) -> Health {
        self.read().health.clone()
    }

    /// Takes samples; what is older than what is known changes nothing.
    pub(crate) fn take_rows(&self, rows: &[Row]) {
        let mut shared = self.write();
        for row in rows {
            let at = row.series.0 as usize;
            if shared.newest.len() <= at {
                shared.newest.resize(at + 1, None);
            }
            let newest = &mut shared.newest[at];
            if newest.is_none_or(|(ts_ms, _)| ts_ms <= row.ts_ms) {
                *newest = Some((row.ts_ms, row.value));
            }
        }
    }

    /// Forgets values that were taken before `ts_ms`: their series ended.
    pub(crate) fn forget_before(&self, ts_ms: i64) {
        for newest in &mut self.write().newest {
            if newest.is_some_and(|(taken_ms, _)| taken_ms < ts_ms) {
                *newest = None;
            }
        }
    }

    /// Notes that a node reported. Returns its status if that changed in a way that people see.
    pub(crate) fn node_reported(&self, sender: Sender, now: Timestamp) -> Option<NodeStatus> {
        let mut shared = self.write();
        let Sender { node, role, address, info, .. } = sender;
        let has_news = info.is_some();
        if let Some(info) = info {
            let fresh = NodeStatus { role, address, last_seen: now, status: NodeState::Up, info };
            shared.nodes.insert(node.clone(), fresh);
        }
        let status = shared.nodes.get_mut(&node)?;
        status.last_seen = now;
        let state = status.state_at(now);
        let is_changed = has_news || status.status != state;
        status.status = state;
        is_changed.then(|| status.clone())
    }

    /// Forgets a node. Returns whether it was known.
    pub(crate) fn forget(&self, node: &str) -> bool {
        self.write().nodes.remove(node).is_some()
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
