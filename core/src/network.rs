//! The newest figures of a node under the names that the Python monitors used.

use serde::{Deserialize, Serialize};

use crate::{metric, sample::SeriesKey, settings::Settings, stats::aggregate::Aggregation, unit};

mod current;

pub use current::CURRENT_FOR_MS;
use current::Currency;

/// The newest value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Newest {
    /// What it describes.
    pub series: SeriesKey,
    /// When it was taken, ms.
    pub ts_ms: i64,
    /// The value.
    pub value: f64,
}

/// The newest figures of a node. What was not measured is `null`, never 0. Megabits are 10^6 bits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkMetrics {
    /// In and out together, Mbit/s, each link counted once.
    pub bandwidth_mbps: Option<f64>,
    /// Received, Mbit/s.
    pub bandwidth_in_mbps: Option<f64>,
    /// Sent, Mbit/s.
    pub bandwidth_out_mbps: Option<f64>,
    /// Sent, Mbit/s.
    pub bandwidth_upload_mbps: Option<f64>,
    /// Received, Mbit/s.
    pub bandwidth_download_mbps: Option<f64>,
    /// In and out together, Mbit/s.
    pub total_bandwidth_mbps: Option<f64>,
    /// Median over the targets of the newest round's median, ms; ICMP where there is any, else TCP handshakes.
    pub latency_ms: Option<f64>,
    /// Mean over the targets of the newest round's loss, percent; of packets, not of requests.
    pub packet_loss_percent: Option<f64>,
    /// Packets received per second, over the interfaces that count.
    pub packets_in_per_sec: Option<f64>,
    /// Packets sent per second, over the interfaces that count.
    pub packets_out_per_sec: Option<f64>,
    /// Bytes received per second.
    pub bytes_in_per_sec: Option<f64>,
    /// Bytes sent per second.
    pub bytes_out_per_sec: Option<f64>,
    /// TCP sockets in use.
    pub tcp_connections: Option<f64>,
    /// UDP sockets in use.
    pub udp_connections: Option<f64>,
    /// Established TCP connections.
    pub active_connections: Option<f64>,
    /// Errors per second in both directions.
    pub network_errors: Option<f64>,
    /// Dropped packets per second in both directions.
    pub dropped_packets: Option<f64>,
    /// Bus bandwidth of the last all-reduce test, GB/s.
    pub allreduce_bandwidth: Option<f64>,
    /// Bus bandwidth of the last broadcast test, GB/s.
    pub broadcast_bandwidth: Option<f64>,
    /// Bus bandwidth of the last gather test, GB/s.
    pub gather_bandwidth: Option<f64>,
    /// Bus bandwidth of the last scatter test, GB/s.
    pub scatter_bandwidth: Option<f64>,
    /// Duration of the last all-reduce test, s.
    pub allreduce_time: Option<f64>,
    /// Median over the name servers of the time until they answered, ms.
    pub dns_resolution_ms: Option<f64>,
    /// Median over the targets of the TCP handshake time, ms.
    pub tcp_connectivity_ms: Option<f64>,
    /// Median over the peers of the mesh, and over what echoes UDP by schedule, of the round-trip time, ms.
    pub udp_connectivity_ms: Option<f64>,
    /// Hops to the farthest destination whose way was looked at lately.
    pub network_path_hops: Option<f64>,
    /// Latency along the way to that destination, ms.
    pub network_path_latency: Option<f64>,
    /// When the newest figure was taken, epoch seconds.
    pub timestamp: Option<f64>,
}

impl NetworkMetrics {
    /// The figures of `node` among the newest values, as they are at `now_ms`. `is_counted` tells which interfaces add
    /// up to the node's total; the settings, how long a figure is current.
    pub fn of(
        node: &str,
        newest: &[Newest],
        is_counted: impl Fn(&str) -> bool,
        settings: &Settings,
        now_ms: i64,
    ) -> Self {
        let currency = Currency::of(node, settings);
        let is_current = |n: &&Newest| n.series.node() == node && now_ms - n.ts_ms <= currency.ms(&n.series);
        let current: Vec<&Newest> = newest.iter().filter(is_current).collect();
        let values = |name: &str, mode: &str| -> Vec<f64> {
            let asked = |n: &&&Newest| n.series.metric == name && (mode.is_empty() || n.series.label("mode") == mode);
            current.iter().filter(asked).map(|n| n.value).collect()
        };
        let aggregate = |name, mode, aggregation: Aggregation| aggregation.apply(&mut values(name, mode));
        let single = |name| aggregate(name, "", Aggregation::Last);
        let summed = |names: [&str; 2]| -> Option<f64> {
            let counted =
                |n: &&&Newest| names.contains(&n.series.metric.as_str()) && is_counted(n.series.label("interface"));
            current.iter().filter(counted).map(|n| n.value).reduce(|a, b| a + b)
        };
        let (rx_bps, tx_bps) = (single(metric::NET_RX_BPS), single(metric::NET_TX_BPS));
        let (rx_mbps, tx_mbps) = (rx_bps.map(unit::mbps_from_bps), tx_bps.map(unit::mbps_from_bps));
        let total_mbps = rx_mbps.zip(tx_mbps).map(|(rx, tx)| rx + tx);
        let icmp = aggregate(metric::RTT_US, "icmp", Aggregation::P50);
        let tcp = aggregate(metric::RTT_US, "tcp", Aggregation::P50);
        let median = |mut values: Vec<f64>| Aggregation::P50.apply(&mut values);
        let udp = [values(metric::RTT_US, "udp"), values(metric::UDP_ECHO_US, "")].concat();
        let handshakes = [values(metric::RTT_US, "tcp"), values(metric::TCP_CONNECT_US, "")].concat();
        // Requests that got no answer say little about the packets that carried them.
        let average = |mut values: Vec<f64>| Aggregation::Avg.apply(&mut values);
        let losses = ["icmp", "tcp", "udp"].map(|mode| values(metric::LOSS_RATIO, mode)).concat();
        let farthest = current.iter().filter(|n| n.series.metric == metric::PATH_HOPS);
        let farthest = farthest.max_by(|a, b| a.value.total_cmp(&b.value));
        let along = farthest.and_then(|far| {
            let is_same = |n: &&&Newest| n.series.metric == metric::PATH_RTT_US && n.series.labels == far.series.labels;
            current.iter().find(is_same).map(|n| n.value)
        });
        Self {
            bandwidth_mbps: total_mbps,
            bandwidth_in_mbps: rx_mbps,
            bandwidth_out_mbps: tx_mbps,
            bandwidth_upload_mbps: tx_mbps,
            bandwidth_download_mbps: rx_mbps,
            total_bandwidth_mbps: total_mbps,
            latency_ms: icmp.or(tcp).map(unit::ms_from_us),
            packet_loss_percent: average(losses).map(unit::percent_from_ratio),
            packets_in_per_sec: summed([metric::IF_RX_PPS; 2]),
            packets_out_per_sec: summed([metric::IF_TX_PPS; 2]),
            bytes_in_per_sec: rx_bps.map(|bps| bps / unit::BITS_PER_BYTE),
            bytes_out_per_sec: tx_bps.map(|bps| bps / unit::BITS_PER_BYTE),
            tcp_connections: single(metric::SOCK_TCP_TOTAL),
            udp_connections: single(metric::SOCK_UDP_TOTAL),
            active_connections: single(metric::SOCK_TCP_ESTABLISHED),
            network_errors: summed([metric::IF_RX_ERRORS_PS, metric::IF_TX_ERRORS_PS]),
            dropped_packets: summed([metric::IF_RX_DROPS_PS, metric::IF_TX_DROPS_PS]),
            dns_resolution_ms: aggregate(metric::DNS_LOOKUP_US, "", Aggregation::P50).map(unit::ms_from_us),
            tcp_connectivity_ms: median(handshakes).map(unit::ms_from_us),
            udp_connectivity_ms: median(udp).map(unit::ms_from_us),
            network_path_hops: farthest.map(|far| far.value),
            network_path_latency: along.map(unit::ms_from_us),
            timestamp: current.iter().map(|n| n.ts_ms).max().map(|ts_ms| ts_ms as f64 / 1_000.0),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(metric: &str, label: (&str, &str), value: f64) -> Newest {
        let owner = if label.0 == "interface" || label.0.is_empty() { "node" } else { "src" };
        let mut series = SeriesKey::new(metric, [(owner, "n1")]);
        if !label.0.is_empty() {
            series.labels.insert(label.0.into(), label.1.into());
        }
        Newest { series, ts_ms: 1_500, value }
    }

    fn to(metric: &str, dst: &str, mode: &str, value: f64) -> Newest {
        let mut newest = newest(metric, ("mode", mode), value);
        newest.series.labels.insert("dst".into(), dst.into());
        newest
    }

    fn of(all: &[Newest], now_ms: i64) -> NetworkMetrics {
        NetworkMetrics::of("n1", all, |name| name == "eth0", &Settings::default(), now_ms)
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let json = serde_json::to_value(of(&[], 0)).expect("serialises");
        let fields = json.as_object().expect("an object");
        assert_eq!(fields.len(), 28);
        assert!(fields.values().all(serde_json::Value::is_null));
    }

    #[test]
    fn figures_are_converted_and_interfaces_counted_once() {
        let all = [
            newest("net_rx_bps", ("", ""), 8e6),
            newest("net_tx_bps", ("", ""), 2e6),
            newest("if_rx_pps", ("interface", "eth0"), 100.0),
            newest("if_rx_pps", ("interface", "bond0"), 100.0),
            newest("rtt_us", ("mode", "icmp"), 1_500.0),
            newest("rtt_us", ("mode", "tcp"), 9_000.0),
            newest("loss_ratio", ("mode", "icmp"), 0.1),
        ];
        let metrics = of(&all, 2_000);
        assert_eq!(metrics.bandwidth_mbps, Some(10.0));
        assert_eq!(metrics.bytes_in_per_sec, Some(1e6));
        assert_eq!(metrics.packets_in_per_sec, Some(100.0));
        assert_eq!(metrics.latency_ms, Some(1.5));
        assert_eq!(metrics.tcp_connectivity_ms, Some(9.0));
        assert_eq!(metrics.packet_loss_percent, Some(10.0));
        assert_eq!(metrics.timestamp, Some(1.5));
        assert_eq!(
            (metrics.dns_resolution_ms, metrics.udp_connectivity_ms, metrics.network_path_hops),
            (None, None, None)
        );
    }

    #[test]
    fn checks_fill_their_fields() {
        let all = [
            to("dns_lookup_us", "dns 10.0.0.53", "dns", 2_000.0),
            to("dns_lookup_us", "dns 10.0.0.54", "dns", 4_000.0),
            to("dns_lookup_us", "dns 10.0.0.55", "dns", 90_000.0),
            to("loss_ratio", "dns 10.0.0.56", "dns", 1.0),
            to("rtt_us", "n2", "udp", 100.0),
            to("udp_echo_us", "10.0.0.7:7", "udp", 300.0),
            to("rtt_us", "n2", "tcp", 400.0),
            to("tcp_connect_us", "db:5432", "tcp", 600.0),
            to("path_hops", "n2", "path", 3.0),
            to("path_rtt_us", "n2", "path", 70_000.0),
            to("path_hops", "hub", "path", 5.0),
            to("path_rtt_us", "hub", "path", 1_250.0),
            to("loss_ratio", "n2", "udp", 0.5),
        ];
        let metrics = of(&all, 2_000);
        assert_eq!(metrics.dns_resolution_ms, Some(4.0), "the median of those that answered");
        assert_eq!(metrics.udp_connectivity_ms, Some(0.2));
        assert_eq!(metrics.tcp_connectivity_ms, Some(0.5));
        assert_eq!((metrics.network_path_hops, metrics.network_path_latency), (Some(5.0), Some(1.25)));
        assert_eq!(metrics.packet_loss_percent, Some(50.0), "a question without an answer is no packet");
        assert_eq!((metrics.allreduce_bandwidth, metrics.allreduce_time), (None, None));
    }

    #[test]
    fn old_figures_and_other_nodes_do_not_count() {
        let all = [newest("net_rx_bps", ("", ""), 8e6), to("path_hops", "hub", "path", 5.0)];
        let later = of(&all, 1_500 + CURRENT_FOR_MS + 1);
        assert_eq!(
            (later.bandwidth_in_mbps, later.network_path_hops),
            (None, Some(5.0)),
            "ways come every five minutes"
        );
        assert_eq!(later.timestamp, Some(1.5));
        let (other, settings) = (|_: &str| true, Settings::default());
        assert_eq!(NetworkMetrics::of("n2", &all, other, &settings, 2_000), NetworkMetrics::default());
    }
}
