//! Name servers beside `dig`, web servers beside `curl`, Redis beside `redis-cli`.

use std::path::Path;

use anyhow::{Context, Result};

use super::servers::{HTTP_PORT, REDIS_PORT};
use super::{FROM, TO, printed, probe, times};
use crate::lab::report::Row;
use crate::lab::truth::median;
use crate::process;

/// How far Netloom may be from the others, ms: each of them, too, is a program that the system wakes up.
const LIMIT_MS: f64 = 0.3;
/// What is asked for.
const NAME: &str = "node.lab.example";

pub(super) fn run(binary: &Path, is_quick: bool) -> Result<Vec<Row>> {
    let times = if is_quick { 10 } else { 40 };
    let mut rows = vec![dns(binary, times)?, redis(binary)?];
    if process::find("curl").is_some() {
        rows.push(http(binary, times)?);
    } else {
        eprintln!("lab: curl is not installed: HTTP has nothing to be compared with");
    }
    Ok(rows)
}

/// The median of several: both ask anew each time.
fn repeated(times: usize, once: impl Fn() -> Result<f64>) -> Result<f64> {
    Ok(median(&(0..times).map(|_| once()).collect::<Result<Vec<_>>>()?))
}

fn dns(binary: &Path, count: usize) -> Result<Row> {
    let server = format!("@{}", TO.address());
    let theirs = repeated(count, || {
        let text = printed(FROM, "dig", &["-u", &server, NAME, "A", "+tries=1"])?;
        let time = text.split("Query time: ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
        Ok(time.with_context(|| format!("dig says no time: {text}"))? / 1_000.0)
    })?;
    let address = format!("dns://{}/{NAME}", TO.address());
    let ours = repeated(count, || Ok(probe(binary, FROM, &address, &[])?.ms(&["dns_lookup_us"])))?;
    Ok(times(&format!("dns, median of {count}"), ("dig", theirs), ours, LIMIT_MS))
}

fn http(binary: &Path, count: usize) -> Result<Row> {
    let url = format!("http://{}:{HTTP_PORT}/", TO.address());
    let theirs = repeated(count, || {
        let text = printed(FROM, "curl", &["-s", "-o", "/dev/null", "-w", "%{time_total}", &url])?;
        Ok(text.trim().parse::<f64>().with_context(|| format!("curl says no time: {text}"))? * 1_000.0)
    })?;
    let ours = repeated(count, || Ok(probe(binary, FROM, &url, &[])?.ms(&["http_total_us"])))?;
    Ok(times(&format!("http, median of {count}"), ("curl", theirs), ours, LIMIT_MS))
}

/// `redis-cli` prints least, most, mean and count after a second; the mean is in ms.
fn redis(binary: &Path) -> Result<Row> {
    let (host, port) = (TO.address(), REDIS_PORT.to_string());
    let text = printed(FROM, "redis-cli", &["-h", &host, "-p", &port, "--raw", "--latency"])?;
    let theirs = text.split_whitespace().nth(2).and_then(|mean| mean.parse().ok());
    let theirs = theirs.with_context(|| format!("redis-cli says no time: {text}"))?;
    let found = probe(binary, FROM, &format!("redis://{host}:{port}?lock=true"), &[])?;
    let row = times("redis, PING", ("redis-cli", theirs), found.ms(&["redis_ping_us"]), LIMIT_MS);
    let lock = found.ms(&["redis_lock_us"]);
    // A lock is one more question of the same kind.
    let is_fine = row.is_fine && (lock - theirs).abs() < 2.0 * LIMIT_MS;
    Ok(Row { netloom: format!("{}, lock {lock:.3} ms", row.netloom), is_fine, ..row })
}
