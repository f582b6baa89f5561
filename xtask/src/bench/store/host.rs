//! What one agent reads on its own node: two interfaces, and the sockets.

use fastrand::Rng;

use super::noise::{Wander, log_uniform, normal};

/// The interfaces of a node with their usual rate, bit/s, and the usual size of their packets, bytes: one for
/// management, one for the collectives of the training.
const LINKS: [(&str, (f64, f64), f64); 2] = [("eth0", (5e6, 5e8), 900.0), ("ib0", (2e9, 2e10), 4_000.0)];

/// How far a rate strays, as a standard deviation of its natural logarithm.
const RATE_STRAY: f64 = 0.4;
/// How alike one second's rate is to the next: a training step takes about as long.
const RATE_MEMORY: f64 = 0.7;
/// How often an interface counts an error or a drop.
const FAULT_CHANCE: f64 = 1.0 / 500.0;
/// The most faults at once.
const MOST_FAULTS: u64 = 30;
/// How often a node sends a segment again.
const RESEND_CHANCE: f64 = 0.05;
/// How often a number of sockets changes.
const SOCKET_CHANCE: f64 = 0.1;
/// How long nodes have been up when the data begins, which is where their counters stand. The fastest link stays below
/// 2^53 bytes, past which a float skips whole numbers.
const UPTIME_S: (f64, f64) = (1e4, 1e6);

/// One interface.
#[derive(Debug)]
struct Link {
    packet_bytes: f64,
    usual_bps: [f64; 2],
    wander: [Wander; 2],
    bytes: [u64; 2],
    packets: [u64; 2],
    errors: u64,
    drops: u64,
}

impl Link {
    const METRICS: [&str; 10] = [
        "if_rx_bytes_total",
        "if_tx_bytes_total",
        "if_rx_packets_total",
        "if_tx_packets_total",
        "if_rx_errors_total",
        "if_rx_drops_total",
        "if_rx_bps",
        "if_tx_bps",
        "if_rx_pps",
        "if_tx_pps",
    ];

    fn new(rng: &mut Rng, rate_bps: (f64, f64), packet_bytes: f64) -> Self {
        let usual_bps = [(); 2].map(|()| log_uniform(rng, rate_bps.0, rate_bps.1));
        let up_s = log_uniform(rng, UPTIME_S.0, UPTIME_S.1);
        let bytes = usual_bps.map(|bps| (bps / 8.0 * up_s) as u64);
        let packets = bytes.map(|bytes| bytes / packet_bytes as u64);
        let wander = Default::default();
        Self { packet_bytes, usual_bps, wander, bytes, packets, errors: 0, drops: 0 }
    }

    fn step(&mut self, rng: &mut Rng, values: &mut Vec<f64>) {
        let (mut byte_steps, mut packet_steps) = ([0; 2], [0; 2]);
        for side in 0..2 {
            let rate = self.usual_bps[side] * (RATE_STRAY * self.wander[side].step(rng, RATE_MEMORY)).exp();
            byte_steps[side] = (rate / 8.0) as u64;
            // Packets are not all of one size.
            packet_steps[side] = (rate / 8.0 / self.packet_bytes * (1.0 + 0.02 * normal(rng))).max(0.0) as u64;
            self.bytes[side] += byte_steps[side];
            self.packets[side] += packet_steps[side];
        }
        self.errors += rarely(rng, FAULT_CHANCE, MOST_FAULTS);
        self.drops += rarely(rng, FAULT_CHANCE, MOST_FAULTS);
        values.extend([self.bytes, self.packets, [self.errors, self.drops]].as_flattened().iter().map(|n| *n as f64));
        values.extend(byte_steps.map(|bytes| (bytes * 8) as f64));
        values.extend(packet_steps.map(|packets| packets as f64));
    }
}

/// One node's own figures.
#[derive(Debug)]
pub(crate) struct Host {
    links: [Link; 2],
    traffic: [Wander; 5],
    counters: [u64; 6],
    sockets: [u64; 4],
}

impl Host {
    /// Counters of the node as a whole, followed by its sockets.
    const METRICS: [&str; 10] = [
        "tcp_segments_in_total",
        "tcp_segments_out_total",
        "udp_datagrams_in_total",
        "udp_datagrams_out_total",
        "context_switches_total",
        "tcp_resends_total",
        "sock_tcp_established",
        "sock_tcp_time_wait",
        "sock_udp_open",
        "sock_mem_pages",
    ];

    /// What the first five counters usually grow by in a second.
    const USUAL_STEPS: [f64; 5] = [30_000.0, 25_000.0, 1_500.0, 1_500.0, 60_000.0];

    /// A node that has been up for a while.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let links = LINKS.map(|(_, rate_bps, packet_bytes)| Link::new(rng, rate_bps, packet_bytes));
        let up_s = log_uniform(rng, UPTIME_S.0, UPTIME_S.1);
        let mut counters = [0; 6];
        for (counter, usual) in counters.iter_mut().zip(Self::USUAL_STEPS) {
            *counter = (usual * up_s) as u64;
        }
        Self { links, traffic: Default::default(), counters, sockets: [180, 40, 25, 900] }
    }

    /// The names of all series of a node in the order of `step`, each with its interface where it has one.
    pub(crate) fn series() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        let of_links = LINKS.iter().flat_map(|(link, ..)| Link::METRICS.map(|metric| (metric, Some(*link))));
        of_links.chain(Self::METRICS.map(|metric| (metric, None)))
    }

    /// Appends the next second's values.
    pub(crate) fn step(&mut self, rng: &mut Rng, values: &mut Vec<f64>) {
        for link in &mut self.links {
            link.step(rng, values);
        }
        for (at, usual) in Self::USUAL_STEPS.into_iter().enumerate() {
            let rate = usual * (RATE_STRAY * self.traffic[at].step(rng, RATE_MEMORY)).exp();
            self.counters[at] += rate as u64;
        }
        self.counters[5] += rarely(rng, RESEND_CHANCE, MOST_FAULTS);
        for count in &mut self.sockets {
            if rng.f64() < SOCKET_CHANCE {
                *count = count.saturating_add_signed(rng.i64(-2..=2));
            }
        }
        values.extend(self.counters.iter().chain(&self.sockets).map(|count| *count as f64));
    }
}

/// Almost always nothing, otherwise up to `most`.
fn rarely(rng: &mut Rng, chance: f64, most: u64) -> u64 {
    if rng.f64() < chance { rng.u64(1..=most) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_thirty_series_of_which_eighteen_are_counters() {
        let series: Vec<_> = Host::series().collect();
        assert_eq!(series.len(), 30);
        assert_eq!(series.iter().filter(|(metric, _)| metric.ends_with("_total")).count(), 18);
        let known: std::collections::BTreeSet<_> = series.iter().collect();
        assert_eq!(known.len(), 30, "two series share a name");
    }

    #[test]
    fn counters_grow_and_everything_is_whole() {
        let mut rng = Rng::with_seed(5);
        let mut host = Host::new(&mut rng);
        let mut last: Vec<f64> = Vec::new();
        host.step(&mut rng, &mut last);
        let first = last.clone();
        for _ in 0..2_000 {
            let mut values = Vec::new();
            host.step(&mut rng, &mut values);
            for (at, (metric, _)) in Host::series().enumerate() {
                assert!(values[at].fract() == 0.0 && values[at] >= 0.0, "{metric} is {}", values[at]);
                assert!(!metric.ends_with("_total") || values[at] >= last[at], "{metric} fell");
                assert!(values[at] < 9e15, "{metric} is no longer exact");
            }
            last = values;
        }
        for (at, (metric, _)) in Host::series().enumerate() {
            assert!(!metric.ends_with("_total") || last[at] > first[at], "{metric} stands still");
        }
    }

    #[test]
    fn rates_are_what_the_counters_grew_by() {
        let mut rng = Rng::with_seed(6);
        let mut host = Host::new(&mut rng);
        let mut step = || {
            let mut values = Vec::new();
            host.step(&mut rng, &mut values);
            values
        };
        let (before, after) = (step(), step());
        // Whole numbers: less than a half apart is equal.
        assert!((after[6] - (after[0] - before[0]) * 8.0).abs() < 0.5);
        assert!((after[9] - (after[3] - before[3])).abs() < 0.5);
    }
}
