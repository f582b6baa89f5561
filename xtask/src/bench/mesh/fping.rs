//! `fping` as people use it to watch many hosts: the same addresses, in the same run.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cast::{PEERS, address};
use crate::bench::store::procfs::Process;
use crate::interrupt;
use crate::process;

/// What it cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fping {
    /// Packets it sent.
    pub(crate) packets: f64,
    /// Time of a processor, s.
    pub(crate) cpu_s: f64,
    /// Resident memory, bytes.
    pub(crate) rss_bytes: u64,
}

/// Runs it for some seconds with a packet to each peer in every period; `None` where there is none. It prints nothing but
/// the summary, which is the cheapest way to run it.
pub(crate) fn measure(seconds: u64, period_ms: u64) -> Result<Option<Fping>> {
    let Some(program) = process::find("fping") else { return Ok(None) };
    // Packets may follow each other as closely as the period wants.
    let spacing_ms = (period_ms / u64::from(PEERS) / 2).clamp(1, 10);
    let mut command = Command::new(program);
    command.args(["-q", "-l", "-p", &period_ms.to_string(), "-i", &spacing_ms.to_string()]);
    command.args((1..=PEERS).map(|number| address(number).to_string()));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("could not start fping")?;
    let waited = interrupt::sleep(Duration::from_secs(seconds));
    let figures = Process(child.id()).exact_cpu_s().and_then(|cpu_s| Ok((cpu_s, Process(child.id()).rss_bytes()?)));
    // It prints its summary when it is interrupted.
    process::run(Command::new("kill").args(["-INT", &child.id().to_string()]))?;
    let mut summary = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut summary).context("could not read what fping said")?;
    }
    child.wait().context("could not wait for fping")?;
    waited?;
    let (cpu_s, rss_bytes) = figures?;
    let packets = sent(&summary);
    ensure!(packets > 0.0, "fping sent nothing: {}", summary.trim());
    Ok(Some(Fping { packets, cpu_s, rss_bytes }))
}

/// The packets sent, of lines such as `127.0.1.1 : xmt/rcv/%loss = 30/30/0%, min/avg/max = ...`.
fn sent(summary: &str) -> f64 {
    let of_line = |line: &str| line.split_once("%loss = ")?.1.split('/').next()?.parse::<f64>().ok();
    summary.lines().filter_map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_from_the_summary() {
        let summary = "127.0.1.1 : xmt/rcv/%loss = 30/30/0%, min/avg/max = 0.02/0.05/0.1\n\
                       127.0.1.2 : xmt/rcv/%loss = 29/29/0%, min/avg/max = 0.02/0.05/0.1\n";
        assert!((sent(summary) - 59.0).abs() < f64::EPSILON);
        assert!(sent("").abs() < f64::EPSILON);
    }
}
