//! Settings of the probes: what is probed, how often, how.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Field, FieldError, FieldKind, Section};

/// Targets one agent probes at most: at five probes a second each this stays a small load for the network and the host.
pub const TARGETS_MAX: usize = 1_024;
/// Longest name of a target: fits the label and a table cell.
pub const NAME_MAX_CHARS: usize = 64;

/// Settings of the probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProbeSettings {
    /// Whether the default gateway, the name servers and the hub are probed.
    pub default_targets: bool,
    /// Targets besides the default ones.
    pub targets: Vec<TargetSpec>,
    /// Time from one round to the next, ms.
    pub interval_ms: u64,
    /// Probes in a round.
    pub packets: u32,
    /// How long to wait for an answer, ms.
    pub timeout_ms: u64,
    /// Whether ICMP is used where the system permits it.
    pub icmp: bool,
}

/// A target as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TargetSpec {
    /// What to call it; the address when left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// An IP address or a host name.
    pub address: String,
    /// The port whose handshake is timed when ICMP is not used; 443 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl TargetSpec {
    /// The name under which the target is shown.
    pub fn display_name(&self) -> &str {
        if self.name.is_empty() { &self.address } else { &self.name }
    }
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self {
            default_targets: true,
            targets: Vec::new(),
            interval_ms: 1_000,
            packets: 5,
            timeout_ms: 1_000,
            icmp: true,
        }
    }
}

pub(super) const SECTION: Section = Section {
    title: "Targets and probes",
    help: "What is probed for latency and loss, and how.",
    fields: &[
        Field {
            path: "probe.default_targets",
            label: "Probe the usual targets",
            help: "The default gateway, the configured name servers and the hub.",
            kind: FieldKind::Toggle,
        },
        Field {
            path: "probe.targets",
            label: "More targets",
            help: "Addresses or host names to probe besides the usual ones.",
            kind: FieldKind::Targets,
        },
        Field {
            path: "probe.interval_ms",
            label: "Round every",
            help: "Time from one round of probes to the next.",
            kind: FieldKind::Number { min: 200.0, max: 60_000.0, unit: "ms" },
        },
        Field {
            path: "probe.packets",
            label: "Probes in a round",
            help: "Spread evenly over the interval; jitter needs at least two.",
            kind: FieldKind::Number { min: 1.0, max: 20.0, unit: "" },
        },
        Field {
            path: "probe.timeout_ms",
            label: "Lost after",
            help: "A probe without an answer for this long counts as lost.",
            kind: FieldKind::Number { min: 50.0, max: 10_000.0, unit: "ms" },
        },
        Field {
            path: "probe.icmp",
            label: "Use ICMP",
            help: "Off, or where the system does not permit it, the time of a TCP handshake is taken instead, in a series of its own.",
            kind: FieldKind::Toggle,
        },
    ],
};

impl ProbeSettings {
    pub(super) fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if self.targets.len() > TARGETS_MAX {
            errors.push(FieldError::new("probe.targets", format!("at most {TARGETS_MAX} targets")));
        }
        for (index, target) in self.targets.iter().enumerate() {
            let at = |key: &str| format!("probe.targets[{index}].{key}");
            if !is_host(&target.address) {
                let message = format!("{:?} is neither an IP address nor a host name", target.address);
                errors.push(FieldError::new(at("address"), message));
            }
            if target.name.chars().count() > NAME_MAX_CHARS || target.name.chars().any(char::is_control) {
                errors.push(FieldError::new(
                    at("name"),
                    format!("must be at most {NAME_MAX_CHARS} printable characters"),
                ));
            }
            if target.port == Some(0) {
                errors.push(FieldError::new(at("port"), "must be a port from 1 to 65535"));
            }
            if self.targets[..index].iter().any(|other| other.display_name() == target.display_name()) {
                errors.push(FieldError::new(at("name"), format!("{:?} is used twice", target.display_name())));
            }
        }
        errors
    }
}

/// Whether the text is an IP address or could be a host name (RFC 1123 section 2.1). A name of digits and dots only is
/// a mistyped address.
pub(super) fn is_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let label_is_valid = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.bytes().any(|b| b.is_ascii_alphabetic()) && text.split('.').all(label_is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_nonsense() {
        for good in ["127.0.0.1", "::1", "node-1", "a.example.org", "gpu_7.rack"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "300.1.1.1", "1.2.3", "a b", "-a", "a..b", "http://x", "a:80", &"x".repeat(64)] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn a_name_may_be_used_once() {
        let target = |name: &str| TargetSpec { name: name.into(), address: "127.0.0.1".into(), port: None };
        let settings = ProbeSettings { targets: vec![target("a"), target("a")], ..Default::default() };
        assert_eq!(settings.validate()[0].field, "probe.targets[1].name");
    }
}
