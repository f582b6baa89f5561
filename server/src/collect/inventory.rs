//! Which interfaces there are and what they are, for names, speeds and for adding up.

use std::path::Path;

use netloom_core::topology::{Interface, InterfaceKind, mark_counted};

/// Interfaces that are reported: a host has a few dozen; one that makes thousands for its containers would drown the
/// rest. Hardware comes first.
pub const INTERFACES_MAX: usize = 64;

/// The interfaces as they are now, in the order in which pages list them: what counts first, loopback last.
///
/// # Errors
/// Why the system does not list them, in a phrase.
pub fn read() -> Result<Vec<Interface>, String> {
    let networks = sysinfo::Networks::new_with_refreshed_list().map_err(|error| error.to_string())?;
    let mut interfaces: Vec<Interface> = networks
        .iter()
        .map(|(name, data)| {
            let name = name.to_string_lossy().into_owned();
            let place = Path::new("/sys/class/net").join(&name);
            let networks = data.ip_networks().iter();
            let mut addresses: Vec<String> = networks.map(|n| format!("{}/{}", n.addr, n.prefix)).collect();
            // The system tells them in any order; an order of their own keeps the same from looking changed.
            addresses.sort_unstable();
            Interface {
                kind: kind(&place, &name),
                is_up: is_up(&place),
                has_master: place.join("master").exists(),
                speed_mbps: speed_mbps(&place),
                mtu_bytes: Some(data.mtu()).filter(|mtu| *mtu > 0),
                addresses,
                is_counted: false,
                name,
            }
        })
        .collect();
    mark_counted(&mut interfaces);
    interfaces.sort_by_key(|i| (i.kind == InterfaceKind::Loopback, !i.is_counted, i.has_master, i.name.clone()));
    interfaces.truncate(INTERFACES_MAX);
    Ok(interfaces)
}

/// Loopback says `unknown` and is up all the same; what is administratively down says `down`.
fn is_up(place: &Path) -> bool {
    !matches!(read_line(&place.join("operstate")).as_deref(), Some("down" | "notpresent" | "lowerlayerdown"))
}

/// A driver without a speed says -1 or refuses.
pub(super) fn speed_mbps(place: &Path) -> Option<u64> {
    read_line(&place.join("speed"))?.parse().ok().filter(|speed| *speed > 0)
}

/// What the device tree and the driver say the interface is.
fn kind(place: &Path, name: &str) -> InterfaceKind {
    /// `ARPHRD_LOOPBACK` and `ARPHRD_NONE` of the kernel's interface types; the latter is what tunnels have.
    const LOOPBACK: &str = "772";
    const NONE: &str = "65534";
    let link_type = read_line(&place.join("type"));
    let device_type = std::fs::read_to_string(place.join("uevent")).unwrap_or_default();
    let rides_on_another = std::fs::read_dir(place)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("lower_")));
    let has_type = |kind: &str| device_type.contains(&format!("DEVTYPE={kind}"));
    let is_tunnel = place.join("tun_flags").exists()
        || link_type.as_deref() == Some(NONE)
        || ["vlan", "vxlan", "wireguard", "macvlan"].into_iter().any(has_type);
    if link_type.as_deref() == Some(LOOPBACK) || name == "lo0" {
        InterfaceKind::Loopback
    } else if place.join("device").exists() {
        InterfaceKind::Physical
    } else if place.join("bonding").exists() || has_type("bond") {
        InterfaceKind::Bond
    } else if place.join("bridge").exists() || has_type("bridge") {
        InterfaceKind::Bridge
    } else if rides_on_another || is_tunnel {
        InterfaceKind::Overlay
    } else {
        InterfaceKind::Virtual
    }
}

pub(super) fn read_line(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_and_does_not_count() {
        let interfaces = read().expect("interfaces can be listed");
        let lo = interfaces.iter().find(|interface| interface.name == "lo").expect("loopback exists");
        assert_eq!(lo.kind, InterfaceKind::Loopback);
        assert!(lo.is_up && !lo.is_counted);
        assert!(lo.addresses.iter().any(|address| address == "127.0.0.1/8"), "{lo:?}");
    }
}
