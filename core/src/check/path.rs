//! The way of packets: hop by hop, for several flows.

pub mod change;
pub mod mtu;
pub mod record;
pub mod tracer;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::probe::ProbeMode;

/// What was seen of the way to a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PathTrace {
    /// What the probes were.
    pub mode: ProbeMode,
    /// The host.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: IpAddr,
    /// Whether any flow reached it.
    pub is_reached: bool,
    /// Each flow by itself.
    pub flows: Vec<Flow>,
}

/// The way of one flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Flow {
    /// What tells it from the others: its source port, or the identifier of ICMP.
    pub flow: u16,
    /// Hop after hop, the first one first, up to the host or the last one that answered.
    pub hops: Vec<Hop>,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hop {
    /// How many hops away it is.
    pub ttl: u8,
    /// Who answered; `None` when nobody did.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub address: Option<IpAddr>,
    /// Probes that were sent.
    pub sent: u16,
    /// Probes that were answered.
    pub answered: u16,
    /// The median round-trip time, µs.
    pub rtt_us: Option<f64>,
    /// What the router says against going on, in words; empty when it says nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refusal: String,
}
