//! Probes: what is probed, how, and what came of it. A failed probe is data, not an error.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// How a round-trip time is taken. Times of different modes never share a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProbeMode {
    /// ICMP echo (RFC 792, RFC 4443).
    Icmp,
    /// The UDP echo between agents.
    Udp,
    /// The time of a TCP handshake, a refusal included: a reset answers as a handshake does.
    Tcp,
}

impl ProbeMode {
    /// The value of the label `mode`.
    pub const fn label(self) -> &'static str {
        match self {
            ProbeMode::Icmp => "icmp",
            ProbeMode::Udp => "udp",
            ProbeMode::Tcp => "tcp",
        }
    }
}

/// What came of one probe.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// An answer came in time.
    Reply {
        /// Round-trip time, µs.
        rtt_us: f64,
    },
    /// It was sent and no answer came in time.
    Lost,
    /// It could not be sent.
    Failed {
        /// Why, in words for people.
        cause: String,
    },
}

impl Outcome {
    /// The round-trip time, if there was an answer.
    pub fn rtt_us(&self) -> Option<f64> {
        match self {
            Outcome::Reply { rtt_us } => Some(*rtt_us),
            _ => None,
        }
    }

    /// Whether the probe left this machine.
    pub fn was_sent(&self) -> bool {
        !matches!(self, Outcome::Failed { .. })
    }
}

/// Where a target comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The default gateway of the routing table.
    Gateway,
    /// A configured name server.
    NameServer,
    /// The hub.
    Hub,
    /// Added in the settings.
    Custom,
}

impl TargetKind {
    /// The port whose handshake is timed when the target names none: one where such a machine most likely answers. A
    /// closed port answers too, with a reset.
    pub const fn default_port(self) -> u16 {
        match self {
            TargetKind::NameServer | TargetKind::Gateway => 53,
            TargetKind::Hub | TargetKind::Custom => 443,
        }
    }
}

/// Something to probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The label `dst` of its series.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
    /// The port for TCP probes.
    pub port: u16,
    /// Where it comes from.
    pub kind: TargetKind,
}

/// The round-trip time, µs: from the stamps of the wall clock, unless that was set in between, which the steady clock tells.
pub fn stamped_rtt_us(sent_ns: u64, stamp_ns: Option<u64>, elapsed_ns: u64) -> f64 {
    let by_stamps = stamp_ns.and_then(|stamp_ns| stamp_ns.checked_sub(sent_ns));
    // The answer was read after it came.
    by_stamps.filter(|ns| *ns > 0 && *ns <= elapsed_ns).unwrap_or(elapsed_ns) as f64 / 1e3
}

/// Default targets and the ones of the settings as one list: an address is probed once, the settings' name for it wins.
pub fn merge_targets(custom: Vec<Target>, found: Vec<Target>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for target in custom.into_iter().chain(found) {
        let known = |t: &Target| t.name == target.name || (t.address == target.address && t.kind != TargetKind::Custom);
        let same_place = targets.iter().any(|t| t.address == target.address && target.kind != TargetKind::Custom);
        if !same_place && !targets.iter().any(known) {
            targets.push(target);
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, address: &str, kind: TargetKind) -> Target {
        Target { name: name.into(), address: address.parse().expect("an address"), port: 1, kind }
    }

    #[test]
    fn an_address_is_probed_once_under_the_name_people_gave_it() {
        let merged = merge_targets(
            vec![target("router", "10.0.0.1", TargetKind::Custom)],
            vec![
                target("gateway", "10.0.0.1", TargetKind::Gateway),
                target("dns 10.0.0.1", "10.0.0.1", TargetKind::NameServer),
                target("hub", "127.0.0.1", TargetKind::Hub),
            ],
        );
        let names: Vec<_> = merged.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["router", "hub"]);
    }

    #[test]
    fn two_ports_of_one_address_may_both_be_wanted() {
        let merged = merge_targets(
            vec![target("a", "10.0.0.1", TargetKind::Custom), target("b", "10.0.0.1", TargetKind::Custom)],
            Vec::new(),
        );
        assert_eq!(merged.len(), 2);
    }

    #[test]
    fn a_clock_that_was_set_measures_nothing() {
        let same = |us: f64, expected: f64| (us - expected).abs() < 1e-9;
        assert!(same(stamped_rtt_us(1_000, Some(6_000), 9_000), 5.0));
        for stamp in [None, Some(500), Some(1_000), Some(1_000_000)] {
            assert!(same(stamped_rtt_us(1_000, stamp, 9_000), 9.0), "{stamp:?}");
        }
    }
}
