//! The hub: agents that replay a mesh over the real uplink, browsers that show the matrix, a thousand agents.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Options;
use super::load;
use super::table::{Row, table};
use crate::bench::store::procfs::Process;
use crate::interrupt;
use crate::process::Owned;
use crate::workspace::Workspace;

/// The agents of a cluster, each of which probes all others.
const AGENTS: u64 = 64;
/// The most resident memory of the hub with them, MB.
const MEMORY_MB: f64 = 150.0;
/// The most of a processor that it may take with them.
const CPU_RATIO: f64 = 0.25;
/// Browsers that show the matrix meanwhile.
const BROWSERS: u64 = 500;
/// The longest from a sample to a browser, of 99 in 100, ms.
const BROWSER_P99_MS: f64 = 500.0;
/// Agents of a large cluster, and the peers of each.
const MANY_AGENTS: u64 = 1_000;
const MANY_PEERS: u64 = 64;
/// Deliveries that may be late by a whole second before a hub does not keep up, over all.
const BEHIND_RATIO: f64 = 0.01;
/// How long agents have been replayed before anything is measured.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long a hub may take to answer.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Files that hub and load may have open: a connection is one.
const FILES: &str = "16384";

/// Measures and prints. Returns whether every target is met.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    let programs = Programs::build(workspace)?;
    let mut rows = few(&programs, options.seconds)?;
    rows.extend(browsers(&programs, options.seconds)?);
    rows.extend(many(&programs, options.seconds)?);
    println!("the hub, {} s each\n\n{}", options.seconds, table(&rows));
    Ok(rows.iter().all(Row::is_fine))
}

fn few(programs: &Programs, seconds: u64) -> Result<Vec<Row>> {
    eprintln!("bench: {AGENTS} agents, {seconds} s");
    let hub = Hub::start(programs)?;
    let agents = programs.agents(&hub, (AGENTS, AGENTS - 1), seconds + WARM_UP.as_secs() + 1)?;
    let figures = Figures::measure(&hub, seconds)?;
    let report = agents.end()?;
    Ok(vec![
        Row::new("64 agents: samples per second", format!("{:.0}", rate(&report))),
        Row::new("64 agents: deliveries that failed", number(&report, "failed").to_string()),
        Row::new("64 agents: delivery, median", format!("{:.1} ms", number(&report, "delivery_p50_ms"))),
        Row::new("64 agents: memory of the hub", format!("{:.0} MB", figures.rss_mb))
            .target(format!("at most {MEMORY_MB} MB"), figures.rss_mb <= MEMORY_MB),
        Row::new("64 agents: CPU of the hub", format!("{:.1} %", figures.cpu_ratio * 1e2))
            .target(format!("at most {} %", CPU_RATIO * 1e2), figures.cpu_ratio <= CPU_RATIO),
    ])
}

fn browsers(programs: &Programs, seconds: u64) -> Result<Vec<Row>> {
    eprintln!("bench: {AGENTS} agents and {BROWSERS} browsers, {seconds} s");
    let hub = Hub::start(programs)?;
    let agents = programs.agents(&hub, (AGENTS, AGENTS - 1), seconds + WARM_UP.as_secs() + 4)?;
    interrupt::sleep(WARM_UP)?;
    let (clients, length) = (BROWSERS.to_string(), seconds.to_string());
    let listening =
        programs.load(&["listen", &hub.address.to_string(), "--clients", &clients, "--seconds", &length])?;
    let figures = Figures::measure(&hub, seconds)?;
    let heard = listening.end()?;
    agents.end()?;
    let (p99_ms, deaf) = (number(&heard, "p99_ms"), number(&heard, "deaf"));
    Ok(vec![
        Row::new("500 browsers: sample to browser, median", format!("{:.0} ms", number(&heard, "p50_ms"))),
        Row::new("500 browsers: sample to browser, p99", format!("{p99_ms:.0} ms"))
            .target(format!("at most {BROWSER_P99_MS} ms, one that reads nothing besides"), p99_ms <= BROWSER_P99_MS),
        Row::new("500 browsers: that heard nothing", deaf.to_string()).target("none", deaf == 0.0),
        Row::new("500 browsers: memory of the hub", format!("{:.0} MB", figures.rss_mb)),
        Row::new("500 browsers: CPU of the hub", format!("{:.1} %", figures.cpu_ratio * 1e2)),
    ])
}

fn many(programs: &Programs, seconds: u64) -> Result<Vec<Row>> {
    eprintln!("bench: {MANY_AGENTS} agents with {MANY_PEERS} peers each, {seconds} s");
    let hub = Hub::start(programs)?;
    let agents = programs.agents(&hub, (MANY_AGENTS, MANY_PEERS), seconds + WARM_UP.as_secs() + 1)?;
    let figures = Figures::measure(&hub, seconds)?;
    let report = agents.end()?;
    let behind = (number(&report, "failed") + number(&report, "skipped")) / (number(&report, "seconds") * 1e3);
    Ok(vec![
        Row::new("1,000 agents: samples per second", format!("{:.0}", rate(&report))),
        Row::new("1,000 agents: late by a second, or failed", format!("{:.2} %", behind * 1e2))
            .target(format!("at most {} %", BEHIND_RATIO * 1e2), behind <= BEHIND_RATIO),
        Row::new("1,000 agents: delivery, p99", format!("{:.0} ms", number(&report, "delivery_p99_ms"))),
        Row::new("1,000 agents: memory of the hub", format!("{:.0} MB", figures.rss_mb)),
        Row::new("1,000 agents: CPU of the hub", format!("{:.0} %", figures.cpu_ratio * 1e2)),
    ])
}

fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or(f64::NAN)
}

fn rate(report: &Value) -> f64 {
    number(report, "samples") / number(report, "seconds")
}

/// What the hub took.
struct Figures {
    cpu_ratio: f64,
    rss_mb: f64,
}

impl Figures {
    fn measure(hub: &Hub, seconds: u64) -> Result<Self> {
        interrupt::sleep(WARM_UP)?;
        let process = Process(hub.child.id());
        let (start, cpu_s) = (Instant::now(), process.exact_cpu_s()?);
        interrupt::sleep(Duration::from_secs(seconds).saturating_sub(WARM_UP))?;
        let cpu_ratio = (process.exact_cpu_s()? - cpu_s) / start.elapsed().as_secs_f64();
        Ok(Self { cpu_ratio, rss_mb: process.rss_bytes()? as f64 / 1e6 })
    }
}

/// The programs that are run.
struct Programs {
    hub: PathBuf,
    load: PathBuf,
}

impl Programs {
    fn build(workspace: &Workspace) -> Result<Self> {
        let load = load::build(workspace, "mesh_load")?;
        let hub = if let Some(binary) = std::env::var_os("NETLOOM_BIN") {
            binary.into()
        } else {
            crate::server::build(workspace)?;
            workspace.binary()
        };
        Ok(Self { hub, load })
    }

    /// Agents that replay; returns when all have joined.
    fn agents(&self, hub: &Hub, (agents, peers): (u64, u64), seconds: u64) -> Result<Load> {
        let (agents, peers, seconds) = (agents.to_string(), peers.to_string(), seconds.to_string());
        let args = ["agents", &hub.address.to_string(), "--agents", &agents, "--peers", &peers, "--seconds", &seconds];
        let mut load = self.load(&args)?;
        let mut line = String::new();
        let words = load.0.stderr.take().context("the load says nothing")?;
        BufReader::new(words).read_line(&mut line).context("the load says nothing")?;
        ensure!(line.contains("joined"), "the agents could not join: {line}");
        Ok(load)
    }

    fn load(&self, args: &[&str]) -> Result<Load> {
        let mut command = with_files(&self.load);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Load(Owned::start(&mut command)?))
    }
}

/// A program with as many open files as it needs.
fn with_files(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {FILES} && exec \"$0\" \"$@\"")]).arg(program);
    command
}

/// A load that runs.
struct Load(Owned);

impl Load {
    /// Waits for its end; returns its report.
    fn end(mut self) -> Result<Value> {
        let mut report = String::new();
        self.0.stdout.take().context("the load has no output")?.read_to_string(&mut report)?;
        serde_json::from_str(&report).with_context(|| format!("the load reported {report:?}"))
    }
}

/// A hub on loopback with a folder of its own.
struct Hub {
    child: Owned,
    address: SocketAddr,
    _home: tempfile::TempDir,
}

impl Hub {
    fn start(programs: &Programs) -> Result<Self> {
        let home = tempfile::tempdir().context("could not make a folder")?;
        let mut command = with_files(&programs.hub);
        command.args(["serve", "--listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0", "--echo-listen"]);
        command.args(["127.0.0.1:0", "--data-dir"]).arg(home.path());
        command.env("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false").env_remove("NETLOOM_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = Owned::start(&mut command)?;
        let began = Instant::now();
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the hub says nothing")?).read_line(&mut line)?;
        ensure!(began.elapsed() < START_LIMIT, "the hub took {} s to start", began.elapsed().as_secs());
        let address = line.trim().rsplit('/').next().and_then(|place| place.parse().ok());
        Ok(Self { child, address: address.with_context(|| format!("the hub said {line:?}"))?, _home: home })
    }
}
