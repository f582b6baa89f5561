//! Throughput beside `iperf3`, and beside the token bucket that limits it.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

use super::servers::{HTTP_PORT, IPERF_PORT};
use super::{FROM, Found, TO, found, printed, probe};
use crate::interrupt;
use crate::lab::net::Place;
use crate::lab::report::Row;
use crate::process::Owned;

/// The rates of the links, Mbit/s.
const RATES_MBPS: [u32; 2] = [100, 500];
/// Where the far end of Netloom's own test listens, and what it wants to see.
const PORT: u16 = 5_301;
const TICKET: &str = "00112233445566778899aabbccddeeff";
/// The payload of a full segment with time stamps, over its bytes in the token bucket: 1,448 of 1,500 and an Ethernet
/// header.
const PAYLOAD: f64 = 1_448.0 / 1_514.0;
/// How far from `iperf3` and from the link a test may be.
const LIMIT: f64 = 0.02;

pub(super) fn run(binary: &Path, is_quick: bool) -> Result<Vec<Row>> {
    let seconds = if is_quick { 4 } else { 10 };
    let mut rows = Vec::new();
    for rate in RATES_MBPS {
        FROM.limit_rate(&format!("{rate}mbit"))?;
        let link = f64::from(rate) * PAYLOAD;
        let theirs = iperf3(seconds)?;
        let ours = own(binary, seconds)?;
        rows.push(row(&format!("throughput, {rate} Mbit/s"), theirs, link, &ours));
        let through = probe(binary, FROM, &format!("iperf3://{}:{IPERF_PORT}", TO.address()), &[])?;
        rows.push(row(&format!("iperf3 through netloom, {rate} Mbit/s"), theirs, link, &through));
        FROM.free_rate()?;
    }
    TO.limit_rate("100mbit")?;
    let found = probe(binary, FROM, &format!("download+http://{}:{HTTP_PORT}/zeros", TO.address()), &[])?;
    TO.free_rate()?;
    rows.push(row("download, 100 Mbit/s", 100.0 * PAYLOAD, 100.0 * PAYLOAD, &found));
    Ok(rows)
}

fn iperf3(seconds: u32) -> Result<f64> {
    let (host, port, time) = (TO.address(), IPERF_PORT.to_string(), seconds.to_string());
    let text = printed(FROM, "iperf3", &["-J", "-c", &host, "-p", &port, "-t", &time, "-O", "1"])?;
    let report: Value = serde_json::from_str(&text).with_context(|| format!("iperf3 says: {text}"))?;
    let bps = report["end"]["sum_received"]["bits_per_second"].as_f64();
    Ok(bps.with_context(|| format!("iperf3 says: {text}"))? / 1e6)
}

/// Netloom's own test, with its far end in the other namespace.
fn own(binary: &Path, seconds: u32) -> Result<Found> {
    let program = binary.display().to_string();
    let listen = format!("{}:{PORT}", TO.address());
    let mut serve = Place::command(TO, &program);
    serve.args(["throughput", "serve", "--listen", &listen, "--ticket", TICKET]).stdin(Stdio::null());
    let _far = Owned::start(serve.stdout(Stdio::null()).stderr(Stdio::null()))?;
    interrupt::sleep(std::time::Duration::from_millis(500))?;
    let mut near = Place::command(FROM, &program);
    found(near.args(["throughput", &listen, "--ticket", TICKET, "-t", &seconds.to_string(), "--json"]))
}

fn row(check: &str, theirs_mbps: f64, link_mbps: f64, found: &Found) -> Row {
    let ours = found.figure(&["throughput_bps"]).map(|bps| bps / 1e6);
    let near = |other: f64| ours.is_some_and(|ours| (ours / other - 1.0).abs() <= LIMIT);
    Row {
        check: check.to_owned(),
        truth: format!("{theirs_mbps:.1} (iperf3) {link_mbps:.1} Mbit/s (tbf)"),
        netloom: ours.map_or_else(
            || found.outcome(),
            |ours| format!("{ours:.1} ({:+.2} %)", (ours / theirs_mbps - 1.0) * 100.0),
        ),
        limit: format!("{} %", LIMIT * 100.0),
        is_fine: near(theirs_mbps) && near(link_mbps),
    }
}
