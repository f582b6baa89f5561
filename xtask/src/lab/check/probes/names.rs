//! Name servers beside `dig`, web servers beside `curl`, Redis beside `redis-cli`.

use std::path::Path;

use anyhow::{Context, Result};
use netloom_core::impair::Impairment;

use super::servers::{HTTP_PORT, REDIS_PORT};
use super::{FROM, TO, printed, probe, times};
use crate::lab::check::Lab;
use crate::lab::net;
use crate::lab::relay::DEVICE;
use crate::lab::report::Row;
use crate::lab::truth::median;
use crate::process;

/// What the relay adds to a round trip, ms: much more than the system takes to wake any of these programs.
const ADDED_MS: f64 = 20.0;
/// How far Netloom may be from the others, ms.
const LIMIT_MS: f64 = 0.5;
/// What is asked for.
const NAME: &str = "node.lab.example";

pub(super) fn run(lab: &Lab, binary: &Path, is_quick: bool) -> Result<Vec<Row>> {
    lab.relay.set_link(FROM, TO, &Impairment { delay_us: ADDED_MS * 500.0, ..Impairment::default() });
    net::detour(FROM, TO, DEVICE)?;
    let rows = compare(binary, if is_quick { 10 } else { 40 });
    net::straight(FROM, TO)?;
    lab.relay.set_link(FROM, TO, &Impairment::default());
    rows
}

fn compare(binary: &Path, times: usize) -> Result<Vec<Row>> {
    let mut rows = vec![dns(binary, times)?, redis(binary)?];
    if process::find("curl").is_some() {
        rows.push(http(binary, times)?);
    } else {
        eprintln!("lab: curl is not installed: HTTP has nothing to be compared with");
    }
    Ok(rows)
}

/// The medians of several, in turns: what the machine is busy with besides meets both alike.
fn in_turns(times: usize, theirs: impl Fn() -> Result<f64>, ours: impl Fn() -> Result<f64>) -> Result<[f64; 2]> {
    let both = (0..times).map(|_| Ok((theirs()?, ours()?))).collect::<Result<Vec<_>>>()?;
    let (theirs, ours): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    Ok([median(&theirs), median(&ours)])
}

fn dns(binary: &Path, count: usize) -> Result<Row> {
    let server = format!("@{}", TO.address());
    let dig = || {
        let text = printed(FROM, "dig", &["-u", &server, NAME, "A", "+tries=1"])?;
        let time = text.split("Query time: ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        Ok(time.with_context(|| format!("dig says no time: {text}"))? / 1_000.0)
    };
    let address = format!("dns://{}/{NAME}", TO.address());
    let own = || Ok(probe(binary, FROM, &address, &[])?.ms(&["dns_lookup_us"]));
    let [theirs, ours] = in_turns(count, dig, own)?;
    Ok(times(&format!("dns, {ADDED_MS} ms of relay"), ("dig", theirs), ours, LIMIT_MS))
}

fn http(binary: &Path, count: usize) -> Result<Row> {
    let url = format!("http://{}:{HTTP_PORT}/", TO.address());
    let curl = || {
        let text = printed(FROM, "curl", &["-s", "-o", "/dev/null", "-w", "%{time_total}", &url])?;
        Ok(text.trim().parse::<f64>().with_context(|| format!("curl says no time: {text}"))? * 1_000.0)
    };
    let own = || Ok(probe(binary, FROM, &url, &[])?.ms(&["http_total_us"]));
    let [theirs, ours] = in_turns(count, curl, own)?;
    Ok(times(&format!("http, {ADDED_MS} ms of relay"), ("curl", theirs), ours, 2.0 * LIMIT_MS))
}

/// `redis-cli` prints least, most, mean and count after a second; the mean is in ms.
fn redis(binary: &Path) -> Result<Row> {
    let (host, port) = (TO.address(), REDIS_PORT.to_string());
    let text = printed(FROM, "redis-cli", &["-h", &host, "-p", &port, "--raw", "--latency"])?;
    let theirs = text.split_whitespace().nth(2).and_then(|mean| mean.parse().ok());
    let theirs = theirs.with_context(|| format!("redis-cli says no time: {text}"))?;
    let found = probe(binary, FROM, &format!("redis://{host}:{port}?lock=true"), &[])?;
    let row =
        times(&format!("redis, {ADDED_MS} ms of relay"), ("redis-cli", theirs), found.ms(&["redis_ping_us"]), LIMIT_MS);
    let lock = found.ms(&["redis_lock_us"]);
    // A lock is one more question of the same kind.
    let is_fine = row.is_fine && (lock - theirs).abs() < 2.0 * LIMIT_MS;
    Ok(Row { netloom: format!("{}, lock {lock:.3} ms", row.netloom), is_fine, ..row })
}
