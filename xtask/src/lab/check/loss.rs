//! Losses beside the counter of the rule that made them: not about as many, but as many.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::{Lab, pair};
use crate::interrupt;
use crate::lab::api::now_ms;
use crate::lab::filter::{Drops, Flow};
use crate::lab::net::Place;
use crate::lab::netloom::ECHO_PORT;
use crate::lab::report::Row;
use crate::lab::truth;

/// Shares of packets that are dropped.
const SHARES: [f64; 3] = [0.005, 0.02, 0.05];
/// Packets in a train while losses are counted: many, so that there are losses to be counted.
const PACKETS: u32 = 20;
/// Until every packet that was lost has been reported: the timeout, a round, and a hub that is busy.
const SETTLE: Duration = Duration::from_secs(5);
const FROM: Place = Place::Node(1);
const TO: Place = Place::Node(2);

/// Compares for every share, and has `ping` and `fping` compared in the same way.
pub(crate) fn run(lab: &Lab, is_quick: bool) -> Result<Vec<Row>> {
    let before = lab.netloom.api.get("/api/v1/settings")?["mesh"].clone();
    // Without pings of its own, which would be among those that are dropped.
    lab.netloom.api.set(&json!({"mesh": {"packets": PACKETS, "other_modes_s": 0}}))?;
    // Trains of the old length are over.
    interrupt::sleep(SETTLE)?;
    let time = Duration::from_secs(if is_quick { 30 } else { 120 });
    let mut rows = Vec::new();
    for share in SHARES {
        rows.push(count(lab, share, time)?);
    }
    rows.extend(others(if is_quick { 1_000 } else { 4_000 })?);
    lab.netloom.api.set(&json!({"mesh": before}))?;
    Ok(rows)
}

fn count(lab: &Lab, share: f64, time: Duration) -> Result<Row> {
    let from_ms = now_ms()?;
    let drops = Drops::begin(FROM, TO, Flow::Udp(ECHO_PORT), share)?;
    interrupt::sleep(time)?;
    let dropped = drops.end()?;
    interrupt::sleep(SETTLE)?;
    // What the rule drops are probes of the one and answers to the other.
    let (mut lost, mut sent) = (0.0, 0.0);
    for (src, dst) in [(FROM, TO), (TO, FROM)] {
        let labels = format!("{}&mode=udp", pair(src, dst));
        let ratios = lab.netloom.api.points("loss_ratio", &labels, from_ms)?;
        let counts = lab.netloom.api.points("probes_sent", &labels, from_ms)?;
        let counts: HashMap<i64, f64> = counts.into_iter().flat_map(|(_, points)| points).collect();
        // A round has the packets of its train, and more for a while after a loss: each share counts for its own round.
        for (ts_ms, ratio) in ratios.into_iter().flat_map(|(_, points)| points) {
            let packets = counts.get(&ts_ms).context("a round without probes_sent")?;
            lost += ratio * packets;
            sent += packets;
        }
    }
    Ok(Row {
        check: format!("loss of {} %", share * 100.0),
        truth: format!("{dropped} dropped (nft)"),
        netloom: format!("{lost:.1} of {sent} lost"),
        limit: "the same".into(),
        is_fine: (lost - dropped as f64).abs() < 0.01 && dropped > 0,
    })
}

/// `ping` and `fping` beside the counter: what is asked of Netloom is what they do.
fn others(packets: u32) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for program in ["ping", "fping"] {
        let drops = Drops::begin(FROM, TO, Flow::Ping, SHARES[1])?;
        let reading = match program {
            "ping" => truth::flood_ping(FROM, TO, packets)?,
            _ => truth::fping(FROM, TO, packets, 5)?,
        };
        let dropped = drops.end()?;
        rows.push(Row {
            check: format!("loss of {} %, by {program}", SHARES[1] * 100.0),
            truth: format!("{dropped} dropped (nft)"),
            netloom: format!("{} of {} lost ({program})", reading.lost, reading.sent),
            limit: "the same".into(),
            is_fine: u64::from(reading.lost) == dropped,
        });
    }
    Ok(rows)
}
