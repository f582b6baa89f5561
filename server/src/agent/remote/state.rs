//! What an agent keeps between its lives: who it is to the hub, what it was told last, and where the hub's clock was.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use netloom_core::{api::AgentConfig, tolerant, uplink::Fingerprint};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::private;

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
