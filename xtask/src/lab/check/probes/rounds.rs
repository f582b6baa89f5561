//! Rounds of probes: times beside `ping` and `fping`, losses beside the counter of the rule that made them.

use std::path::Path;

use anyhow::{Result, anyhow};
use netloom_core::impair::Impairment;

use super::servers::{ECHO_PORT, HTTP_PORT};
use super::{FROM, Found, TO, probe, times};
use crate::lab::check::Lab;
use crate::lab::filter::{Drops, Flow};
use crate::lab::net;
use crate::lab::relay::DEVICE;
use crate::lab::report::Row;
use crate::lab::truth;

/// What the relay adds to a round trip, ms.
const ADDED_MS: f64 = 20.0;
/// How far a probe may be from `ping`: on a bare path, and through the relay, whose own wake-ups differ from packet to
/// packet; ms.
const BARE_LIMIT_MS: f64 = 0.05;
const RELAY_LIMIT_MS: f64 = 0.3;
/// A handshake and an echo of a program take the time of a wake-up at the other end more than what the kernel answers.
const PROGRAM_LIMIT_MS: f64 = 0.3;
/// The part of echo requests that is dropped.
const LOSS: f64 = 0.1;

pub(super) fn run(lab: &Lab, binary: &Path, is_quick: bool) -> Result<Vec<Row>> {
    let count = if is_quick { 20 } else { 100 };
    let mut rows = compare(binary, 0.0, count)?;
    lab.relay.set_link(FROM, TO, &Impairment { delay_us: ADDED_MS * 500.0, ..Impairment::default() });
    net::detour(FROM, TO, DEVICE)?;
    let slow = compare(binary, ADDED_MS, count);
    net::straight(FROM, TO)?;
    lab.relay.set_link(FROM, TO, &Impairment::default());
    rows.extend(slow?);
    rows.push(losses(binary, count * 5)?);
    Ok(rows)
}

/// All kinds on one path, at the same time as `ping` and `fping`.
fn compare(binary: &Path, added_ms: f64, count: u32) -> Result<Vec<Row>> {
    let to = TO.address();
    let counted = count.to_string();
    let options = ["-c", &counted, "-i", "0.2"];
    let addresses = [format!("icmp://{to}"), format!("tcp://{to}:{HTTP_PORT}"), format!("udp://{to}:{ECHO_PORT}")];
    let (ping, fping, found) = std::thread::scope(|scope| {
        let fping = scope.spawn(|| truth::fping(FROM, TO, count, truth::interval_ms()));
        let probes = addresses.each_ref().map(|address| scope.spawn(|| probe(binary, FROM, address, &options)));
        let ping = truth::ping(FROM, TO, count, added_ms);
        (ping, fping.join(), probes.map(|probe| probe.join().map_err(|_| anyhow!("a probe broke"))))
    });
    let (ping, fping) = (ping?, fping.map_err(|_| anyhow!("fping could not be followed"))??);
    let path = if added_ms > 0.0 { format!("{added_ms} ms of relay") } else { "a bare path".to_owned() };
    let limit = |of_bare| if added_ms > 0.0 { RELAY_LIMIT_MS } else { of_bare };
    let [icmp, tcp, udp] = found;
    let (icmp, tcp, udp) = (icmp??, tcp??, udp??);
    let coarse = fping.resolution_ms;
    Ok(vec![
        times(&format!("icmp, {path}"), ("ping", ping.median_ms), icmp.ms(&["rtt_us"]), limit(BARE_LIMIT_MS)),
        times(
            &format!("icmp, {path}"),
            ("fping", fping.median_ms),
            icmp.ms(&["rtt_us"]),
            limit(BARE_LIMIT_MS) + coarse,
        ),
        times(&format!("tcp, {path}"), ("ping", ping.median_ms), tcp.ms(&["tcp_connect_us"]), limit(PROGRAM_LIMIT_MS)),
        times(&format!("udp, {path}"), ("ping", ping.median_ms), udp.ms(&["udp_echo_us"]), limit(PROGRAM_LIMIT_MS)),
    ])
}

fn losses(binary: &Path, count: u32) -> Result<Row> {
    let drops = Drops::begin(FROM, TO, Flow::Ping, LOSS)?;
    let address = format!("icmp://{}", TO.address());
    let found: Result<Found> = probe(binary, FROM, &address, &["-c", &count.to_string(), "-i", "0.02", "-W", "0.5"]);
    let dropped = drops.end()?;
    let found = found?;
    let lost = found.figure(&["loss_ratio"]).unwrap_or(f64::NAN) * found.figure(&["probes_sent"]).unwrap_or(f64::NAN);
    Ok(Row {
        check: format!("icmp, loss of {} %", LOSS * 100.0),
        truth: format!("{dropped} dropped (nft)"),
        netloom: format!("{lost:.0} of {count} lost"),
        limit: "the same".into(),
        is_fine: dropped > 0 && (lost - dropped as f64).abs() < 0.01,
    })
}
