//! A hub that is cut off for a while: what agents measured meanwhile is there afterwards, without a gap.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Lab;
use crate::interrupt;
use crate::lab::api::{Api, now_ms};
use crate::lab::net::Place;
use crate::lab::report::Row;

/// What is looked at: what agents probe, what they read, and what they say of themselves.
const METRICS: [&str; 3] = ["loss_ratio&mode=udp", "if_rx_bps", "sock_tcp_established"];
/// The longest time between two samples of a series that are one second apart: one that is late because its machine is
/// busy is no gap, one that is missing is.
const GAP_MS: i64 = 1_900;
/// What is looked at before and after the cut, ms.
const AROUND_MS: i64 = 8_000;

/// Cuts the hub off and joins it again.
pub(crate) fn run(lab: &mut Lab, is_quick: bool) -> Result<Vec<Row>> {
    let time = Duration::from_secs(if is_quick { 30 } else { 120 });
    Ok(vec![cut_off(lab, time, GAP_MS)?])
}

/// Cuts the hub off for a time and looks for gaps longer than `gap_ms`.
pub(crate) fn cut_off(lab: &mut Lab, time: Duration, gap_ms: i64) -> Result<Row> {
    interrupt::sleep(Duration::from_millis(AROUND_MS as u64))?;
    let from_ms = now_ms()? - AROUND_MS;
    Place::Hub.plug(false)?;
    interrupt::sleep(time)?;
    Place::Hub.plug(true)?;
    let joined_ms = now_ms()?;
    let agents: Vec<String> = lab.net.nodes().map(Place::name).collect();
    let until_ms = joined_ms + AROUND_MS;
    let looked = |api: &Api| Gaps::look(api, &agents, (from_ms, until_ms), gap_ms);
    let filled = lab.netloom.until("what was measured while the hub was cut off", |api| Ok(looked(api)?.is_whole()));
    let gaps = looked(&lab.netloom.api)?;
    Ok(Row {
        check: format!("the hub is cut off for {} s", time.as_secs()),
        truth: "no gap".into(),
        netloom: match &gaps.longest {
            Some((series, ms)) if filled.is_err() => {
                format!("{} of {} series with a gap: {ms} ms without a sample of {series}", gaps.broken, gaps.series)
            }
            _ => format!("{} series of {} nodes without a gap", gaps.series, agents.len()),
        },
        limit: format!("{gap_ms} ms"),
        is_fine: filled.is_ok(),
    })
}

/// The longest time without a sample.
struct Gaps {
    /// Longer ones are gaps, ms.
    gap_ms: i64,
    series: usize,
    /// Series with a gap.
    broken: usize,
    longest: Option<(String, i64)>,
}

impl Gaps {
    fn look(api: &Api, agents: &[String], (from_ms, until_ms): (i64, i64), gap_ms: i64) -> Result<Self> {
        let mut gaps = Self { gap_ms, series: 0, broken: 0, longest: None };
        for metric in METRICS {
            for agent in agents {
                let label = if metric.starts_with("loss") { "src" } else { "node" };
                for (labels, points) in api.points(metric, &format!("&{label}={agent}"), from_ms)? {
                    // The first losses are known a timeout and a round later, so these begin again late by design.
                    if labels["dst"] == Place::Hub.name() {
                        continue;
                    }
                    gaps.series += 1;
                    gaps.take(format!("{metric} {labels}"), &points, until_ms);
                }
            }
        }
        anyhow::ensure!(gaps.series > 0, "there are no series");
        Ok(gaps)
    }

    fn take(&mut self, name: String, points: &[(i64, f64)], until_ms: i64) {
        let mut times: Vec<i64> = points.iter().map(|(ms, _)| *ms).filter(|ms| *ms <= until_ms).collect();
        times.push(until_ms);
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(until_ms);
        self.broken += usize::from(longest > self.gap_ms);
        if self.longest.as_ref().is_none_or(|(_, known)| longest > *known) {
            self.longest = Some((name, longest));
        }
    }

    fn is_whole(&self) -> bool {
        self.longest.as_ref().context("nothing").is_ok_and(|(_, ms)| *ms <= self.gap_ms)
    }
}
