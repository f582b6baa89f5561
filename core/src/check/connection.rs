//! The quality of TCP connections, by where they go.

pub mod diag;
pub mod tcp_info;

use serde::{Deserialize, Serialize};

/// All connections to one place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemoteQuality {
    /// The node, where it is known, else the address.
    pub remote: String,
    /// Connections.
    pub sockets: u32,
    /// The median over the connections of their smoothed round-trip time, µs.
    pub rtt_us: Option<f64>,
    /// The smallest round-trip time that any has seen, µs.
    pub rtt_min_us: Option<f64>,
    /// Bytes that were sent again, over all bytes sent.
    pub retransmit_ratio: Option<f64>,
    /// What arrives there, all connections together, by the kernel's newest estimate of each, bit/s.
    pub delivery_bps: Option<f64>,
    /// Bytes sent over their lives.
    pub sent_bytes: u64,
    /// Bytes received over their lives.
    pub received_bytes: u64,
}
