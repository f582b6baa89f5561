//! Interfaces in depth: what the kernel and the drivers tell of each.

use netloom_core::check::{Detail, Finding, Outcome, Phase, interface::InterfaceDepth};

use super::inventory;
use crate::check::Means;

/// Looks now.
pub async fn check(_means: &Means) -> Finding {
    // A driver may take its time to tell the speed.
    let read = tokio::task::spawn_blocking(|| inventory::read().and_then(|interfaces| read(&interfaces))).await;
    match read.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(interfaces) => {
            let mut finding = Finding::new(Outcome::Reply);
            finding.detail = Some(Detail::Interfaces { interfaces });
            finding
        }
        Err(cause) => Finding::failed(Phase::Prepare, format!("the interfaces cannot be listed: {cause}"), ""),
    }
}

#[cfg(not(target_os = "linux"))]
pub use basic::read;
#[cfg(target_os = "linux")]
pub use linux::read;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use netloom_core::{
        check::interface::{
            counters::Counter,
            link::{Link, bond},
        },
        topology::Interface,
    };

    use super::InterfaceDepth;
    use crate::collect::{
        inventory::{read_line, speed_mbps},
        link::links,
    };

    /// Where the drivers tell of their interfaces.
    const DEVICES: &str = "/sys/class/net";

    /// Everything that is told of these interfaces, in their order.
    ///
    /// # Errors
    /// Why nothing is told, in a phrase.
    pub fn read(interfaces: &[Interface]) -> Result<Vec<InterfaceDepth>, String> {
        let links = links().map_err(|error| format!("the kernel does not tell of its interfaces ({error})"))?;
        let known = interfaces.iter().filter_map(|interface| links.iter().find(|link| link.name == interface.name));
        Ok(known.map(|link| depth(link, &links, Path::new(DEVICES))).collect())
    }

    /// What has no speed of its own, such as a tunnel, says nothing of it.
    fn depth(link: &Link, links: &[Link], devices: &Path) -> InterfaceDepth {
        let place = devices.join(&link.name);
        let driver = std::fs::read_link(place.join("device/driver")).ok();
        let driver = driver.and_then(|target| Some(target.file_name()?.to_string_lossy().into_owned()));
        // Those that are in use, which the driver chooses; the kernel counts all that there is room for.
        let queues = |prefix: &str| {
            let entries = std::fs::read_dir(place.join("queues")).ok()?;
            Some(entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)).count()
                as u32)
        };
        InterfaceDepth {
            name: link.name.clone(),
            is_up: link.is_up,
            driver: driver.or_else(|| link.kind.clone()),
            speed_mbps: speed_mbps(&place),
            duplex: read_line(&place.join("duplex")).filter(|duplex| duplex == "full" || duplex == "half"),
            mtu_bytes: link.mtu_bytes,
            carrier_changes: link.carrier_changes,
            rx_queues: queues("rx-").unwrap_or(link.rx_queues),
            tx_queues: queues("tx-").unwrap_or(link.tx_queues),
            rx_packets: Some(link.counters.get(Counter::RX_PACKETS)),
            tx_packets: Some(link.counters.get(Counter::TX_PACKETS)),
            errors: link.counters.errors(),
            bond: bond(link, links, |member| speed_mbps(&devices.join(member))),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::collect::inventory;

        #[test]
        fn loopback_is_told_of_and_has_no_speed() {
            let interfaces = inventory::read().expect("interfaces can be listed");
            let depths = read(&interfaces).expect("readable");
            let lo = depths.iter().find(|depth| depth.name == "lo").expect("loopback exists");
            assert_eq!((lo.speed_mbps, &lo.duplex, &lo.driver, lo.is_up), (None, &None, &None, true));
            assert!(lo.mtu_bytes.is_some_and(|mtu| mtu >= 1_500) && lo.rx_queues > 0, "{lo:?}");
        }

        #[test]
        fn speeds_that_are_none_are_not_told() {
            let devices = tempfile::tempdir().expect("a folder");
            let write = |name: &str, file: &str, text: &str| {
                let place = devices.path().join(name);
                std::fs::create_dir_all(&place).expect("made");
                std::fs::write(place.join(file), text).expect("written");
            };
            for (name, speed, duplex) in
                [("eth0", "25000\n", "full\n"), ("vlan5", "-1\n", "unknown\n"), ("tun0", "0\n", "")]
            {
                write(name, "speed", speed);
                write(name, "duplex", duplex);
            }
            std::fs::create_dir_all(devices.path().join("eth0/device")).expect("made");
            let driver = devices.path().join("eth0/device/driver");
            std::os::unix::fs::symlink("../../bus/drivers/mlx5_core", driver).expect("made");
            for queue in ["rx-0", "rx-1", "tx-0"] {
                std::fs::create_dir_all(devices.path().join("eth0/queues").join(queue)).expect("made");
            }
            let told = |name: &str, kind: Option<&str>| {
                let link =
                    Link { name: name.to_owned(), kind: kind.map(str::to_owned), rx_queues: 64, ..Link::default() };
                let depth = depth(&link, std::slice::from_ref(&link), devices.path());
                (depth.speed_mbps, depth.duplex, depth.driver, depth.rx_queues, depth.tx_queues)
            };
            let text = |word: &str| Some(word.to_owned());
            assert_eq!(told("eth0", None), (Some(25_000), text("full"), text("mlx5_core"), 2, 1));
            assert_eq!(told("vlan5", Some("vlan")), (None, None, text("vlan"), 64, 0));
            assert_eq!(told("tun0", Some("tun")), (None, None, text("tun"), 64, 0));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod basic {
    use netloom_core::topology::Interface;

    use super::InterfaceDepth;

    /// What is known of them already; this system tells no more.
    ///
    /// # Errors
    /// None; others have some.
    pub fn read(interfaces: &[Interface]) -> Result<Vec<InterfaceDepth>, String> {
        let depth = |interface: &Interface| InterfaceDepth {
            name: interface.name.clone(),
            is_up: interface.is_up,
            speed_mbps: interface.speed_mbps,
            mtu_bytes: interface.mtu_bytes,
            ..InterfaceDepth::default()
        };
        Ok(interfaces.iter().map(depth).collect())
    }
}
