//! What other programs say of a path: `ping` of iputils and `fping`.

use std::time::Duration;

use anyhow::{Context, Result};

use super::net::Place;

/// From one echo request to the next, as in the trains of the mesh: a path that rests in between is measured in the same
/// state.
const INTERVAL_MS: u32 = 200;
/// From this on `ping` prints tenths of milliseconds for a single answer, and the mean of one answer alone is exact.
const COARSE_FROM_MS: f64 = 10.0;

/// What a program read on a path.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Reading {
    /// Median round-trip time, ms.
    pub(crate) median_ms: f64,
    /// How coarse the program prints times of this size, ms.
    pub(crate) resolution_ms: f64,
    /// Requests sent.
    pub(crate) sent: u32,
    /// Requests without an answer.
    pub(crate) lost: u32,
}

/// `ping`, so many times; `expected_ms` decides how it is asked so that it prints enough digits.
pub(crate) fn ping(from: Place, to: Place, count: u32, expected_ms: f64) -> Result<Reading> {
    if expected_ms < COARSE_FROM_MS {
        let text = run(from, "ping", &["-n", "-c", &count.to_string(), "-i", "0.2", "-W", "1", &to.address()])?;
        return Ok(reading(&times(&text), count));
    }
    let mut medians = Vec::new();
    for _ in 0..count {
        let text = run(from, "ping", &["-n", "-q", "-c", "1", "-W", "1", &to.address()])?;
        medians.extend(smallest(&text));
        std::thread::sleep(Duration::from_millis(INTERVAL_MS.into()));
    }
    Ok(Reading { resolution_ms: 0.001, ..reading(&medians, count) })
}

/// `ping` as fast as it may, to count losses.
pub(crate) fn flood_ping(from: Place, to: Place, count: u32) -> Result<Reading> {
    let text = run(from, "ping", &["-n", "-c", &count.to_string(), "-i", "0.005", "-W", "1", &to.address()])?;
    Ok(reading(&times(&text), count))
}

/// `fping`, so many times.
pub(crate) fn fping(from: Place, to: Place, count: u32, interval_ms: u32) -> Result<Reading> {
    let (count_text, interval) = (count.to_string(), interval_ms.to_string());
    let text = run(from, "fping", &["-q", "-C", &count_text, "-p", &interval, "-t", "1000", &to.address()])?;
    let answers = text.rsplit(':').next().unwrap_or_default();
    let times: Vec<f64> = answers.split_whitespace().filter_map(|time| time.parse().ok()).collect();
    Ok(reading(&times, count))
}

/// The pace at which [`ping`] and the mesh send.
pub(crate) const fn interval_ms() -> u32 {
    INTERVAL_MS
}

/// Both outputs: `fping` prints its figures where others print errors, and both fail when something was lost.
fn run(from: Place, program: &str, args: &[&str]) -> Result<String> {
    let output = from.command(program).args(args).output().with_context(|| format!("could not start {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// Every `time=` of `ping`.
fn times(text: &str) -> Vec<f64> {
    let answers = text.lines().filter(|line| !line.contains("DUP!")).filter_map(|line| line.split("time=").nth(1));
    answers.filter_map(|time| time.split(' ').next()?.parse().ok()).collect()
}

/// The smallest of `rtt min/avg/max/mdev = 20.1/20.1/20.1/0.0 ms`.
fn smallest(text: &str) -> Option<f64> {
    text.lines().find(|line| line.starts_with("rtt "))?.split("= ").nth(1)?.split('/').next()?.parse().ok()
}

fn reading(times_ms: &[f64], sent: u32) -> Reading {
    let median_ms = median(times_ms);
    // Three digits, as both programs print them; `ping` cuts the rest off and `fping` rounds it.
    let resolution_ms = match median_ms {
        ms if ms < 1.0 => 0.001,
        ms if ms < 10.0 => 0.01,
        ms if ms < 100.0 => 0.1,
        _ => 1.0,
    };
    Reading { median_ms, resolution_ms, sent, lost: sent.saturating_sub(times_ms.len() as u32) }
}

/// The middle value, or the mean of the two in the middle; not a number when there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_programs_print_is_read() {
        let text = "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.045 ms\n\
                    64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=9.9 ms (DUP!)\n\
                    64 bytes from 10.0.0.1: icmp_seq=3 ttl=64 time=0.055 ms\n";
        let expected = Reading { median_ms: 0.05, resolution_ms: 0.001, sent: 3, lost: 1 };
        assert_eq!(reading(&times(text), 3), expected);
        assert_eq!(smallest("rtt min/avg/max/mdev = 20.093/20.154/20.215/0.061 ms"), Some(20.093));
        assert!(median(&[]).is_nan());
    }
}
