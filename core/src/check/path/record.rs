//! The ways of a pair over time, as the hub keeps them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{PathTrace, change, tracer};
use crate::{probe::ProbeMode, sample::LABEL_MAX_BYTES, time::Timestamp};

/// The longest words of a refusal, bytes: a few more than the longest that there are.
const REFUSAL_MAX_BYTES: usize = 100;

/// A way that packets took for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PathRecord {
    /// Its number.
    pub id: u64,
    /// The node.
    pub src: String,
    /// The label `dst`.
    pub dst: String,
    /// What the probes were.
    pub mode: ProbeMode,
    /// When it was seen first.
    pub first_at: Timestamp,
    /// When it was seen last.
    pub last_at: Timestamp,
    /// How often it was seen.
    pub seen: u64,
    /// All addresses that were seen at each hop, the first hop first: several where traffic is shared among ways, none where
    /// nobody ever answered.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Vec<String>>))]
    pub ways: Vec<Vec<IpAddr>>,
    /// The newest look at it that got as far as any.
    pub trace: PathTrace,
}

impl PathRecord {
    /// The first record of a pair.
    pub fn first(src: &str, dst: &str, at: Timestamp, trace: PathTrace) -> Self {
        let mut ways = Vec::new();
        change::learn(&mut ways, &change::hops(&trace));
        let (src, dst, mode) = (src.to_owned(), dst.to_owned(), trace.mode);
        Self { id: 0, src, dst, mode, first_at: at, last_at: at, seen: 1, ways, trace }
    }
}

/// Checks the sizes of what a node says of a way.
///
/// # Errors
/// What is wrong, in a phrase.
pub fn check(dst: &str, trace: &PathTrace) -> Result<(), &'static str> {
    if dst.is_empty() || dst.len() > LABEL_MAX_BYTES {
        return Err("the destination has no name, or too long a one");
    }
    if trace.flows.is_empty() || trace.flows.len() > usize::from(tracer::FLOWS_MAX) {
        return Err("no flows, or too many");
    }
    for flow in &trace.flows {
        if flow.hops.len() > usize::from(tracer::HOPS_MAX) {
            return Err("too many hops");
        }
        let is_wrong = |(ttl, hop): (u8, &super::Hop)| hop.ttl != ttl || hop.refusal.len() > REFUSAL_MAX_BYTES;
        if (1..).zip(&flow.hops).any(is_wrong) {
            return Err("hops out of order, or too many words");
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::{
        super::{Flow, Hop},
        *,
    };

    /// A trace whose flows see these addresses; an empty one is a silent hop.
    pub fn trace(flows: &[&[&str]]) -> PathTrace {
        let hop = |(ttl, address): (u8, &&str)| Hop {
            ttl,
            address: address.parse().ok(),
            sent: 1,
            answered: u16::from(!address.is_empty()),
            rtt_us: None,
            refusal: String::new(),
        };
        let flow = |(number, hops): (u16, &&[&str])| Flow { flow: number, hops: (1..).zip(*hops).map(hop).collect() };
        let address = "192.0.2.1".parse().expect("an address");
        let is_reached = flows.iter().any(|hops| hops.last() == Some(&"192.0.2.1"));
        PathTrace { mode: ProbeMode::Udp, address, is_reached, flows: (0..).zip(flows).map(flow).collect() }
    }

    #[test]
    fn sizes_are_checked() {
        let hops = vec!["10.0.0.1"; 65];
        let good = trace(&[&hops[..64]]);
        assert_eq!(check("b", &good), Ok(()));
        assert!(check("", &good).is_err());
        assert!(check(&"b".repeat(LABEL_MAX_BYTES + 1), &good).is_err());
        assert!(check("b", &trace(&[])).is_err());
        assert!(check("b", &trace(&[&hops])).is_err());
        assert!(check("b", &trace(&[&hops[..1]; 17])).is_err());
        let mut wrong = good.clone();
        wrong.flows[0].hops[3].ttl = 0;
        assert!(check("b", &wrong).is_err());
        let mut wrong = good;
        wrong.flows[0].hops[3].refusal = "no".repeat(51);
        assert!(check("b", &wrong).is_err());
    }
}
