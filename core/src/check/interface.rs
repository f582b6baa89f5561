//! Interfaces in depth.

pub mod counters;
pub mod link;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that the system tells of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InterfaceDepth {
    /// Its name.
    pub name: String,
    /// Whether it can carry traffic now.
    pub is_up: bool,
    /// The driver.
    pub driver: Option<String>,
    /// Negotiated speed, Mbit/s.
    pub speed_mbps: Option<u64>,
    /// `full` or `half`.
    pub duplex: Option<String>,
    /// Largest packet, bytes.
    pub mtu_bytes: Option<u64>,
    /// How often the carrier came or went since the interface was made.
    pub carrier_changes: Option<u64>,
    /// Queues that receive.
    pub rx_queues: u32,
    /// Queues that send.
    pub tx_queues: u32,
    /// Packets that it received since it was made, beside which errors are judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx_packets: Option<u64>,
    /// Packets that it sent since it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_packets: Option<u64>,
    /// Errors and drops since the interface was made, in sum (`rx_errors`, `tx_dropped`) and by cause (`rx_crc`); only those
    /// that happened.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// What it is made of, when it is a bond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bond: Option<Bond>,
}

impl InterfaceDepth {
    /// The same without what counts on: whoever compares two of these learns whether the interface is another one now.
    #[must_use]
    pub fn without_counts(&self) -> Self {
        let mut still = self.clone();
        still.errors.clear();
        (still.carrier_changes, still.rx_packets, still.tx_packets) = (None, None, None);
        still.bond.iter_mut().flat_map(|bond| &mut bond.members).for_each(|member| member.failures = 0);
        still
    }
}

/// A bond.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bond {
    /// How it shares the load: `802.3ad`, `active-backup`.
    pub mode: String,
    /// Its members.
    pub members: Vec<BondMember>,
}

/// A member of a bond.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BondMember {
    /// Its name.
    pub name: String,
    /// Whether its link is there.
    pub is_up: bool,
    /// Whether the bond uses it now; one that waits as a backup is up and not active.
    #[serde(default)]
    pub is_active: bool,
    /// Its speed, Mbit/s.
    pub speed_mbps: Option<u64>,
    /// How often its link failed.
    pub failures: u64,
}
