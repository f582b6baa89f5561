//! What every node is told: the settings, and whom it probes in the mesh, where, and with which keys.
//!
//! A node takes part as long as it was heard of a short while ago: one that fell silent must be probed for some time, or
//! nobody would see that it is gone. What is told has a revision, and every acknowledgement carries it, so that an agent
//! asks when there is something new.

mod claim;
mod orders;
mod places;

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use netloom_core::{
    api::AgentConfig,
    mesh::{Echo, KEY_BYTES, MeshKey, MeshOrders},
    run::{Run, RunStatus},
    settings::Settings,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use self::orders::{Node, Situation};
pub use self::{
    claim::echo_of,
    orders::{Detour, HUB_NUMBER},
    places::Places,
};
use crate::{
    agents::{AgentKeeper, Member},
    clock, private,
};

/// A node that was not heard of for this long is probed no more, ms: long enough that nobody overlooks that it is gone.
const PRESENT_MS: i64 = 5 * 60_000;
/// How often it is looked whether somebody came or went.
const TICK: Duration = Duration::from_secs(1);

/// Where an agent's requests come from, and where they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The address from which the hub sees it.
    pub peer: IpAddr,
    /// The address of the hub that it uses.
    pub local: IpAddr,
}

/// Who is there, and what each is told.
pub struct Mesh {
    key: MeshKey,
    own: Own,
    detour: Option<Detour>,
    heard: Mutex<BTreeMap<u32, Heard>>,
    told: RwLock<Told>,
}

/// The hub's own node.
pub struct Own {
    /// Its name.
    pub node: String,
    /// What its agent is told without a mesh.
    pub config: AgentConfig,
    /// Where it answers probes, if it does.
    pub echo: Option<Echo>,
}

/// An agent as it was last heard of.
struct Heard {
    node: Node,
    at_ms: i64,
}

/// What nodes are told now.
struct Told {
    config: AgentConfig,
    /// Of what nodes are told that are not in the mesh.
    revision: u64,
    mesh: HashMap<u32, (u64, MeshOrders)>,
}

impl Mesh {
    /// The mesh of a hub. Keys of nodes follow from the secret, which is kept in the data folder.
    ///
    /// # Errors
    /// When the secret can be neither read nor kept.
    pub fn open(data_dir: &Path, own: Own, detour: Option<Detour>) -> io::Result<Self> {
        let secret =
            private::read_or_make(&data_dir.join("mesh.key"), || Ok(private::random::<KEY_BYTES>()?.to_vec()))?;
        let key = secret.try_into().map_err(|_| io::Error::other("mesh.key is damaged: delete it"))?;
        let told = Told { revision: revision(&own.config, None), config: own.config.clone(), mesh: HashMap::new() };
        Ok(Self { key: MeshKey(key), own, detour, heard: Mutex::default(), told: RwLock::new(told) })
    }

    /// Notes that an agent was heard of, and where it answers when it told anew; [`echo_of`] tells whether it may.
    pub fn hear(&self, member: &Member, way: Way, echo: Option<Option<Echo>>) {
        let mut heard = self.heard();
        let at_ms = clock::now().ms();
        let known = heard.entry(member.number).or_insert_with(|| Heard {
            node: Node { name: member.node.clone(), number: member.number, way, echo: None },
            at_ms,
        });
        (known.at_ms, known.node.way) = (at_ms, way);
        if let Some(echo) = echo {
            known.node.echo = echo;
        }
    }

    /// The revision of what a node is told.
    pub fn revision(&self, number: u32) -> u64 {
        let told = self.told();
        told.mesh.get(&number).map_or(told.revision, |(revision, _)| *revision)
    }

    /// What a node is told, and its revision.
    pub fn orders(&self, number: u32) -> (u64, AgentConfig) {
        let told = self.told();
        let mesh = told.mesh.get(&number);
        let revision = mesh.map_or(told.revision, |(revision, _)| *revision);
        (revision, AgentConfig { mesh: mesh.map(|(_, orders)| orders.clone()), ..told.config.clone() })
    }

    /// Where one node reaches another, when both were heard of.
    pub fn address(&self, src: &str, dst: &str) -> Option<IpAddr> {
        let (own, heard) = (self.own_node(), self.heard());
        let find = |name: &str| {
            let is_meant = |node: &&Node| node.name == name;
            std::iter::once(&own).chain(heard.values().map(|heard| &heard.node)).find(is_meant)
        };
        let (src, dst) = (find(src)?, find(dst)?);
        Some(orders::address(src, dst, dst.echo.as_ref()))
    }

    /// Tells nodes what changed, the hub's own through a channel, until it is dropped.
    pub async fn run(
        self: Arc<Self>,
        agents: Arc<AgentKeeper>,
        (mut settings, mut runs): (watch::Receiver<Settings>, watch::Receiver<Vec<Run>>),
        own: watch::Sender<AgentConfig>,
    ) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = None;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = settings.changed() => if changed.is_err() { return },
                changed = runs.changed() => if changed.is_err() { return },
            }
            let current = settings.borrow_and_update().clone();
            let now = clock::now();
            let run_active = runs.borrow_and_update().iter().any(|run| run.status_at(now) == RunStatus::Running);
            let config = AgentConfig { settings: current.clone(), run_active, ..self.own.config.clone() };
            let situation = self.situation(&agents, &current);
            if known.as_ref() == Some(&(situation.clone(), config.clone())) {
                continue;
            }
            self.tell(&situation, config.clone());
            known = Some((situation, config));
            let (_, config) = self.orders(HUB_NUMBER);
            own.send_if_modified(|own| {
                let is_other = *own != config;
                *own = config;
                is_other
            });
        }
    }

    /// Who takes part now.
    fn situation(&self, agents: &AgentKeeper, settings: &Settings) -> Situation {
        let (now_ms, may_speak) = (clock::now().ms(), agents.numbers());
        let mut heard = self.heard();
        heard.retain(|number, heard| may_speak.contains(number) && now_ms - heard.at_ms <= PRESENT_MS);
        let nodes = std::iter::once(self.own_node()).chain(heard.values().map(|heard| heard.node.clone()));
        let nodes = if settings.mesh.enabled { nodes.filter(|node| node.echo.is_some()).collect() } else { Vec::new() };
        let rotation = (now_ms / 1_000) as u64 / settings.mesh.rotate_s.max(1);
        Situation::new(nodes, settings.mesh.peers_max, rotation as u32)
    }

    /// The hub's own node, which is on the hub's machine.
    fn own_node(&self) -> Node {
        let here = IpAddr::from([127, 0, 0, 1]);
        Node {
            name: self.own.node.clone(),
            number: HUB_NUMBER,
            way: Way { peer: here, local: here },
            echo: self.own.echo.clone(),
        }
    }

    fn tell(&self, situation: &Situation, config: AgentConfig) {
        let orders = situation.orders(&self.key, self.detour.as_ref());
        let with_revision = |(number, orders)| (number, (revision(&config, Some(&orders)), orders));
        let mesh = orders.into_iter().map(with_revision).collect();
        let told = Told { revision: revision(&config, None), config, mesh };
        *self.told.write().unwrap_or_else(PoisonError::into_inner) = told;
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<u32, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> std::sync::RwLockReadGuard<'_, Told> {
        self.told.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that changes with what is told. Never 0, which stands for nothing.
fn revision(config: &AgentConfig, mesh: Option<&MeshOrders>) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(&(&config.settings, config.run_active, mesh)).unwrap_or_default().hash(&mut hasher);
    hasher.finish().max(1)
}
