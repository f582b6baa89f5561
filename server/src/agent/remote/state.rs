//! What an agent keeps between its lives: who it is to the hub, what it was told last, and where the hub's clock was.

use std::{
    fs::File,
    io::{self, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use netloom_core::{api::AgentConfig, tolerant, uplink::Fingerprint};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::private;

/// What is read of a file by those who only look, bytes: the orders of a mesh of ten thousand nodes are half of it.
const LOOK_MAX_BYTES: u64 = 4 << 20;

/// What the hub gave this agent when it joined.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Membership {
    /// Where the hub is.
    pub(super) hub: String,
    /// The fingerprint of its certificate.
    pub(super) fingerprint: String,
    /// What the agent shows.
    pub(super) token: String,
    /// The name under which it joined.
    pub(super) node: String,
    /// Its number.
    pub(super) number: u32,
}

impl Membership {
    pub(super) fn fingerprint(&self) -> anyhow::Result<Fingerprint> {
        Fingerprint::parse(&self.fingerprint).context("the fingerprint in the state folder is damaged: join again")
    }
}

/// The folder, held for this process alone.
pub(super) struct StateFolder {
    folder: PathBuf,
    _lock: File,
}

impl StateFolder {
    /// Makes the folder when it is not there, and locks it.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub(super) fn claim(folder: &Path) -> anyhow::Result<Self> {
        let shown = folder.display();
        private::make_folder(folder).with_context(|| format!("cannot make the state folder {shown}"))?;
        let lock = private::lock(&folder.join("agent.lock"))
            .with_context(|| format!("cannot write to the state folder {shown}"))?;
        let Some(lock) = lock else {
            bail!("the state folder {shown} is in use by another agent: give each its own --state-dir");
        };
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Where the spool is.
    pub(super) fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    pub(super) fn membership(&self) -> anyhow::Result<Option<Membership>> {
        self.read("agent.json")
    }

    pub(super) fn save_membership(&self, membership: &Membership) -> anyhow::Result<()> {
        self.save("agent.json", membership)
    }

    /// What the hub told this agent to do last.
    pub(super) fn orders(&self) -> Option<AgentConfig> {
        let content = std::fs::read(self.folder.join("orders.json")).ok()?;
        // Of a newer version, or damaged: the hub tells them again.
        tolerant::read(&content).ok().map(|orders| orders.known)
    }

    pub(super) fn save_orders(&self, orders: &AgentConfig) -> anyhow::Result<()> {
        self.save("orders.json", orders)
    }

    /// This machine's clock less the hub's when that was last known, µs.
    pub(super) fn clock_offset_us(&self) -> i64 {
        self.read("clock.json").ok().flatten().unwrap_or(0)
    }

    pub(super) fn save_clock_offset(&self, offset_us: i64) -> anyhow::Result<()> {
        self.save("clock.json", &offset_us)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let file = self.folder.join(name);
        let shown = file.display();
        match std::fs::read(&file) {
            Ok(content) => {
                let read = serde_json::from_slice(&content);
                Ok(Some(read.with_context(|| format!("{shown} is damaged: delete it and join again"))?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
        }
    }

    fn save(&self, name: &str, content: &impl Serialize) -> anyhow::Result<()> {
        let file = self.folder.join(name);
        private::write(&file, &serde_json::to_vec(content)?).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// What the state folder tells those who only look. There is no secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The name under which the agent joined.
    pub node: String,
    /// Where its hub listens for agents, as `https://HOST:PORT`.
    pub hub: String,
    /// The nodes that it was last told to probe, and where they answer.
    pub peers: Vec<(String, SocketAddr)>,
}

impl Joined {
    /// Looks into a state folder, whether or not an agent has it at the time; files are replaced whole. `None` when no agent
    /// has joined from there, or when others may not look.
    pub fn look(folder: &Path) -> Option<Self> {
        let membership: Membership = serde_json::from_slice(&bounded(&folder.join("agent.json"))?).ok()?;
        let orders = bounded(&folder.join("orders.json"));
        let orders = orders.and_then(|content| tolerant::read::<AgentConfig>(&content).ok());
        let peers = orders.and_then(|orders| orders.known.mesh).map(|mesh| mesh.peers).unwrap_or_default();
        let peers = peers.into_iter().map(|peer| (peer.node, peer.address)).collect();
        Some(Self { node: membership.node, hub: membership.hub, peers })
    }
}

/// The content of a file; `None` also when it is larger than what it should hold.
fn bounded(file: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    File::open(file).ok()?.take(LOOK_MAX_BYTES + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 <= LOOK_MAX_BYTES).then_some(content)
}

/// Where an agent keeps its state unless told otherwise.
pub fn usual_folder() -> PathBuf {
    const OF_THE_SYSTEM: &str = "/var/lib/netloom";
    if rustix::process::geteuid().is_root() {
        return OF_THE_SYSTEM.into();
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    state.map_or_else(|| OF_THE_SYSTEM.into(), |state| state.join("netloom"))
}

#[cfg(test)]
mod tests {
    use netloom_core::{
        mesh::{MeshKey, MeshOrders, Peer},
        settings::Settings,
    };

    use super::*;

    #[test]
    fn who_looks_disturbs_nobody_and_sees_no_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("state");
        assert_eq!(Joined::look(&place), None, "no agent was ever here");
        assert!(!place.exists(), "looking makes nothing");
        // Held by its agent all the while.
        let state = StateFolder::claim(&place).expect("is free");
        assert_eq!(Joined::look(&place), None, "it has not joined");
        let membership = Membership {
            hub: "https://hub1:6387".into(),
            fingerprint: "f".into(),
            token: "secret".into(),
            node: "n1".into(),
            number: 1,
        };
        state.save_membership(&membership).expect("written");
        let joined = Joined { node: "n1".into(), hub: membership.hub.clone(), peers: Vec::new() };
        assert_eq!(Joined::look(&place), Some(joined.clone()), "it was not told anything yet");

        let address = SocketAddr::from(([10, 0, 0, 7], 6386));
        let key = MeshKey([7; 32]);
        let peers = vec![Peer { node: "n7".into(), number: 7, address, key }];
        let orders = AgentConfig {
            settings: Settings::default(),
            hub: SocketAddr::from(([10, 0, 0, 1], 6387)),
            mesh: Some(MeshOrders { number: 1, key, peers }),
            run_active: false,
        };
        state.save_orders(&orders).expect("written");
        let told = Joined { peers: vec![("n7".into(), address)], ..joined.clone() };
        assert_eq!(Joined::look(&place), Some(told));

        std::fs::write(place.join("orders.json"), vec![b' '; LOOK_MAX_BYTES as usize + 1]).expect("written");
        assert_eq!(Joined::look(&place), Some(joined), "it is larger than any orders");
        std::fs::write(place.join("agent.json"), "{").expect("written");
        assert_eq!(Joined::look(&place), None, "it is damaged");
    }
}
