//! Hub and agents in the namespaces, as processes that do not outlive the lab.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::api::Api;
use super::net::{Net, Place};
use crate::interrupt;
use crate::process::Owned;

/// The port on which agents join.
const AGENT_PORT: u16 = 6387;
/// The port on which agents answer each other.
pub(crate) const ECHO_PORT: u16 = 6386;
/// How long a start may take on a machine that is busy with other things.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How often a condition is looked at that is waited for.
const POLL: Duration = Duration::from_millis(50);
/// How long an orderly end may take before it is forced.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How many of the last bytes of a log an error shows.
const SHOWN_LOG_BYTES: usize = 1_000;
/// No packet leaves the lab.
const NO_DEFAULT_TARGETS: (&str, &str) = ("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false");

/// A hub, and an agent in every node, all of which have joined. Stopped when dropped.
pub(crate) struct Netloom {
    /// The API of the hub.
    pub(crate) api: Api,
    agents: Vec<Process>,
    hub: Process,
    folder: TempDir,
}

impl Netloom {
    /// Starts everything and waits until every node has probed every other. The thread that calls this stands in the
    /// hub's namespace from then on: pages and API are on its loopback.
    pub(crate) fn start(net: &Net, binary: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("netloom-lab-").tempdir().context("could not make a folder")?;
        Place::Hub.enter()?;
        let hub = Process::start(Place::Hub, binary, folder.path(), |command| {
            command.args(["serve", "--agent-listen", &format!("{}:{AGENT_PORT}", Place::Hub.address())]);
            command.args(["--echo-listen", &format!("{}:{ECHO_PORT}", Place::Hub.address())]);
            command.arg("--data-dir").arg(folder.path().join("hub"));
        })?;
        let mut netloom = Self { api: Api::new(), agents: Vec::new(), hub, folder };
        netloom.until("the hub is ready", |api| Ok(api.get("/readyz").is_ok()))?;
        // Pings often enough to be compared.
        netloom.api.set(&serde_json::json!({"mesh": {"other_modes_s": 1}}))?;
        for place in net.nodes() {
            netloom.join(place, binary)?;
        }
        let count = net.places().len();
        netloom.until("every node probes every other", |api| Ok(api.pairs()? == count * (count - 1)))?;
        Ok(netloom)
    }

    /// Starts an agent that joins with a code from the API.
    fn join(&mut self, place: Place, binary: &Path) -> Result<()> {
        let answer = self.api.post("/api/v1/agents/codes")?;
        let code = answer["code"].as_str().context("the hub gave no code")?.to_owned();
        let state = self.folder.path().join(place.name());
        let agent = Process::start(place, binary, self.folder.path(), |command| {
            command.args(["agent", "--hub", &format!("https://{}:{AGENT_PORT}", Place::Hub.address())]);
            command.args(["--token", &code, "--node", &place.name()]);
            command.args(["--echo-listen", &format!("{}:{ECHO_PORT}", place.address())]);
            command.arg("--state-dir").arg(state);
        })?;
        self.agents.push(agent);
        Ok(())
    }

    /// Waits for a condition, no longer than a start may take, and fails early when a process ended.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Api) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while !condition(&self.api).unwrap_or(false) {
            self.agents.iter_mut().chain([&mut self.hub]).try_for_each(Process::check)?;
            if Instant::now() > deadline {
                condition(&self.api)?;
                bail!("in vain for {} s: {what}", START_LIMIT.as_secs());
            }
            interrupt::sleep(POLL)?;
        }
        Ok(())
    }
}

impl Drop for Netloom {
    fn drop(&mut self) {
        let all = || self.agents.iter().chain([&self.hub]);
        all().for_each(Process::ask_to_end);
        let deadline = Instant::now() + STOP_LIMIT;
        for process in self.agents.iter_mut().chain([&mut self.hub]) {
            while process.child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
                std::thread::sleep(POLL);
            }
        }
    }
}

/// A process with its output in a file.
struct Process {
    child: Owned,
    name: String,
    log: PathBuf,
}

impl Process {
    fn start(place: Place, binary: &Path, folder: &Path, arguments: impl FnOnce(&mut Command)) -> Result<Self> {
        let name = place.name();
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).context("could not make a log")?;
        let mut command = place.command(&binary.display().to_string());
        arguments(&mut command);
        command.env(NO_DEFAULT_TARGETS.0, NO_DEFAULT_TARGETS.1).env("NETLOOM_NODE", &name).current_dir(folder);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = Owned::start(&mut command)?;
        Ok(Self { child, name, log })
    }

    fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let from = log.floor_char_boundary(log.len().saturating_sub(SHOWN_LOG_BYTES));
            bail!("{} ended ({status}): {}", self.name, log[from..].trim());
        }
        Ok(())
    }

    fn ask_to_end(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}
