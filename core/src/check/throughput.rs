//! Tests of throughput: what is asked for, and what came of it.

pub mod budget;
pub mod datagram;
pub mod iperf;
pub mod rate;
pub mod request;
pub mod slices;
pub mod wire;

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

impl Direction {
    /// Whether data goes from the node that asks.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up | Self::Both)
    }

    /// Whether data comes to the node that asks.
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
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
    /// The rate, bit/s, all streams together; over TCP, 0 is as fast as it goes.
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

impl ThroughputResult {
    /// The rate that people mean: that of the one direction, or of the slower of two. Both are never added up: no program
    /// gets their sum in either direction.
    pub fn bps(&self) -> Option<f64> {
        match (&self.up, &self.down) {
            (Some(up), Some(down)) => Some(up.bps.min(down.bps)),
            (one, other) => one.as_ref().or(other.as_ref()).map(|flowed| flowed.bps),
        }
    }

    /// The figures of it, as findings name them.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = Vec::new();
        figures.extend(self.bps().map(|bps| ("throughput_bps", bps)));
        if let (Some(up), Some(down)) = (&self.up, &self.down) {
            figures.extend([("throughput_up_bps", up.bps), ("throughput_down_bps", down.bps)]);
        }
        let flows = || [&self.up, &self.down].into_iter().flatten();
        let retransmits: Vec<u64> = flows().filter_map(|flowed| flowed.retransmits).collect();
        if !retransmits.is_empty() {
            figures.push(("retransmits", retransmits.iter().sum::<u64>() as f64));
        }
        let worst = |of: fn(&Flowed) -> Option<f64>| flows().filter_map(of).reduce(f64::max);
        figures.extend(worst(|flowed| flowed.loss_ratio).map(|ratio| ("loss_ratio", ratio)));
        figures.extend(worst(|flowed| flowed.jitter_us).map(|us| ("jitter_us", us)));
        figures.extend(self.idle_rtt_us.map(|us| ("idle_rtt_us", us)));
        figures.extend(self.loaded_rtt_us.map(|us| ("loaded_rtt_us", us)));
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_directions_are_never_one_rate() {
        let flowed = |bps: f64, retransmits| Some(Flowed { bps, retransmits: Some(retransmits), ..Flowed::default() });
        let both = ThroughputResult { up: flowed(9e9, 2), down: flowed(4e9, 3), ..ThroughputResult::default() };
        let value = |name: &str| both.figures().into_iter().find(|figure| figure.0 == name).map(|figure| figure.1);
        assert_eq!(value("throughput_bps"), Some(4e9));
        assert_eq!((value("throughput_up_bps"), value("throughput_down_bps")), (Some(9e9), Some(4e9)));
        assert_eq!(value("retransmits"), Some(5.0));
        let one = ThroughputResult { down: flowed(4e9, 3), ..ThroughputResult::default() };
        assert_eq!(one.bps(), Some(4e9));
        assert!(one.figures().iter().all(|figure| figure.0 != "throughput_down_bps"));
    }
}
