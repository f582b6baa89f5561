//! Bytes, packets, errors and drops of every interface, as rates over the time that really passed.

use std::collections::HashMap;

use netloom_core::{
    metric,
    sample::{Readings, SeriesKey},
    stats::rate::CounterRate,
    topology::Interface,
    unit::BITS_PER_BYTE,
};

use super::{Collector, Moment};

/// The counters of an interface, in the order of [`METRICS`].
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

/// Reads the counters of all interfaces at once.
pub struct InterfaceCollector {
    node: String,
    rates: HashMap<String, [CounterRate; COUNTERS]>,
}

impl InterfaceCollector {
    /// A collector for the node of that name.
    pub fn new(node: &str) -> Self {
        Self { node: node.to_owned(), rates: HashMap::new() }
    }
}

impl Collector for InterfaceCollector {
    fn name(&self) -> &'static str {
        "interfaces"
    }

    fn collect(&mut self, now: Moment, interfaces: &[Interface], readings: &mut Readings) -> Result<(), String> {
        let counters = read_counters()?;
        self.rates.retain(|name, _| counters.contains_key(name));
        let mut totals_bps = [0.0; 2];
        let mut has_total = false;
        for interface in interfaces.iter().filter(|interface| interface.is_up) {
            let Some(counts) = counters.get(&interface.name) else { continue };
            let rates = self.rates.entry(interface.name.clone()).or_default();
            for (at, count) in counts.iter().enumerate() {
                let Some(per_second) = rates[at].update(now.mono_ns, *count) else { continue };
                let is_bytes = at < totals_bps.len();
                let value = if is_bytes { per_second * BITS_PER_BYTE } else { per_second };
                if is_bytes && interface.is_counted {
                    totals_bps[at] += value;
                    has_total = true;
                }
                let series = SeriesKey::new(METRICS[at], [("node", &self.node), ("interface", &interface.name)]);
                readings.push(series, now.ts_ms, value);
            }
        }
        if has_total {
            for (name, value) in [metric::NET_RX_BPS, metric::NET_TX_BPS].into_iter().zip(totals_bps) {
                readings.push(SeriesKey::new(name, [("node", &self.node)]), now.ts_ms, value);
            }
        }
        Ok(())
    }
}

/// The counters by interface: one file holds them all, drops included.
#[cfg(target_os = "linux")]
fn read_counters() -> Result<HashMap<String, [u64; COUNTERS]>, String> {
    let devices = procfs::net::dev_status().map_err(|error| format!("cannot read /proc/net/dev ({error})"))?;
    let counters = devices.into_values().map(|d| {
        let counts = [
            d.recv_bytes,
            d.sent_bytes,
            d.recv_packets,
            d.sent_packets,
            d.recv_errs,
            d.sent_errs,
            d.recv_drop,
            d.sent_drop,
        ];
        (d.name, counts)
    });
    Ok(counters.collect())
}

/// The counters by interface, without drops, which this system does not tell.
#[cfg(not(target_os = "linux"))]
fn read_counters() -> Result<HashMap<String, [u64; COUNTERS]>, String> {
    let networks = sysinfo::Networks::new_with_refreshed_list().map_err(|error| error.to_string())?;
    let counters = networks.iter().map(|(name, d)| {
        let counts = [
            d.total_received(),
            d.total_transmitted(),
            d.total_packets_received(),
            d.total_packets_transmitted(),
            d.total_errors_on_received(),
            d.total_errors_on_transmitted(),
            0,
            0,
        ];
        (name.to_string_lossy().into_owned(), counts)
    });
    Ok(counters.collect())
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
