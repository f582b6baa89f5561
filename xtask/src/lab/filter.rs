//! Losses by a rule of the kernel that counts what it drops.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::net::Place;
use crate::process;

/// The tables of the lab in a place's namespace begin with this.
const TABLE: &str = "nlab";
/// What a share of losses is counted in: a rule compares a random number below this.
const PARTS: u32 = 10_000;

/// What a rule drops.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flow {
    /// UDP to or from this port.
    Udp(u16),
    /// ICMP echo requests.
    Ping,
    /// Everything.
    All,
}

/// A rule that drops some of what comes from one place to another. It stands where packets arrive: the sender of a packet
/// that is dropped on its way out would be told so.
pub(crate) struct Drops {
    at: Place,
    table: String,
}

impl Drops {
    /// Begins to drop a share of a flow.
    pub(crate) fn begin(from: Place, to: Place, flow: Flow, share: f64) -> Result<Self> {
        let matches = match flow {
            Flow::Udp(port) => format!("udp dport {port} udp sport {port} "),
            Flow::Ping => "icmp type echo-request ".into(),
            Flow::All => String::new(),
        };
        let chance = if share >= 1.0 {
            String::new()
        } else {
            format!("numgen random mod {PARTS} < {} ", (share * f64::from(PARTS)).round())
        };
        let (from, table) = (from.address(), format!("{TABLE}{}", from.octet()));
        let rule = format!("ip saddr {from} {matches}{chance}counter name drops drop;");
        let chain = format!("chain in {{ type filter hook input priority 0; {rule} }}");
        nft(to, &format!("table ip {table} {{\n counter drops {{ }}\n {chain}\n}}\n"))?;
        Ok(Self { at: to, table })
    }

    /// Drops nothing any more. Returns how many packets were dropped in all.
    pub(crate) fn end(self) -> Result<u64> {
        // The counter outlives the rule, so that nothing is dropped after it was read.
        nft(self.at, &format!("flush chain ip {} in\n", self.table))?;
        let mut list = self.at.command("nft");
        let counters: Value =
            serde_json::from_str(&process::output(list.args(["-j", "list", "counters", "table", "ip", &self.table]))?)?;
        let counter =
            counters["nftables"].as_array().into_iter().flatten().find_map(|item| item["counter"]["packets"].as_u64());
        nft(self.at, &format!("delete table ip {}\n", self.table))?;
        counter.context("the counter of the lab is gone")
    }
}

fn nft(place: Place, script: &str) -> Result<()> {
    let mut command: Command = place.command("nft");
    let mut child = command.args(["-f", "-"]).stdin(Stdio::piped()).spawn().context("could not start nft")?;
    child.stdin.take().context("nft has no input")?.write_all(script.as_bytes())?;
    if !child.wait()?.success() {
        bail!("nft refused: {script}");
    }
    Ok(())
}
