//! What the agent printed.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// Sums over the samples of the mesh.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Packets that were sent.
    pub(crate) packets: f64,
    /// Rounds with a peer in which something was lost.
    pub(crate) lost_rounds: u64,
    /// Median round-trip times, µs.
    pub(crate) rtts_us: Vec<f64>,
    /// The worst lag, µs.
    pub(crate) lag_us: f64,
}

/// A handle to what was printed so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Arc<Mutex<Seen>>);

impl Output {
    /// Reads lines until there are no more, on a thread of its own.
    pub(crate) fn of(output: impl Read + Send + 'static) -> Self {
        let seen = Self::default();
        let written = seen.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                written.add(&line);
            }
        });
        seen
    }

    fn add(&self, line: &str) {
        let Ok(sample) = serde_json::from_str::<Value>(line) else { return };
        let value = sample["value"].as_f64().unwrap_or(0.0);
        let is_udp = sample["labels"]["mode"] == "udp";
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sample["metric"].as_str() {
            Some("probes_sent") => seen.packets += value,
            Some("loss_ratio") if is_udp && value > 0.0 => seen.lost_rounds += 1,
            Some("rtt_us") if is_udp => seen.rtts_us.push(value),
            Some("echo_lag_us") => seen.lag_us = seen.lag_us.max(value),
            _ => {}
        }
    }

    /// What was seen since the last time.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    /// The median of the medians, µs.
    pub(crate) fn rtt_us(&self) -> f64 {
        let mut rtts_us = self.rtts_us.clone();
        rtts_us.sort_by(f64::total_cmp);
        rtts_us.get(rtts_us.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_mesh_are_summed() {
        let output = Output::default();
        let pair = |metric: &str, mode: &str, value: f64| {
            output.add(&serde_json::json!({"metric": metric, "labels": {"mode": mode}, "value": value}).to_string());
        };
        pair("probes_sent", "udp", 5.0);
        pair("probes_sent", "udp", 4.0);
        pair("loss_ratio", "udp", 0.2);
        pair("loss_ratio", "icmp", 1.0);
        pair("rtt_us", "udp", 30.0);
        pair("rtt_us", "tcp", 900.0);
        pair("echo_lag_us", "", 70.0);
        output.add("no JSON");
        let seen = output.take();
        assert_eq!((seen.packets, seen.lost_rounds, seen.rtt_us(), seen.lag_us), (9.0, 1, 30.0, 70.0));
        assert!(output.take().packets.abs() < f64::EPSILON);
    }
}
