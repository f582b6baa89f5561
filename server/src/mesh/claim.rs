//! Where a node may say that it answers probes. The others are sent there, so an agent must not be able to aim them at
//! whom it wants.
//!
//! A node may name the address from which the hub sees it and those of its interfaces, and on the hub's own machine any of
//! loopback. What its interfaces are it tells itself: one that lies can still aim packets of 96 bytes, at the pace of the
//! probes, at an address where nobody answers them; its claim is on the page of the node for everybody to see.

use std::net::IpAddr;

use netloom_core::{api::NodeInfo, mesh::Echo, topology::Interface};

/// Ports below are those of the system's services (RFC 6335 section 6), and no agent answers there.
const PORT_LEAST: u16 = 1_024;

/// Where a node answers, when it says so and may.
///
/// # Errors
/// One phrase that says what is wrong with it.
pub fn echo_of(info: &NodeInfo, peer: IpAddr) -> Result<Option<Echo>, String> {
    let Some(echo) = &info.echo else { return Ok(None) };
    if echo.port < PORT_LEAST {
        return Err(format!("port {} is one of the system's", echo.port));
    }
    let Some(address) = echo.address.map(|address| address.to_canonical()) else { return Ok(Some(echo.clone())) };
    if !is_unicast(address) {
        return Err(format!("{address} is no address of one node"));
    }
    let is_its_own = address == peer
        || (address.is_loopback() && peer.is_loopback())
        || (!address.is_loopback() && info.interfaces.iter().any(|interface| has(interface, address)));
    if !is_its_own {
        return Err(format!("{address} is neither where it reports from nor on one of its interfaces"));
    }
    Ok(Some(Echo { address: Some(address), ..echo.clone() }))
}

fn is_unicast(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(ip) if ip.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !is_broadcast
}

fn has(interface: &Interface, address: IpAddr) -> bool {
    let mut own = interface.addresses.iter().filter_map(|own| own.split('/').next()?.parse::<IpAddr>().ok());
    own.any(|own| own.to_canonical() == address)
}

#[cfg(test)]
mod tests {
    use netloom_core::{time::Timestamp, topology::InterfaceKind};

    use super::*;

    /// Whether a node with an interface may answer there.
    fn may(peer: &str, address: Option<&str>, port: u16) -> bool {
        let parse = |text: &str| text.parse::<IpAddr>().expect("an address");
        let interface = Interface {
            name: "eth0".into(),
            kind: InterfaceKind::Physical,
            is_up: true,
            has_master: false,
            speed_mbps: None,
            mtu_bytes: None,
            addresses: ["10.77.0.5/24", "2001:db8::5/64", "127.0.0.1/8", "224.0.0.1/4"].map(str::to_owned).to_vec(),
            is_counted: true,
        };
        let info = NodeInfo {
            node: "a1".into(),
            version: String::new(),
            os: String::new(),
            started_at: Timestamp(0),
            interfaces: vec![interface],
            targets: Vec::new(),
            measurements: Vec::new(),
            echo: Some(Echo { port, address: address.map(parse) }),
            depth: Vec::new(),
        };
        matches!(echo_of(&info, parse(peer)), Ok(Some(_)))
    }

    #[test]
    fn a_node_may_name_its_own_addresses_only() {
        let fine = [
            ("10.0.0.9", None),
            ("10.0.0.9", Some("10.0.0.9")),
            ("10.0.0.9", Some("10.77.0.5")),
            ("10.0.0.9", Some("::ffff:10.77.0.5")),
            ("10.0.0.9", Some("2001:db8::5")),
            // The demo, and agents beside the hub.
            ("127.0.0.1", Some("127.0.1.64")),
            ("127.0.0.1", Some("10.77.0.5")),
        ];
        for (peer, address) in fine {
            assert!(may(peer, address, 6_386), "{peer} {address:?}");
        }
        let aimed = ["10.77.0.6", "8.8.8.8", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "ff02::1", "::"];
        for address in aimed {
            assert!(!may("10.0.0.9", Some(address), 6_386), "{address}");
        }
        assert!(!may("10.0.0.9", None, 53) && !may("10.0.0.9", None, 0));
        assert!(may("10.0.0.9", None, PORT_LEAST));
    }
}
