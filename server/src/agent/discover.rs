//! What to probe: the usual targets of this machine and the ones of the settings.

use std::net::{IpAddr, SocketAddr};

use futures::future::join_all;
use netloom_core::{
    probe::{Target, TargetKind, merge_targets},
    settings::probe::ProbeSettings,
};

use crate::resolve::resolve;

/// Name servers that are probed: what `resolv.conf` itself uses at most.
const NAME_SERVERS_MAX: usize = 3;

/// What to probe, and which of the wanted targets have no address.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Targets with addresses.
    pub targets: Vec<Target>,
    /// Names of targets without one, and why.
    pub unresolved: Vec<(String, String)>,
}

/// Looks up the targets as they are now.
pub async fn discover(settings: &ProbeSettings, hub: SocketAddr) -> Found {
    let mut found = Found::default();
    let resolved = join_all(settings.targets.iter().map(|spec| resolve(&spec.address))).await;
    for (spec, address) in settings.targets.iter().zip(resolved) {
        let name = spec.display_name().to_owned();
        match address {
            Ok(address) => found.targets.push(Target {
                name,
                address,
                port: spec.port.unwrap_or(TargetKind::Custom.default_port()),
                kind: TargetKind::Custom,
            }),
            Err(cause) => found.unresolved.push((name, cause)),
        }
    }
    if settings.default_targets {
        found.targets = merge_targets(std::mem::take(&mut found.targets), usual_targets(hub));
    }
    found
}

/// The default gateways, the name servers and the hub.
fn usual_targets(hub: SocketAddr) -> Vec<Target> {
    let at_default_port =
        |name: String, address, kind: TargetKind| Target { name, address, port: kind.default_port(), kind };
    let mut targets = Vec::new();
    for (index, address) in gateways().into_iter().enumerate() {
        let name = if index == 0 { "gateway".to_owned() } else { format!("gateway {address}") };
        targets.push(at_default_port(name, address, TargetKind::Gateway));
    }
    for address in configured_name_servers() {
        targets.push(at_default_port(format!("dns {address}"), address, TargetKind::NameServer));
    }
    targets.push(Target { name: "hub".into(), address: hub.ip(), port: hub.port(), kind: TargetKind::Hub });
    targets
}

/// What the system's resolver is configured with; empty where it is configured elsewhere.
pub fn resolv_conf() -> String {
    std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()
}

/// The gateways of the IPv4 default routes, the preferred one first.
#[cfg(target_os = "linux")]
pub fn gateways() -> Vec<IpAddr> {
    let mut routes = procfs::net::route().unwrap_or_default();
    routes.retain(|route| route.destination.is_unspecified() && route.mask.is_unspecified());
    routes.sort_by_key(|route| route.metrics);
    let mut gateways: Vec<IpAddr> =
        routes.iter().map(|route| route.gateway.into()).filter(|gateway: &IpAddr| !gateway.is_unspecified()).collect();
    gateways.dedup();
    gateways
}

/// Other systems keep their routes elsewhere; a gateway can be added as a target.
#[cfg(not(target_os = "linux"))]
pub fn gateways() -> Vec<IpAddr> {
    Vec::new()
}

/// Whether packets of IPv6 have a way out of this machine.
pub fn has_v6_route() -> bool {
    // Other systems have no such file.
    std::fs::read_to_string("/proc/net/ipv6_route").is_ok_and(|table| has_default_route(&table))
}

/// Whether a table of IPv6 routes, as the kernel of Linux writes it, has a default route that is up and leads somewhere.
fn has_default_route(table: &str) -> bool {
    /// `RTF_UP` and `RTF_REJECT`.
    const UP: u32 = 0x1;
    const REJECT: u32 = 0x200;
    let is_default = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [destination, prefix, .., flags, device] = words.as_slice() else { return false };
        let is_all = destination.len() == 32 && destination.bytes().all(|digit| digit == b'0') && *prefix == "00";
        let flags = u32::from_str_radix(flags, 16).unwrap_or(0);
        is_all && *device != "lo" && flags & UP != 0 && flags & REJECT == 0
    };
    table.lines().any(is_default)
}

/// The name servers of this machine, as they are now.
pub(super) fn configured_name_servers() -> Vec<IpAddr> {
    name_servers(&resolv_conf())
}

/// The addresses of `nameserver` lines.
pub fn name_servers(resolv_conf: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then(|| words.next()?.parse().ok())?
    };
    resolv_conf.lines().filter_map(address).take(NAME_SERVERS_MAX).collect()
}

/// The domains that are appended to names without a dot; of several such lines the last one holds.
pub fn search_domains(resolv_conf: &str) -> Vec<String> {
    let domains = |line: &str| {
        let mut words = line.split_whitespace();
        let is_search = matches!(words.next()?, "search" | "domain");
        is_search.then(|| words.map(|word| word.trim_end_matches('.').to_owned()).collect())
    };
    resolv_conf.lines().rev().find_map(domains).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use netloom_core::settings::probe::TargetSpec;

    use super::*;

    fn hub() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 6385))
    }

    #[test]
    fn name_servers_are_read_from_resolv_conf() {
        let text =
            "# comment\nsearch a.b\nnameserver 10.0.0.53\n nameserver\t::1 # local\nnameserver broken\noptions x\n";
        let expected: Vec<IpAddr> = vec!["10.0.0.53".parse().expect("v4"), "::1".parse().expect("v6")];
        assert_eq!(name_servers(text), expected);
        assert_eq!(search_domains(text), ["a.b"]);
        assert_eq!(search_domains("nameserver ::1"), Vec::<String>::new());
    }

    #[test]
    fn a_default_route_of_ipv6_is_up_and_leads_somewhere() {
        let line = |destination: &str, flags: &str, device: &str| {
            let (none, next) = ("0".repeat(32), "fe800000000000000000000000000001");
            format!("{destination} {none} 00 {next} 00000400 00000001 00000000 {flags} {device}\n")
        };
        let (all, net) = (format!("{} 00", "0".repeat(32)), "20010db8000000000000000000000000 40");
        let all = all.as_str();
        assert!(has_default_route(&(line(net, "00000001", "eth0") + &line(all, "00000003", "eth0"))));
        for (destination, flags, device) in [
            (net, "00000001", "eth0"),
            (all, "00200200", "lo"),
            (all, "00000001", "lo"),
            (all, "00000203", "eth0"),
            (all, "00000002", "eth0"),
        ] {
            assert!(!has_default_route(&line(destination, flags, device)), "{destination} {flags} {device}");
        }
        assert!(!has_default_route("") && !has_default_route("nonsense\n"));
    }

    #[tokio::test]
    async fn the_hub_is_a_target_and_custom_ones_come_first() {
        let targets = vec![TargetSpec { name: "peer".into(), address: "127.0.0.9".into(), port: Some(22) }];
        let settings = ProbeSettings { targets, ..Default::default() };
        let found = discover(&settings, hub()).await;
        assert_eq!((found.targets[0].name.as_str(), found.targets[0].port), ("peer", 22));
        let last = found.targets.last().expect("has targets");
        assert_eq!((last.name.as_str(), last.port), ("hub", 6385));
    }

    #[tokio::test]
    async fn without_default_targets_only_the_settings_count() {
        let settings = ProbeSettings { default_targets: false, ..Default::default() };
        assert_eq!(discover(&settings, hub()).await, Found::default());
    }
}
