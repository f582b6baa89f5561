//! Bytes, packets, errors and drops of every interface, by cause where there are any, as rates over the time that really
//! passed.

use std::collections::HashMap;

use netloom_core::{
    check::interface::counters::{CAUSES, Cause, Counter, Counters},
    metric,
    sample::{Readings, SeriesKey},
    stats::rate::CounterRate,
    topology::Interface,
    unit::BITS_PER_BYTE,
};

use super::{Collector, Moment};

/// The counters that every interface has, in the order of [`METRICS`].
const COUNTERS: usize = 8;

/// What each counter becomes.
const METRICS: [&str; COUNTERS] = [
    metric::IF_RX_BPS,
    metric::IF_TX_BPS,
    metric::IF_RX_PPS,
    metric::IF_TX_PPS,
    metric::IF_RX_ERRORS_PS,
    metric::IF_TX_ERRORS_PS,
    metric::IF_RX_DROPS_PS,
    metric::IF_TX_DROPS_PS,
];

fn counts(counters: &Counters) -> [u64; COUNTERS] {
    [
        counters.get(Counter::RX_BYTES),
        counters.get(Counter::TX_BYTES),
        counters.get(Counter::RX_PACKETS),
        counters.get(Counter::TX_PACKETS),
        counters.get(Counter::RX_ERRORS),
        counters.get(Counter::TX_ERRORS),
        counters.rx_drops(),
        counters.get(Counter::TX_DROPPED),
    ]
}

/// Reads the counters of all interfaces at once.
pub struct InterfaceCollector {
    node: String,
    reader: Reader,
    known: HashMap<String, Known>,
}

/// What is remembered of an interface.
#[derive(Default)]
struct Known {
    rates: [CounterRate; COUNTERS],
    causes: [CounterRate; CAUSES.len()],
    carrier_changes: Option<u64>,
    /// Whether its carrier came or went since the agent started.
    has_changed: bool,
}

impl InterfaceCollector {
    /// A collector for the node of that name.
    pub fn new(node: &str) -> Self {
        Self { node: node.to_owned(), reader: Reader::default(), known: HashMap::new() }
    }
}

impl Collector for InterfaceCollector {
    fn name(&self) -> &'static str {
        "interfaces"
    }

    fn collect(&mut self, now: Moment, interfaces: &[Interface], readings: &mut Readings) -> Result<(), String> {
        self.reader.read().map_err(|error| format!("the system does not tell its counters ({error})"))?;
        let read: HashMap<&str, (&Counters, Option<u64>)> =
            self.reader.counters().map(|(name, counters, carrier)| (name, (counters, carrier))).collect();
        self.known.retain(|name, _| read.contains_key(name.as_str()));
        let mut totals_bps = [0.0; 2];
        let mut has_total = false;
        for interface in interfaces {
            let Some((counters, carrier_changes)) = read.get(interface.name.as_str()) else { continue };
            let known = self.known.entry(interface.name.clone()).or_default();
            let mut told = Told { node: &self.node, interface: &interface.name, now, readings: &mut *readings };
            told.carrier(known, *carrier_changes);
            if !interface.is_up {
                continue;
            }
            for (at, count) in counts(counters).into_iter().enumerate() {
                let Some(per_second) = known.rates[at].update(now.mono_ns, count) else { continue };
                let is_bytes = at < totals_bps.len();
                let value = if is_bytes { per_second * BITS_PER_BYTE } else { per_second };
                if is_bytes && interface.is_counted {
                    totals_bps[at] += value;
                    has_total = true;
                }
                told.push(METRICS[at], value);
            }
            told.causes(&mut known.causes, counters);
        }
        if has_total {
            for (name, value) in [metric::NET_RX_BPS, metric::NET_TX_BPS].into_iter().zip(totals_bps) {
                readings.push(SeriesKey::new(name, [("node", &self.node)]), now.ts_ms, value);
            }
        }
        Ok(())
    }
}

/// Where the figures of an interface go.
struct Told<'a> {
    node: &'a str,
    interface: &'a str,
    now: Moment,
    readings: &'a mut Readings,
}

impl Told<'_> {
    fn push(&mut self, name: &str, value: f64) {
        let labels = [("node", self.node), ("interface", self.interface)];
        self.readings.push(SeriesKey::new(name, labels), self.now.ts_ms, value);
    }

    /// Most interfaces never see most causes, so that only those are told that occurred since the interface was made.
    fn causes(&mut self, rates: &mut [CounterRate], counters: &Counters) {
        for (Cause { is_rx, name: cause, counter }, rate) in CAUSES.iter().zip(rates) {
            let count = counters.get(*counter);
            let Some(per_second) = rate.update(self.now.mono_ns, count).filter(|_| count > 0) else { continue };
            let name = if *is_rx { metric::IF_RX_ERRORS_BY_CAUSE_PS } else { metric::IF_TX_ERRORS_BY_CAUSE_PS };
            let labels = [("node", self.node), ("interface", self.interface), ("cause", *cause)];
            self.readings.push(SeriesKey::new(name, labels), self.now.ts_ms, per_second);
        }
    }

    /// Every interface got its carrier once; a series begins with the first change beyond that, and then has its values
    /// from before and after.
    fn carrier(&mut self, known: &mut Known, changes: Option<u64>) {
        let before = std::mem::replace(&mut known.carrier_changes, changes);
        let (Some(before), Some(changes)) = (before, changes) else { return };
        if before != changes {
            known.has_changed = true;
        }
        if known.has_changed {
            self.push(metric::IF_CARRIER_CHANGES, changes as f64);
        }
    }
}

#[cfg(target_os = "linux")]
use super::link::CounterReader as Reader;

/// The counters by interface, without drops and causes, which this system does not tell.
#[cfg(not(target_os = "linux"))]
#[derive(Default)]
struct Reader(Vec<(String, Counters)>);

#[cfg(not(target_os = "linux"))]
impl Reader {
    fn read(&mut self) -> std::io::Result<()> {
        let networks = sysinfo::Networks::new_with_refreshed_list().map_err(std::io::Error::other)?;
        let counters = networks.iter().map(|(name, d)| {
            let counters = Counters::default()
                .with(Counter::RX_BYTES, d.total_received())
                .with(Counter::TX_BYTES, d.total_transmitted())
                .with(Counter::RX_PACKETS, d.total_packets_received())
                .with(Counter::TX_PACKETS, d.total_packets_transmitted())
                .with(Counter::RX_ERRORS, d.total_errors_on_received())
                .with(Counter::TX_ERRORS, d.total_errors_on_transmitted());
            (name.to_string_lossy().into_owned(), counters)
        });
        self.0 = counters.collect();
        Ok(())
    }

    fn counters(&self) -> impl Iterator<Item = (&str, &Counters, Option<u64>)> {
        self.0.iter().map(|(name, counters)| (name.as_str(), counters, None))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::collect::inventory;

    #[test]
    fn traffic_on_loopback_shows_as_its_rate() {
        let interfaces = inventory::read().expect("interfaces can be listed");
        let mut collector = InterfaceCollector::new("n1");
        let mut first = Readings::default();
        collector.collect(Moment { mono_ns: 0, ts_ms: 0 }, &interfaces, &mut first).expect("readable");
        assert!(first.samples.is_empty(), "the first reading yields nothing");

        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = receiver.local_addr().expect("bound");
        for _ in 0..100 {
            sender.send_to(&[0; 1_000], address).expect("sent");
        }

        let mut second = Readings::default();
        collector.collect(Moment { mono_ns: 2_000_000_000, ts_ms: 2_000 }, &interfaces, &mut second).expect("readable");
        let rate =
            second.iter().find(|(series, _)| series.metric == metric::IF_TX_BPS && series.label("interface") == "lo");
        let (_, reading) = rate.expect("loopback is reported");
        // 100 datagrams of 1,028 bytes with their headers over two seconds; other tests may add traffic of their own.
        assert!(reading.value >= 100.0 * 1_028.0 * 8.0 / 2.0, "{reading:?}");
    }
}
