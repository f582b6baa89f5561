//! Throughput, ours and that of iperf3, in turns: on loopback, and over links of a known rate between namespaces.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::link::{self, FAR_ADDRESS, Link, NAMESPACES};
use crate::bench::mesh::table::{Row, table};
use crate::interrupt;
use crate::process::{self, Owned};

/// Tests of each.
const TIMES: usize = 5;
/// How long each measures, and what it leaves out before, s.
const SECONDS: &str = "4";
const WARM_UP: &str = "1";
/// How far from iperf3 the rate of a link may be.
const LINK_OFF: f64 = 0.02;
/// Ports of the servers, ours and that of iperf3.
const PORTS: [u16; 2] = [25_301, 25_302];
/// What lets in; whoever runs this is alone with it.
const TICKET: &str = "benchmark-on-this-machine";
/// Rates of links, Mbit/s, with the burst that lets `tbf` reach them.
const LINKS: [(&str, &str, &str); 2] =
    [("over 100 Mbit/s", "100mbit", "64kb"), ("over 500 Mbit/s", "500mbit", "256kb")];

/// Measures and prints. Returns whether every target is met.
pub(super) fn run(binary: &Path) -> Result<bool> {
    ensure!(process::find("iperf3").is_some(), "this needs iperf3: install it");
    println!("throughput, medians of {TIMES} in turns with iperf3, as many streams each");
    println!("(on loopback ours counts what arrives without copying it, which iperf3 before 3.17 cannot)\n");
    let mut rows = Vec::new();
    let here = Pair { namespaces: None, binary };
    for (title, streams) in [("loopback, 1 stream", "1"), ("loopback, 4 streams", "4")] {
        let [ours, theirs] = here.measure("127.0.0.1", streams)?;
        let target = format!("at least {theirs:.0}");
        rows.push(Row::new(title, format!("{ours:.0} Mbit/s")).target(target, ours >= theirs));
    }
    let link = Link::build()?;
    let there = Pair { namespaces: Some(NAMESPACES), binary };
    for (title, rate, burst) in LINKS {
        for namespace in NAMESPACES {
            let limit = ["root", "tbf", "rate", rate, "burst", burst, "latency", "50ms"];
            let mut tc = Command::new("tc");
            process::run(tc.args(["-n", namespace, "qdisc", "replace", "dev", "eth0"]).args(limit))?;
        }
        let [ours, theirs] = there.measure(FAR_ADDRESS, "1")?;
        let target = format!("within 2 % of {theirs:.2}");
        let is_met = (ours / theirs - 1.0).abs() <= LINK_OFF;
        rows.push(Row::new(title, format!("{ours:.2} Mbit/s")).target(target, is_met));
    }
    drop(link);
    println!("{}", table(&rows));
    Ok(rows.iter().all(Row::is_fine))
}

/// Two ends, on this machine or in two namespaces.
struct Pair<'a> {
    namespaces: Option<[&'static str; 2]>,
    binary: &'a Path,
}

impl Pair<'_> {
    /// A program at one of the ends.
    fn command(&self, end: usize, program: &Path) -> Command {
        match self.namespaces {
            None => Command::new(program),
            Some(namespaces) => link::inside(namespaces[end], program),
        }
    }

    /// The median rates, ours and that of iperf3, Mbit/s.
    fn measure(&self, address: &str, streams: &str) -> Result<[f64; 2]> {
        let [own_port, iperf_port] = PORTS.map(|port| port.to_string());
        let iperf3 = Path::new("iperf3");
        let quiet = |command: &mut Command| Owned::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let place = format!("{address}:{own_port}");
        let serve = ["throughput", "serve", "--listen", &place, "--ticket", TICKET];
        let _own = quiet(self.command(1, self.binary).args(serve))?;
        let _iperf = quiet(self.command(1, iperf3).args(["-s", "-B", address, "-p", &iperf_port]))?;
        // Both say nothing that could be waited for without being a test.
        thread::sleep(Duration::from_secs(1));
        let mut rates = [Vec::new(), Vec::new()];
        for time in 1..=TIMES {
            eprintln!("bench: {address}, {streams} streams, {time} of {TIMES}");
            let asked = ["-t", SECONDS, "-O", WARM_UP, "-P", streams];
            let ours = ["throughput", &place, "--ticket", TICKET, "--json"];
            let found = answer(self.command(0, self.binary).args(ours).args(asked))?;
            rates[0].push(at(&found, "/detail/up/bps")?);
            let theirs = ["-J", "-c", address, "-p", &iperf_port];
            let found = answer(self.command(0, iperf3).args(theirs).args(asked))?;
            rates[1].push(at(&found, "/end/sum_received/bits_per_second")?);
            interrupt::check()?;
        }
        Ok(rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[TIMES / 2] / 1e6
        }))
    }
}

fn answer(command: &mut Command) -> Result<Value> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output().context("could not start a test")?;
    let said = || format!("no result: {}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).with_context(said)
}

fn at(found: &Value, place: &str) -> Result<f64> {
    found.pointer(place).and_then(Value::as_f64).with_context(|| format!("no {place} in {found}"))
}
