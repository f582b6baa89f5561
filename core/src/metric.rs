//! The catalogue: one row per metric that Netloom itself measures.
//!
//! Storage, `/metrics`, axes, units, tables and alert forms follow from the row. A name ends with its unit's suffix; a
//! test holds that.

use crate::unit::Unit;

/// What one series of a metric describes, and so which labels it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A node: label `node`.
    Node,
    /// An interface of a node: labels `node`, `interface`.
    Interface,
    /// An ordered pair: labels `src`, `dst`, `mode`.
    Pair,
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name in the API, in storage and in rules.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The unit of stored values.
    pub unit: Unit,
    /// What a series describes.
    pub scope: Scope,
    /// One sentence: what is counted, over what.
    pub help: &'static str,
}

macro_rules! catalogue {
    ($($id:ident = $name:literal, $title:literal, $unit:ident, $scope:ident, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $id: &str = $name;
        )*
        /// Every metric Netloom measures, in the order in which pages list them.
        pub const CATALOGUE: &[Metric] = &[
            $(Metric { name: $name, title: $title, unit: Unit::$unit, scope: Scope::$scope, help: $help },)*
        ];
    };
}

catalogue! {
    RTT_US = "rtt_us", "Latency", Microseconds, Pair, "Median round-trip time of one round of probes.";
    RTT_MIN_US = "rtt_min_us", "Latency, best", Microseconds, Pair, "Smallest round-trip time of one round of probes.";
    RTT_MAX_US = "rtt_max_us", "Latency, worst", Microseconds, Pair, "Largest round-trip time of one round of probes.";
    JITTER_US = "jitter_us", "Jitter", Microseconds, Pair, "Mean absolute difference of successive round-trip times within one round.";
    LOSS_RATIO = "loss_ratio", "Loss", Ratio, Pair, "Probes of one round that got no answer, over those sent.";
    REORDER_RATIO = "reorder_ratio", "Reordered", Ratio, Pair, "Answers of one train that came after one sent later, over all answers (RFC 4737).";
    DUPLICATE_RATIO = "duplicate_ratio", "Duplicates", Ratio, Pair, "Answers of one train that came more than once, over all packets sent (RFC 5560).";
    PROBES_SENT = "probes_sent", "Packets sent", Count, Pair, "Packets of one round that were sent.";
    RTT_MDEV_US = "rtt_mdev_us", "Latency, deviation", Microseconds, Pair, "Standard deviation of the round-trip times of one round, as ping calls mdev.";
    TCP_CONNECT_US = "tcp_connect_us", "TCP handshake", Microseconds, Pair, "Time of a TCP handshake, as the kernel took it where it tells.";
    SYN_RETRANSMITS = "syn_retransmits", "SYN sent again", Count, Pair, "SYN packets of one check that had to be sent again.";
    DUPLICATES = "duplicates", "Duplicates of a check", Count, Pair, "Answers of one check that came more than once.";
    UDP_ECHO_US = "udp_echo_us", "UDP echo", Microseconds, Pair, "Median round-trip time to a service that echoes over UDP (RFC 862).";
    DNS_LOOKUP_US = "dns_lookup_us", "DNS look-up", Microseconds, Pair, "Time until one name server answered, asked by itself and without a cache.";
    HTTP_FIRST_BYTE_US = "http_first_byte_us", "HTTP, first byte", Microseconds, Pair, "Time from the start of a request to the first byte of its answer, connecting included.";
    HTTP_TOTAL_US = "http_total_us", "HTTP, whole", Microseconds, Pair, "Time from the start of a request to the end of its answer, connecting included.";
    REDIS_PING_US = "redis_ping_us", "Redis PING", Microseconds, Pair, "Median time of a PING of Redis.";
    REDIS_LOCK_US = "redis_lock_us", "Redis lock", Microseconds, Pair, "Median time to take a lock in Redis.";
    REDIS_RELEASE_US = "redis_release_us", "Redis release", Microseconds, Pair, "Median time to release a lock in Redis.";
    PATH_HOPS = "path_hops", "Hops", Count, Pair, "Hops to the destination.";
    PATH_RTT_US = "path_rtt_us", "Latency along the way", Microseconds, Pair, "Median round-trip time to the last hop of the way that answered.";
    PATH_FLOWS = "path_flows", "Ways", Count, Pair, "Different ways that the flows of one look took.";
    PATH_MTU_BYTES = "path_mtu_bytes", "MTU of the way", Count, Pair, "The largest packet that passes the way whole, bytes.";
    THROUGHPUT_BPS = "throughput_bps", "Throughput", BitsPerSecond, Pair, "What arrived per second in a test, without its warm-up; that of the slower direction when both were tested.";
    THROUGHPUT_UP_BPS = "throughput_up_bps", "Throughput there", BitsPerSecond, Pair, "What arrived per second at the destination, both directions tested at once.";
    THROUGHPUT_DOWN_BPS = "throughput_down_bps", "Throughput back", BitsPerSecond, Pair, "What arrived per second at the source, both directions tested at once.";
    RETRANSMITS = "retransmits", "Sent again", Count, Pair, "Segments that TCP sent again in a test of throughput.";
    IDLE_RTT_US = "idle_rtt_us", "Latency, idle", Microseconds, Pair, "Median round-trip time before a test of throughput.";
    LOADED_RTT_US = "loaded_rtt_us", "Latency under load", Microseconds, Pair, "Median round-trip time during a test of throughput.";
    ECHO_LAG_US = "echo_lag_us", "Probing late by", Microseconds, Node, "How much later than planned the node sent or read packets of the mesh, the worst of a second; large when the host is starved.";
    ECHO_REFUSED_PS = "echo_refused_ps", "Refused probes", PerSecond, Node, "Packets per second that the node's echo did not take: forged, repeated, too old, too many, or none of the mesh.";
    CLOCK_OFFSET_US = "clock_offset_us", "Clock offset", Microseconds, Node, "The node's clock less the hub's, as the fastest exchanges tell (RFC 5905 section 8).";
    SPOOL_BATCHES = "spool_batches", "Waiting batches", Count, Node, "Batches that wait at the agent for the hub.";
    SPOOL_DROPPED_BATCHES = "spool_dropped_batches", "Dropped batches", Count, Node, "Batches that the agent dropped since its start: its spool was full, they grew too old or could not be read, or the hub refused them.";
    SENDER_DROPPED_BATCHES = "sender_dropped_batches", "Batches not taken", Count, Node, "Batches that the agent dropped since its start, because neither hub nor spool took them; from the first one on.";
    DISK_USED_RATIO = "disk_used_ratio", "Disk used", Ratio, Node, "Used part of the disk that the hub's data folder is on, of what may be used without special rights.";
    NET_RX_BPS = "net_rx_bps", "Received, all links", BitsPerSecond, Node, "Receive rate of the node, each link counted once.";
    NET_TX_BPS = "net_tx_bps", "Sent, all links", BitsPerSecond, Node, "Transmit rate of the node, each link counted once.";
    IF_RX_BPS = "if_rx_bps", "Received", BitsPerSecond, Interface, "Receive rate over the true elapsed time.";
    IF_TX_BPS = "if_tx_bps", "Sent", BitsPerSecond, Interface, "Transmit rate over the true elapsed time.";
    IF_RX_PPS = "if_rx_pps", "Packets received", PacketsPerSecond, Interface, "Packets received per second.";
    IF_TX_PPS = "if_tx_pps", "Packets sent", PacketsPerSecond, Interface, "Packets sent per second.";
    IF_RX_ERRORS_PS = "if_rx_errors_ps", "Receive errors", PerSecond, Interface, "Receive errors per second.";
    IF_TX_ERRORS_PS = "if_tx_errors_ps", "Send errors", PerSecond, Interface, "Transmit errors per second.";
    IF_RX_DROPS_PS = "if_rx_drops_ps", "Receive drops", PerSecond, Interface, "Received packets dropped per second.";
    IF_TX_DROPS_PS = "if_tx_drops_ps", "Send drops", PerSecond, Interface, "Packets dropped before sending, per second.";
    IF_RX_ERRORS_BY_CAUSE_PS = "if_rx_errors_by_cause_ps", "Receive errors by cause", PerSecond, Interface, "Receive errors and drops per second of one cause (label cause: crc, missed and others); only causes that ever occurred.";
    IF_TX_ERRORS_BY_CAUSE_PS = "if_tx_errors_by_cause_ps", "Send errors by cause", PerSecond, Interface, "Transmit errors per second of one cause (label cause: carrier, collisions and others); only causes that ever occurred.";
    IF_CARRIER_CHANGES = "if_carrier_changes", "Carrier changes", Count, Interface, "How often the carrier came or went since the system started; from the first change that the agent saw.";
    CONN_RTT_US = "conn_rtt_us", "Latency of connections", Microseconds, Pair, "Median of the kernel's smoothed round-trip time over all TCP connections to the node.";
    CONN_RETRANSMIT_RATIO = "conn_retransmit_ratio", "Retransmitted", Ratio, Pair, "Bytes that TCP connections to the node sent again, over all bytes they sent since the look before.";
    CONN_DELIVERY_BPS = "conn_delivery_bps", "Delivery rate", BitsPerSecond, Pair, "What arrives at the node over all TCP connections that lately sent, by the kernel's estimates.";
    CONN_SOCKETS = "conn_sockets", "Connections", Count, Pair, "TCP connections to the node.";
    SOCK_TCP_ESTABLISHED = "sock_tcp_established", "TCP established", Count, Node, "TCP connections in ESTABLISHED or CLOSE-WAIT (RFC 4022, tcpCurrEstab).";
    SOCK_TCP_TOTAL = "sock_tcp_total", "TCP sockets", Count, Node, "TCP sockets in use.";
    SOCK_UDP_TOTAL = "sock_udp_total", "UDP sockets", Count, Node, "UDP sockets in use.";
}

/// The row of a metric; `None` for names that others push.
pub fn find(name: &str) -> Option<&'static Metric> {
    CATALOGUE.iter().find(|metric| metric.name == name)
}

/// The unit of any metric: by the catalogue, else by the last word of the name.
pub fn unit_of(name: &str) -> Unit {
    if let Some(metric) = find(name) {
        return metric.unit;
    }
    let by_suffix = [Unit::BitsPerSecond, Unit::PacketsPerSecond, Unit::PerSecond, Unit::Microseconds, Unit::Ratio];
    by_suffix.into_iter().find(|unit| name.ends_with(unit.suffix())).unwrap_or(Unit::Count)
}

/// The longest metric name: long enough for any name in the field's own exporters, short enough for a table.
pub const NAME_MAX_CHARS: usize = 64;

/// Whether a name may be stored: `[a-z][a-z0-9_]{0,63}`, and the upper-case `B` of the collectives' `_Bps`.
pub fn is_valid_name(name: &str) -> bool {
    let head = name.strip_suffix("_Bps").unwrap_or(name);
    let mut chars = head.chars();
    name.len() <= NAME_MAX_CHARS
        && chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_unique_and_end_with_their_unit() {
        for (at, metric) in CATALOGUE.iter().enumerate() {
            assert!(is_valid_name(metric.name), "{}", metric.name);
            assert!(metric.name.ends_with(metric.unit.suffix()), "{}", metric.name);
            assert!(CATALOGUE[..at].iter().all(|other| other.name != metric.name), "{}", metric.name);
        }
    }

    #[test]
    fn odd_names_are_refused() {
        for name in ["", "9lives", "Rtt", "a b", "a-b", &"x".repeat(65)] {
            assert!(!is_valid_name(name), "{name}");
        }
        assert!(is_valid_name("coll_allreduce_algbw_Bps"));
    }

    #[test]
    fn pushed_names_get_their_unit_from_the_last_word() {
        assert_eq!(unit_of("my_wait_us"), Unit::Microseconds);
        assert_eq!(unit_of("queue_length"), Unit::Count);
    }
}
