//! Interfaces of a node, and which of them count when a node's traffic is added up.

use serde::{Deserialize, Serialize};

/// What an interface is, as far as adding up is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InterfaceKind {
    /// Talks to the machine itself.
    Loopback,
    /// Hardware, or what a virtual machine is given as hardware.
    Physical,
    /// Several interfaces as one.
    Bond,
    /// A switch in software.
    Bridge,
    /// Rides on another interface: VLAN, tunnel, VPN.
    Overlay,
    /// One end of a pair in software; in a container, often the only way out.
    Virtual,
}

/// What the operating system says of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Interface {
    /// The system's name.
    pub name: String,
    /// What it is.
    pub kind: InterfaceKind,
    /// Whether it can carry traffic now.
    pub is_up: bool,
    /// Whether it belongs to a bond or bridge.
    pub has_master: bool,
    /// Negotiated speed, Mbit/s, where the driver tells.
    pub speed_mbps: Option<u64>,
    /// Largest packet, bytes.
    pub mtu_bytes: Option<u64>,
    /// Addresses with prefix length.
    pub addresses: Vec<String>,
    /// Whether its traffic is part of the node's total.
    pub is_counted: bool,
}

/// Marks the interfaces whose traffic adds up to the node's total, each byte counted once.
///
/// With hardware present exactly the hardware counts: what bonds, bridges, VLANs and containers carry passes through
/// it. Without hardware (a container, a namespace) the virtual ends that belong to no bridge or bond count; with none of
/// those, overlays do. Loopback never counts.
pub fn mark_counted(interfaces: &mut [Interface]) {
    let counted = |interface: &Interface, kind: InterfaceKind| {
        interface.kind == kind && (kind == InterfaceKind::Physical || !interface.has_master)
    };
    let by_preference = [InterfaceKind::Physical, InterfaceKind::Virtual, InterfaceKind::Overlay];
    let kind = by_preference.into_iter().find(|kind| interfaces.iter().any(|i| i.is_up && counted(i, *kind)));
    for interface in interfaces {
        interface.is_counted = kind.is_some_and(|kind| counted(interface, kind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InterfaceKind::{Bond, Bridge, Loopback, Overlay, Physical, Virtual};

    fn counted(interfaces: &[(&str, InterfaceKind, bool)]) -> Vec<String> {
        let mut all: Vec<Interface> = interfaces
            .iter()
            .map(|(name, kind, has_master)| Interface {
                name: (*name).into(),
                kind: *kind,
                is_up: true,
                has_master: *has_master,
                speed_mbps: None,
                mtu_bytes: None,
                addresses: Vec::new(),
                is_counted: false,
            })
            .collect();
        mark_counted(&mut all);
        all.into_iter().filter(|i| i.is_counted).map(|i| i.name).collect()
    }

    #[test]
    fn bond_members_count_and_the_bond_does_not() {
        let all = [("lo", Loopback, false), ("bond0", Bond, false), ("eth0", Physical, true), ("eth1", Physical, true)];
        assert_eq!(counted(&all), ["eth0", "eth1"]);
    }

    #[test]
    fn a_container_host_counts_its_hardware_only() {
        let all =
            [("eth0", Physical, false), ("docker0", Bridge, false), ("veth1", Virtual, true), ("wg0", Overlay, false)];
        assert_eq!(counted(&all), ["eth0"]);
    }

    #[test]
    fn inside_a_container_the_virtual_end_counts() {
        assert_eq!(counted(&[("lo", Loopback, false), ("eth0", Virtual, false), ("tun0", Overlay, false)]), ["eth0"]);
    }

    #[test]
    fn loopback_alone_counts_nothing() {
        assert!(counted(&[("lo", Loopback, false)]).is_empty());
    }
}
