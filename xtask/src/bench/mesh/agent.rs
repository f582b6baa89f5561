//! The agent alone: the lean binary probes 63 peers on loopback, which a second process plays, and `fping` does the same.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::fping::{self, Fping};
use super::seen::{Output, Seen};
use super::table::{Row, table};
use super::{Options, cast, lean};
use crate::bench::store::procfs::Process;
use crate::interrupt;
use crate::process;
use crate::workspace::Workspace;

/// The most of a processor that 63 peers with five packets a second may take.
const CPU_RATIO: f64 = 0.03;
/// The most time of a processor for a packet, over what `fping` takes.
const CPU_OF_FPING: f64 = 0.5;
/// The most resident memory of the whole agent, MB.
const MEMORY_MB: f64 = 12.0;
/// The largest that the binary may be, MB.
const BINARY_MB: f64 = 8.0;
/// How long nodes have to find each other before anything is measured.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long the first round may take to come.
const START_LIMIT: Duration = Duration::from_secs(30);
/// The name of the thread that probes and answers.
const THREAD: &str = "netloom-echo";

/// Measures and prints. Returns whether every target is met.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    let binary = lean::build(workspace)?;
    let dir = tempfile::tempdir().context("could not make a folder")?;
    let keys = cast::keys();
    let peers: Vec<u8> = (1..=cast::PEERS).collect();
    let responders = cast::write(dir.path(), &keys, &peers, false)?;
    let prober = cast::write(dir.path(), &keys, &[0], true)?;

    let _responders = Agent::start(&binary, &responders, Stdio::null())?;
    let mut agent = Agent::start(&binary, &prober, Stdio::piped())?;
    let output = Output::of(agent.0.stdout.take().context("the agent has no output")?);
    wait_for_round(&output)?;
    interrupt::sleep(WARM_UP)?;
    eprintln!("bench: the agent, {} s", options.seconds);
    let figures = Figures::measure(Process(agent.0.id()), &output, options.seconds)?;
    drop(agent);
    let mut rivals = Vec::new();
    for (title, period_ms) in [("fping -p 1000, CPU per packet", 1_000), ("fping -p 200, CPU per packet", 200)] {
        eprintln!("bench: {title}, {} s", options.seconds);
        rivals.extend(fping::measure(options.seconds, period_ms)?.map(|fping| (title, fping)));
    }
    if rivals.is_empty() {
        eprintln!("bench: fping is not here and left out");
    }
    let rows = rows(&figures, &rivals, lean::stripped_bytes(&binary)?);
    println!("one agent, {} peers on loopback, {} s\n\n{}", cast::PEERS, options.seconds, table(&rows));
    Ok(rows.iter().all(Row::is_fine))
}

/// What was measured of the agent.
struct Figures {
    seen: Seen,
    elapsed_s: f64,
    cpu_s: f64,
    thread_cpu_s: f64,
    rss_bytes: u64,
    pss_bytes: u64,
}

impl Figures {
    fn measure(process: Process, output: &Output, seconds: u64) -> Result<Self> {
        output.take();
        let (start, cpu_s, thread_cpu_s) = (Instant::now(), process.exact_cpu_s()?, process.thread_cpu_s(THREAD)?);
        interrupt::sleep(Duration::from_secs(seconds))?;
        let figures = Self {
            elapsed_s: start.elapsed().as_secs_f64(),
            cpu_s: process.exact_cpu_s()? - cpu_s,
            thread_cpu_s: process.thread_cpu_s(THREAD)? - thread_cpu_s,
            rss_bytes: process.rss_bytes()?,
            pss_bytes: process.pss_bytes()?,
            seen: output.take(),
        };
        ensure!(figures.seen.packets > 0.0, "the agent sent nothing");
        Ok(figures)
    }
}

fn rows(figures: &Figures, rivals: &[(&'static str, Fping)], binary_bytes: u64) -> Vec<Row> {
    let seen = &figures.seen;
    let us = |cpu_s: f64, packets: f64| cpu_s * 1e6 / packets;
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let cpu_ratio = figures.cpu_s / figures.elapsed_s;
    let per_packet_us = us(figures.cpu_s, seen.packets);
    let rss_mb = mb(figures.rss_bytes);
    let mut rows = vec![
        Row::new("packets per second", format!("{:.0}", seen.packets / figures.elapsed_s)),
        Row::new("rounds with a loss", seen.lost_rounds.to_string()),
        Row::new("median round-trip time", format!("{:.1} µs", seen.rtt_us())),
        Row::new("probing late by at most", format!("{:.0} µs", seen.lag_us)),
        Row::new("CPU, whole agent", format!("{:.2} %", cpu_ratio * 1e2))
            .target(format!("at most {} %", CPU_RATIO * 1e2), cpu_ratio <= CPU_RATIO),
        Row::new("CPU, thread of the echo", format!("{:.2} %", figures.thread_cpu_s / figures.elapsed_s * 1e2)),
        Row::new("CPU per packet, whole agent", format!("{per_packet_us:.1} µs")),
        Row::new("CPU per packet, thread of the echo", format!("{:.1} µs", us(figures.thread_cpu_s, seen.packets))),
    ];
    rows.extend(
        rivals.iter().map(|(title, fping)| Row::new(title, format!("{:.1} µs", us(fping.cpu_s, fping.packets)))),
    );
    let cheapest_us = rivals.iter().map(|(_, fping)| us(fping.cpu_s, fping.packets)).min_by(f64::total_cmp);
    if let Some(cheapest_us) = cheapest_us {
        let ratio = per_packet_us / cheapest_us;
        rows.push(
            Row::new("CPU per packet, whole agent over fping's least", format!("{ratio:.2}"))
                .target(format!("at most {CPU_OF_FPING}"), ratio <= CPU_OF_FPING),
        );
    }
    rows.extend(rivals.first().map(|(_, fping)| Row::new("memory of fping", format!("{:.1} MB", mb(fping.rss_bytes)))));
    rows.push(
        Row::new("memory, resident", format!("{rss_mb:.1} MB"))
            .target(format!("at most {MEMORY_MB} MB"), rss_mb <= MEMORY_MB),
    );
    rows.push(Row::new("memory, its share of what is shared", format!("{:.1} MB", mb(figures.pss_bytes))));
    rows.push(
        Row::new("binary without symbols", format!("{:.1} MB", mb(binary_bytes)))
            .target(format!("at most {BINARY_MB} MB"), mb(binary_bytes) <= BINARY_MB),
    );
    rows
}

fn wait_for_round(output: &Output) -> Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while output.take().packets <= 0.0 {
        ensure!(Instant::now() < deadline, "the agent told no round within {} s", START_LIMIT.as_secs());
        interrupt::sleep(Duration::from_millis(100))?;
    }
    Ok(())
}

/// A process that plays nodes of the mesh, and never outlives its owner.
struct Agent(Child);

impl Agent {
    fn start(binary: &Path, mesh: &Path, output: Stdio) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args(["watch", "--mesh"]).arg(mesh);
        // Nothing leaves loopback.
        command.env("NETLOOM_SETTINGS__PROBE__DEFAULT_TARGETS", "false").env_remove("NETLOOM_CONFIG");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("could not start {}", binary.display()))?))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = process::run(Command::new("kill").args(["-TERM", &self.0.id().to_string()]));
        let _ = self.0.wait();
    }
}
