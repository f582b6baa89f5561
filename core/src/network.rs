//! The newest figures of a node under the names that the Python monitors used.

use serde::{Deserialize, Serialize};

use crate::{metric, sample::SeriesKey, stats::aggregate::Aggregation, unit};

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

/// Figures older than this are not current any more and are left out.
pub const CURRENT_FOR_MS: i64 = 30_000;

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
    /// Mean over the targets of the newest round's loss, percent.
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
    /// Time to resolve a name, ms.
    pub dns_resolution_ms: Option<f64>,
    /// Median over the targets of the TCP handshake time, ms.
    pub tcp_connectivity_ms: Option<f64>,
    /// Time of a UDP echo, ms.
    pub udp_connectivity_ms: Option<f64>,
    /// Hops to the farthest target.
    pub network_path_hops: Option<f64>,
    /// Latency along the path, ms.
    pub network_path_latency: Option<f64>,
    /// When the newest figure was taken, epoch seconds.
    pub timestamp: Option<f64>,
}

impl NetworkMetrics {
    /// The figures of `node` among the newest values, as they are at `now_ms`. `is_counted` tells which interfaces add
    /// up to the node's total.
    pub fn of(node: &str, newest: &[Newest], is_counted: impl Fn(&str) -> bool, now_ms: i64) -> Self {
        let current: Vec<&Newest> =
            newest.iter().filter(|n| n.series.node() == node && now_ms - n.ts_ms <= CURRENT_FOR_MS).collect();
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
        Self {
            bandwidth_mbps: total_mbps,
            bandwidth_in_mbps: rx_mbps,
            bandwidth_out_mbps: tx_mbps,
            bandwidth_upload_mbps: tx_mbps,
            bandwidth_download_mbps: rx_mbps,
            total_bandwidth_mbps: total_mbps,
            latency_ms: icmp.or(tcp).map(unit::ms_from_us),
            packet_loss_percent: aggregate(metric::LOSS_RATIO, "", Aggregation::Avg).map(unit::percent_from_ratio),
            packets_in_per_sec: summed([metric::IF_RX_PPS; 2]),
            packets_out_per_sec: summed([metric::IF_TX_PPS; 2]),
            bytes_in_per_sec: rx_bps.map(|bps| bps / unit::BITS_PER_BYTE),
            bytes_out_per_sec: tx_bps.map(|bps| bps / unit::BITS_PER_BYTE),
            tcp_connections: single(metric::SOCK_TCP_TOTAL),
            udp_connections: single(metric::SOCK_UDP_TOTAL),
            active_connections: single(metric::SOCK_TCP_ESTABLISHED),
            network_errors: summed([metric::IF_RX_ERRORS_PS, metric::IF_TX_ERRORS_PS]),
            dropped_packets: summed([metric::IF_RX_DROPS_PS, metric::IF_TX_DROPS_PS]),
            tcp_connectivity_ms: tcp.map(unit::ms_from_us),
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

    #[test]
    fn what_was_not_measured_is_null() {
        let nothing = NetworkMetrics::of("n1", &[], |_| true, 0);
        let json = serde_json::to_value(nothing).expect("serialises");
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
        let metrics = NetworkMetrics::of("n1", &all, |name| name == "eth0", 2_000);
        assert_eq!(metrics.bandwidth_mbps, Some(10.0));
        assert_eq!(metrics.bytes_in_per_sec, Some(1e6));
        assert_eq!(metrics.packets_in_per_sec, Some(100.0));
        assert_eq!(metrics.latency_ms, Some(1.5));
        assert_eq!(metrics.tcp_connectivity_ms, Some(9.0));
        assert_eq!(metrics.packet_loss_percent, Some(10.0));
        assert_eq!(metrics.timestamp, Some(1.5));
    }

    #[test]
    fn old_figures_and_other_nodes_do_not_count() {
        let all = [newest("net_rx_bps", ("", ""), 8e6)];
        assert_eq!(NetworkMetrics::of("n1", &all, |_| true, 1_500 + CURRENT_FOR_MS + 1).bandwidth_in_mbps, None);
        assert_eq!(NetworkMetrics::of("n2", &all, |_| true, 2_000).bandwidth_in_mbps, None);
    }
}
