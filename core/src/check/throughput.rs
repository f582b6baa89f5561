//! Tests of throughput: what is asked for, and what came of it.

use serde::{Deserialize, Serialize};

use super::spec::Family;

/// Over what the test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP, as fast as it goes.
    #[default]
    Tcp,
    /// UDP, at the rate that is asked for.
    Udp,
}

/// Which way the data goes, seen from the node that asks for the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From it to the other.
    #[default]
    Up,
    /// From the other to it.
    Down,
    /// Both at once.
    Both,
}

/// The most streams of one test: more than the queues of a usual card, and what `iperf3` users ask for.
pub const STREAMS_MAX: u16 = 16;

/// A test between two nodes of Netloom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThroughputSpec {
    /// Where the other one listens: a name or an address.
    pub host: String,
    /// Which version of IP.
    #[serde(default)]
    pub family: Family,
    /// The port.
    pub port: u16,
    /// What the other one wants to see, hexadecimal digits; never shown in results.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ticket: String,
    /// Over what.
    #[serde(default)]
    pub protocol: Protocol,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
    /// Connections at once, 1 to [`STREAMS_MAX`].
    pub streams: u16,
    /// How long is measured, ms, the warm-up not included.
    pub duration_ms: u64,
    /// What is left out before, ms.
    pub warm_up_ms: u64,
    /// How much is sent at most in each direction, bytes.
    pub bytes_max: u64,
    /// The rate of UDP, bit/s, all streams together.
    #[serde(default)]
    pub rate_bps: u64,
}

/// A test against a server of iperf3.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IperfSpec {
    /// A name or an address.
    pub host: String,
    /// Which version of IP.
    #[serde(default)]
    pub family: Family,
    /// The port.
    pub port: u16,
    /// Over what.
    #[serde(default)]
    pub protocol: Protocol,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
    /// Connections at once.
    pub streams: u16,
    /// How long is measured, ms, the warm-up not included.
    pub duration_ms: u64,
    /// What is left out before, ms.
    pub warm_up_ms: u64,
    /// The rate of UDP, bit/s.
    #[serde(default)]
    pub rate_bps: u64,
}

/// What one direction carried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Flowed {
    /// What arrived per second, bit/s of payload, without the warm-up.
    pub bps: f64,
    /// What arrived, bytes.
    pub bytes: u64,
    /// Over how long, ms.
    pub duration_ms: f64,
    /// Segments that TCP sent again, where the sender's system tells.
    pub retransmits: Option<u64>,
    /// Datagrams that did not arrive, over those sent.
    pub loss_ratio: Option<f64>,
    /// The jitter of datagrams, µs (RFC 3550 section 6.4.1).
    pub jitter_us: Option<f64>,
    /// What arrived in each slice of the test, bit/s.
    #[serde(default)]
    pub slices_bps: Vec<f64>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThroughputResult {
    /// Over what.
    pub protocol: Protocol,
    /// Connections at once.
    pub streams: u16,
    /// From the node that asked to the other, when that was tested.
    pub up: Option<Flowed>,
    /// From the other to the node that asked, when that was tested.
    pub down: Option<Flowed>,
    /// How long a slice is, ms.
    pub slice_ms: u64,
    /// The median round-trip time before the test, µs.
    pub idle_rtt_us: Option<f64>,
    /// The median round-trip time during the test, µs; what it has more is the buffers on the way.
    pub loaded_rtt_us: Option<f64>,
}
