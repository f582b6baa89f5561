//! One agent that probes a thousand targets each second, all of them on loopback.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::bench::mesh::table::{Row, table};
use crate::bench::store::procfs::Process;
use crate::interrupt;
use crate::process;

/// Targets.
const TARGETS: u32 = 1_000;
/// The most of a processor that probing each of them once a second may take. What more probes of each take is shown.
const CPU_RATIO: f64 = 0.10;
/// Probes in a round: the least there is, and what is usual.
const PACKETS: [u32; 2] = [1, 5];
/// How long the agent has to get going before anything is measured.
const WARM_UP: Duration = Duration::from_secs(5);

/// Measures and prints. Returns whether every target is met.
pub(super) fn run(binary: &Path, seconds: u64) -> Result<bool> {
    let mut is_met = true;
    for packets in PACKETS {
        eprintln!("bench: {TARGETS} targets, probes of each in a second: {packets}, {seconds} s");
        let figures = Figures::measure(binary, packets, seconds)?;
        let rows = figures.rows(packets);
        println!("one agent, {TARGETS} targets, probes of each in a second: {packets}\n\n{}", table(&rows));
        is_met &= rows.iter().all(Row::is_fine);
    }
    Ok(is_met)
}

struct Figures {
    elapsed_s: f64,
    cpu_s: f64,
    rss_bytes: u64,
    rtts_us: Vec<f64>,
    lossy: usize,
}

impl Figures {
    fn measure(binary: &Path, packets: u32, seconds: u64) -> Result<Self> {
        let dir = tempfile::tempdir().context("could not make a folder")?;
        let config = dir.path().join("netloom.toml");
        std::fs::write(&config, settings(packets)).context("could not write the configuration")?;
        let mut agent = Agent::start(binary, &config)?;
        let output = Output::of(agent.0.stdout.take().context("the agent has no output")?);
        interrupt::sleep(WARM_UP)?;
        let process = Process(agent.0.id());
        output.take();
        let (start, cpu_s) = (Instant::now(), process.exact_cpu_s().context("the agent ended at once")?);
        interrupt::sleep(Duration::from_secs(seconds))?;
        let (elapsed_s, cpu_s) = (start.elapsed().as_secs_f64(), process.exact_cpu_s()? - cpu_s);
        let (mut rtts_us, lossy) = output.take();
        ensure!(!rtts_us.is_empty(), "the agent told no round");
        rtts_us.sort_by(f64::total_cmp);
        Ok(Self { elapsed_s, cpu_s, rss_bytes: process.rss_bytes()?, rtts_us, lossy })
    }

    fn rows(&self, packets: u32) -> Vec<Row> {
        let rounds_per_second = self.rtts_us.len() as f64 / self.elapsed_s;
        let cpu_ratio = self.cpu_s / self.elapsed_s;
        let probes = self.rtts_us.len() as f64 * f64::from(packets);
        let at = |part: usize| format!("{:.1} µs", self.rtts_us[self.rtts_us.len() * part / 100]);
        // A round that is still under way when the time is over is none yet.
        let is_all = rounds_per_second >= f64::from(TARGETS) * 0.98;
        let cpu = Row::new("CPU, whole agent", format!("{:.2} %", cpu_ratio * 1e2));
        let has_target = packets == PACKETS[0];
        let target = format!("at most {} %", CPU_RATIO * 1e2);
        vec![
            Row::new("rounds per second", format!("{rounds_per_second:.0}")).target("all", is_all),
            Row::new("rounds with a loss", self.lossy.to_string()),
            Row::new("round-trip time, median of medians", at(50)),
            Row::new("round-trip time, 99 in 100", at(99)),
            if has_target { cpu.target(target, cpu_ratio <= CPU_RATIO) } else { cpu },
            Row::new("CPU per probe", format!("{:.1} µs", self.cpu_s * 1e6 / probes)),
            Row::new("memory, resident", format!("{:.1} MB", self.rss_bytes as f64 / 1e6)),
        ]
    }
}

/// A thousand addresses of loopback, which all answer.
fn settings(packets: u32) -> String {
    let mut text = format!("[settings.probe]\ndefault_targets = false\ninterval_ms = 1000\npackets = {packets}\n");
    for number in 0..TARGETS {
        let address = format!("127.9.{}.{}", number / 250, number % 250 + 1);
        let _ = write!(text, "\n[[settings.probe.targets]]\nname = \"t{number}\"\naddress = \"{address}\"\n");
    }
    text
}

/// What the agent printed: the median of each round, and rounds in which something was lost.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<(Vec<f64>, usize)>>);

impl Output {
    /// Reads lines until there are no more, on a thread of its own.
    fn of(output: impl Read + Send + 'static) -> Self {
        let seen = Self::default();
        let written = seen.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(sample) = serde_json::from_str::<Value>(&line) else { continue };
                let value = sample["value"].as_f64().unwrap_or(0.0);
                let mut seen = written.0.lock().unwrap_or_else(PoisonError::into_inner);
                match sample["metric"].as_str() {
                    Some("rtt_us") => seen.0.push(value),
                    Some("loss_ratio") if value > 0.0 => seen.1 += 1,
                    _ => {}
                }
            }
        });
        seen
    }

    fn take(&self) -> (Vec<f64>, usize) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An agent that never outlives its owner.
struct Agent(Child);

impl Agent {
    fn start(binary: &Path, config: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args(["watch", "--config"]).arg(config);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("could not start {}", binary.display()))?))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = process::run(Command::new("kill").args(["-TERM", &self.0.id().to_string()]));
        let _ = self.0.wait();
    }
}
