//! Ways beside `mtr`, and beside the routers that were set up; the largest packet beside the link that was made narrow.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::chain::{Chain, NARROW_MTU, ROUTERS, address, end};
use super::{FROM, Found, printed, probe};
use crate::lab::net::ip;
use crate::lab::report::Row;

/// Bytes around the payload of `ping`: the headers of IPv4 and ICMP.
const HEADERS: u32 = 28;

pub(super) fn run(binary: &Path) -> Result<Vec<Row>> {
    let _chain = Chain::make()?;
    let hops: Vec<String> = (0..=ROUTERS).map(|link| address(link, 2)).collect();
    let seen = mtr()?;
    let mut rows = Vec::new();
    for mode in ["icmp", "udp", "tcp"] {
        let found = probe(binary, FROM, &format!("path://{}?mode={mode}", end()), &[])?;
        let ours = hops_of(&found);
        let is_fine = ours == hops && seen == hops;
        rows.push(Row {
            check: format!("path by {mode}"),
            truth: format!("{} (mtr and the routers)", seen.join(" ")),
            netloom: if ours.is_empty() { found.outcome() } else { ours.join(" ") },
            limit: "the same".into(),
            is_fine,
        });
    }
    rows.push(mtu(binary)?);
    Ok(rows)
}

/// The hops of the first flow.
fn hops_of(found: &Found) -> Vec<String> {
    let hops = found.0["detail"]["flows"][0]["hops"].as_array();
    hops.into_iter().flatten().map(|hop| hop["address"].as_str().unwrap_or("?").to_owned()).collect()
}

/// The hops that `mtr` sees.
fn mtr() -> Result<Vec<String>> {
    let text = printed(FROM, "mtr", &["-n", "-j", "-c", "2", "-i", "0.5", &end()])?;
    let report: Value = serde_json::from_str(&text)?;
    let hubs = report["report"]["hubs"].as_array();
    Ok(hubs.into_iter().flatten().map(|hub| hub["host"].as_str().unwrap_or("?").to_owned()).collect())
}

fn mtu(binary: &Path) -> Result<Row> {
    let found = probe(binary, FROM, &format!("mtu://{}", end()), &[])?;
    let ours = found.figure(&["path_mtu_bytes"]);
    // What was learned must not help the others.
    ip(&["-n", &FROM.name(), "route", "flush", "cache"])?;
    let is_true = passes_whole(NARROW_MTU)? && !passes_whole(NARROW_MTU + 1)?;
    Ok(Row {
        check: "mtu".into(),
        truth: format!("{NARROW_MTU} (ping -M do{})", if is_true { "" } else { " DISAGREES" }),
        netloom: ours.map_or_else(|| found.outcome(), |bytes| format!("{bytes:.0}")),
        limit: "the same".into(),
        is_fine: is_true && ours == Some(f64::from(NARROW_MTU)),
    })
}

/// Whether a packet of that many bytes reaches the end in one piece, as `ping` sees it.
fn passes_whole(bytes: u32) -> Result<bool> {
    let size = (bytes - HEADERS).to_string();
    let text = printed(FROM, "ping", &["-n", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", &size, &end()])?;
    Ok(text.contains("bytes from"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::net::Net;
    use crate::lab::tests::alone;

    #[test]
    fn the_chain_is_what_it_claims() {
        let Some(_alone) = alone(&["mtr"]) else { return };
        let _net = Net::make(2).unwrap();
        let _chain = Chain::make().unwrap();
        let hops: Vec<String> = (0..=ROUTERS).map(|link| address(link, 2)).collect();
        assert_eq!(mtr().unwrap(), hops);
        assert!(passes_whole(NARROW_MTU).unwrap());
        assert!(!passes_whole(NARROW_MTU + 1).unwrap());
    }
}
