//! From what was asked for, and what a machine knows of its surroundings, to checks. They run side by side, and all of
//! them together end within five seconds, tests of throughput apart: the sum below is that of each check by itself.

use std::net::IpAddr;

use super::{ITEMS_MAX, ItemSpec};
use crate::{
    check::{
        Check, Finding, Phase,
        spec::{DnsSpec, Family, HostSpec, HttpSpec, PathSpec, RoundSpec},
    },
    errand::{Host, HostKind, Plan},
    probe::ProbeMode,
};

/// The heading of the gateways.
pub const GATEWAY: &str = "gateway";
/// The heading of the name servers.
pub const NAME_SERVERS: &str = "name servers";
/// The heading of the public resolvers.
pub const PUBLIC_RESOLVERS: &str = "public resolvers";
/// The heading of the hub.
pub const HUB: &str = "hub";
/// The heading of the other nodes, when nobody named them.
pub const PEERS: &str = "peers";
/// The heading of what is known without sending anything.
pub const THIS_MACHINE: &str = "this machine";
const HEADINGS: [&str; 6] = [GATEWAY, NAME_SERVERS, PUBLIC_RESOLVERS, HUB, PEERS, THIS_MACHINE];

/// Ends the title of a check of something that need not be there: silence and refusals are no fault of it.
pub const IF_ANY: &str = ", if any";
/// The title that stands in for a gateway where there is none.
pub const NO_GATEWAY: &str = "default route";
/// The title that stands in for name servers where there are none.
const NO_NAME_SERVER: &str = "resolv.conf";

/// Resolvers that answer everybody, of three operators: when none of them answers, nothing gets out.
pub const PUBLIC: [[u8; 4]; 3] = [[1, 1, 1, 1], [8, 8, 8, 8], [9, 9, 9, 9]];
/// The same for machines that have IPv6 only.
pub const PUBLIC_V6: [[u16; 8]; 3] = [
    [0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111],
    [0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888],
    [0x2620, 0xfe, 0, 0, 0, 0, 0, 0xfe],
];
/// A name that is reserved for such uses and always there (RFC 2606).
const WELL_KNOWN_NAME: &str = "example.com";

/// Pings of what is close, or was named: enough to see a loss of 5 %, over in 2.9 s when all are lost.
const PINGS: u32 = 20;
/// Pings of what is elsewhere or one of many: half as many packets.
const FEW_PINGS: u32 = 10;
const PING_INTERVAL_MS: u64 = 100;
const PING_TIMEOUT_MS: u64 = 1_000;
/// As much as a plain `ping` sends.
const PING_PAYLOAD_BYTES: u16 = 56;
/// Handshakes; over in 2.9 s. The timeout is long enough that a lost SYN is sent again once, after a second (RFC 6298).
const CONNECTS: u32 = 3;
const CONNECT_INTERVAL_MS: u64 = 200;
const CONNECT_TIMEOUT_MS: u64 = 2_500;
/// The usual timeout of resolvers is 5 s; whatever takes longer than this is felt.
const DNS_TIMEOUT_MS: u64 = 2_000;
const HTTP_TIMEOUT_MS: u64 = 4_000;
const MTU_TIMEOUT_MS: u64 = 4_000;
/// Each answer of a Redis server: the handshake and one more may be waited for.
const REDIS_TIMEOUT_MS: u64 = 1_500;
/// PINGs and locks of one look at a Redis server.
const REDIS_PINGS: u32 = 10;
/// Flows tell parallel ways apart; hops farther than this are rare.
const PATH_FLOWS: u16 = 2;
const PATH_HOPS_MAX: u8 = 30;
const PATH_TIMEOUT_MS: u64 = 1_000;
/// The first port of traceroute over UDP: nothing listens there, so the host says so.
const PATH_UDP_PORT: u16 = 33_434;
/// The port that most hosts elsewhere have open.
const HTTPS_PORT: u16 = 443;
/// Ports behind which HTTP is spoken, and how.
const HTTP_PORTS: [(u16, &str); 4] = [(80, "http"), (8_080, "http"), (HTTPS_PORT, "https"), (8_443, "https")];
/// Peers of one diagnosis at most: with two checks each they leave room for everything else. A larger cluster is watched by
/// the mesh.
pub const PEERS_MAX: usize = 32;

/// What a machine knows of its surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Its default gateways; `None` where the system does not tell.
    pub gateways: Option<Vec<IpAddr>>,
    /// Whether packets of IPv6 have a way out.
    pub has_v6_route: bool,
    /// Its name servers, in the order in which they are asked.
    pub name_servers: Vec<IpAddr>,
    /// What is appended to names without a dot.
    pub search: Vec<String>,
}

impl Surroundings {
    /// Whether the way out is one of IPv6 alone.
    fn is_v6_only(&self) -> bool {
        self.has_v6_route && self.gateways.as_ref().is_none_or(Vec::is_empty)
    }
}

/// The checks of a diagnosis, in the order of the page.
pub fn plan(plan: &Plan, around: &Surroundings) -> Vec<ItemSpec> {
    let mut items = Vec::new();
    // For hosts elsewhere these are the witnesses that tell this machine's faults from theirs.
    let is_for_others = plan.hosts.iter().any(is_elsewhere);
    if plan.is_usual || is_for_others {
        gateways(around, &mut items);
    }
    if plan.is_usual {
        name_servers(plan, around, &mut items);
        public_resolvers(around, &mut items);
    } else if is_for_others {
        let questions = around.name_servers.iter().map(|server| question(*server, WELL_KNOWN_NAME));
        items.extend(questions);
    }
    for host in plan.hosts.iter().filter(|host| host.kind == HostKind::Hub) {
        hub(host, &mut items);
    }
    for host in plan.hosts.iter().filter(|host| host.kind != HostKind::Hub) {
        if plan.is_usual { peer(host, &mut items) } else { named(host, around, &mut items) }
    }
    for (subject, check) in &plan.checks {
        items.push(item(&heading(subject), title(check), in_time(check.clone())));
    }
    // What is known without sending anything always has its place.
    items.truncate(ITEMS_MAX - 2);
    items.push(item(THIS_MACHINE, "interfaces", Check::Interfaces));
    items.push(item(THIS_MACHINE, "connections", Check::Connections));
    items
}

/// What is found without a check: that there is nothing to check.
pub fn missing(spec: &ItemSpec) -> Option<Finding> {
    let (cause, cure) = match (spec.subject.as_str(), spec.title.as_str()) {
        (GATEWAY, NO_GATEWAY) => (
            "there is no default route",
            "set a default gateway, by DHCP or by hand, if anything beyond the own subnet is needed",
        ),
        (NAME_SERVERS, NO_NAME_SERVER) => {
            ("no name server is configured", "name one in /etc/resolv.conf, or where that file is made from")
        }
        _ => return None,
    };
    Some(Finding::failed(Phase::Prepare, cause, cure))
}

/// Whether a name is the one that is asked for when there is no better one.
pub fn is_well_known(name: &str) -> bool {
    name == WELL_KNOWN_NAME
}

/// Whether a check is about something that need not be there.
pub fn is_optional(spec: &ItemSpec) -> bool {
    spec.title.ends_with(IF_ANY)
}

/// Whether a check measures how much goes through, and so disturbs the others.
pub fn is_load(check: &Check) -> bool {
    matches!(check, Check::Throughput(_) | Check::Iperf3(_) | Check::Download(_))
}

fn item(subject: &str, title: impl Into<String>, check: Check) -> ItemSpec {
    ItemSpec { subject: subject.to_owned(), title: title.into(), check }
}

/// What somebody named, under a heading of its own.
pub fn heading(name: &str) -> String {
    if HEADINGS.contains(&name) { format!("host {name}") } else { name.to_owned() }
}

fn gateways(around: &Surroundings, items: &mut Vec<ItemSpec>) {
    let Some(gateways) = &around.gateways else { return };
    if gateways.is_empty() && !around.has_v6_route {
        items.push(item(GATEWAY, NO_GATEWAY, ping("", 0)));
    }
    for gateway in gateways.iter().take(2) {
        items.push(item(GATEWAY, format!("ping {gateway}"), ping(&gateway.to_string(), PINGS)));
    }
}

fn name_servers(plan: &Plan, around: &Surroundings, items: &mut Vec<ItemSpec>) {
    if around.name_servers.is_empty() {
        items.push(item(NAME_SERVERS, NO_NAME_SERVER, ping("", 0)));
    }
    let hub = plan.hosts.iter().find(|host| host.kind == HostKind::Hub);
    let name = hub.and_then(|hub| full_name(&hub.host, around)).unwrap_or_else(|| WELL_KNOWN_NAME.to_owned());
    for server in &around.name_servers {
        // A resolver on this machine is reached through nothing that could be measured.
        if !server.is_loopback() {
            items.push(item(NAME_SERVERS, format!("ping {server}"), ping(&server.to_string(), FEW_PINGS)));
        }
        items.push(question(*server, &name));
    }
}

fn question(server: IpAddr, name: &str) -> ItemSpec {
    item(NAME_SERVERS, format!("DNS {server}"), dns(server, name))
}

fn public_resolvers(around: &Surroundings, items: &mut Vec<ItemSpec>) {
    let public = if around.is_v6_only() { PUBLIC_V6.map(IpAddr::from) } else { PUBLIC.map(IpAddr::from) };
    for address in public {
        items.push(item(PUBLIC_RESOLVERS, format!("ping {address}"), ping(&address.to_string(), FEW_PINGS)));
        items.push(item(PUBLIC_RESOLVERS, format!("DNS {address}"), dns(address, WELL_KNOWN_NAME)));
        // They answer HTTPS, too, which gets out of networks that filter pings and foreign DNS. One handshake tells.
        let handshake = connect(&address.to_string(), HTTPS_PORT, 1);
        items.push(item(PUBLIC_RESOLVERS, format!("TCP {address}"), handshake));
    }
}

fn hub(host: &Host, items: &mut Vec<ItemSpec>) {
    items.push(item(HUB, "ping", ping(&host.host, PINGS)));
    if let Some(port) = host.port {
        items.push(item(HUB, format!("TCP {port}"), connect(&host.host, port, CONNECTS)));
    }
}

/// One of many nodes. Its port answers UDP only; that the port is closed for TCP is an answer, too.
fn peer(host: &Host, items: &mut Vec<ItemSpec>) {
    items.push(item(PEERS, format!("ping {}", host.name), ping(&host.host, FEW_PINGS)));
    if let Some(port) = host.port {
        items.push(item(PEERS, format!("TCP {}{IF_ANY}", host.name), connect(&host.host, port, CONNECTS)));
    }
}

/// A host that somebody named: everything that can be checked of it.
fn named(host: &Host, around: &Surroundings, items: &mut Vec<ItemSpec>) {
    let subject = &heading(&host.name);
    let is_node = host.kind == HostKind::Peer;
    items.push(item(subject, "ping", ping(&host.host, PINGS)));
    let port = host.port.unwrap_or(HTTPS_PORT);
    // Nodes need not listen there, and nobody said that a host does.
    let if_any = if is_node || host.port.is_none() { IF_ANY } else { "" };
    items.push(item(subject, format!("TCP {port}{if_any}"), connect(&host.host, port, CONNECTS)));
    let name = full_name(&host.host, around);
    for server in name.iter().flat_map(|_| &around.name_servers) {
        items.push(item(subject, format!("DNS {server}"), dns(*server, name.as_deref().unwrap_or_default())));
    }
    items.push(item(subject, "path", path(&host.host, ProbeMode::Icmp, 0)));
    if is_node {
        items.push(item(subject, "path of UDP", path(&host.host, ProbeMode::Udp, PATH_UDP_PORT)));
    }
    // What handshakes meet on the way; a closed port ends it as an open one does.
    items.push(item(subject, "path of TCP", path(&host.host, ProbeMode::Tcp, port)));
    items.push(item(
        subject,
        "MTU",
        Check::Mtu(HostSpec { host: host.host.clone(), family: Family::Any, timeout_ms: MTU_TIMEOUT_MS }),
    ));
    let spoken = host.port.and_then(|port| HTTP_PORTS.iter().find(|(known, _)| *known == port));
    match spoken {
        Some((port, scheme)) if !is_node => {
            items.push(item(subject, scheme.to_uppercase(), http(scheme, &host.host, *port)));
        }
        None if host.port.is_none() && name.is_some() => {
            items.push(item(subject, format!("HTTPS{IF_ANY}"), http("https", &host.host, HTTPS_PORT)));
        }
        _ => {}
    }
}

/// The name as name servers know it; `None` for addresses, and for names that they need not know.
fn full_name(host: &str, around: &Surroundings) -> Option<String> {
    let is_address = host.parse::<IpAddr>().is_ok();
    let is_of_this_network_only = host == "localhost" || [".local", ".localhost"].iter().any(|end| host.ends_with(end));
    if is_address || is_of_this_network_only {
        return None;
    }
    if host.contains('.') {
        return Some(host.to_owned());
    }
    around.search.first().map(|domain| format!("{host}.{domain}"))
}

fn ping(host: &str, packets: u32) -> Check {
    Check::Icmp(RoundSpec {
        host: host.to_owned(),
        family: Family::Any,
        port: 0,
        packets,
        interval_ms: PING_INTERVAL_MS,
        timeout_ms: PING_TIMEOUT_MS,
        payload_bytes: PING_PAYLOAD_BYTES,
    })
}

fn connect(host: &str, port: u16, handshakes: u32) -> Check {
    Check::Tcp(RoundSpec {
        host: host.to_owned(),
        family: Family::Any,
        port,
        packets: handshakes,
        interval_ms: CONNECT_INTERVAL_MS,
        timeout_ms: CONNECT_TIMEOUT_MS,
        payload_bytes: 0,
    })
}

fn dns(server: IpAddr, name: &str) -> Check {
    let (name, record) = (name.to_owned(), "A".to_owned());
    Check::Dns(DnsSpec { server: server.to_string(), name, record, timeout_ms: DNS_TIMEOUT_MS })
}

fn http(scheme: &str, host: &str, port: u16) -> Check {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let is_usual = matches!((scheme, port), ("http", 80) | ("https", HTTPS_PORT));
    let port = if is_usual { String::new() } else { format!(":{port}") };
    Check::Http(HttpSpec { url: format!("{scheme}://{host}{port}/"), timeout_ms: HTTP_TIMEOUT_MS })
}

fn path(host: &str, mode: ProbeMode, port: u16) -> Check {
    Check::Path(PathSpec {
        host: host.to_owned(),
        family: Family::Any,
        mode,
        port,
        flows: PATH_FLOWS,
        probes: 1,
        hops_max: PATH_HOPS_MAX,
        timeout_ms: PATH_TIMEOUT_MS,
    })
}

fn is_elsewhere(host: &Host) -> bool {
    host.host != "localhost" && !host.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The title of a check that was asked for by its address.
fn title(check: &Check) -> String {
    match check {
        Check::Tcp(round) => format!("TCP {}", round.port),
        _ => word(check).to_owned(),
    }
}

/// A check that somebody wrote down with patience, so that it says what it found before it is cut off.
fn in_time(mut check: Check) -> Check {
    match &mut check {
        Check::Http(spec) => spec.timeout_ms = spec.timeout_ms.min(HTTP_TIMEOUT_MS),
        Check::Dns(spec) => spec.timeout_ms = spec.timeout_ms.min(HTTP_TIMEOUT_MS),
        Check::Mtu(spec) => spec.timeout_ms = spec.timeout_ms.min(MTU_TIMEOUT_MS),
        // It ends with the first answer that does not come; before that one it may have waited for a few.
        Check::Redis(spec) => {
            spec.timeout_ms = spec.timeout_ms.min(REDIS_TIMEOUT_MS);
            spec.packets = spec.packets.min(REDIS_PINGS);
        }
        _ => {}
    }
    check
}

/// What people call a check.
pub fn word(check: &Check) -> &'static str {
    match check {
        Check::Icmp(_) => "ping",
        Check::Tcp(_) => "TCP",
        Check::Udp(_) => "UDP echo",
        Check::Dns(_) => "DNS",
        Check::Http(_) => "HTTP",
        Check::Path(_) => "path",
        Check::Mtu(_) => "MTU",
        Check::Throughput(_) => "throughput",
        Check::Iperf3(_) => "iperf3",
        Check::Download(_) => "download",
        Check::Redis(_) => "Redis",
        Check::Interfaces => "interfaces",
        Check::Connections => "connections",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::HOSTS_MAX;

    fn around() -> Surroundings {
        Surroundings {
            gateways: Some(vec!["10.0.0.1".parse().expect("an address")]),
            has_v6_route: false,
            name_servers: ["127.0.0.53", "10.0.0.53"].map(|text| text.parse().expect("an address")).to_vec(),
            search: vec!["cluster.example".to_owned()],
        }
    }

    fn host(name: &str, host: &str, port: Option<u16>, kind: HostKind) -> Host {
        Host { name: name.into(), host: host.into(), port, kind }
    }

    fn titles(plan_: &Plan, around: &Surroundings) -> Vec<String> {
        plan(plan_, around).iter().map(|item| format!("{}: {}", item.subject, item.title)).collect()
    }

    #[test]
    fn without_hosts_it_is_what_every_node_depends_on() {
        let hosts = vec![
            host("hub", "hub1", Some(6387), HostKind::Hub),
            host("node-7", "10.0.0.7", Some(6386), HostKind::Peer),
        ];
        let usual = Plan { hosts, is_usual: true, checks: Vec::new() };
        let expected = [
            "gateway: ping 10.0.0.1",
            "name servers: DNS 127.0.0.53",
            "name servers: ping 10.0.0.53",
            "name servers: DNS 10.0.0.53",
            "public resolvers: ping 1.1.1.1",
            "public resolvers: DNS 1.1.1.1",
            "public resolvers: TCP 1.1.1.1",
            "public resolvers: ping 8.8.8.8",
            "public resolvers: DNS 8.8.8.8",
            "public resolvers: TCP 8.8.8.8",
            "public resolvers: ping 9.9.9.9",
            "public resolvers: DNS 9.9.9.9",
            "public resolvers: TCP 9.9.9.9",
            "hub: ping",
            "hub: TCP 6387",
            "peers: ping node-7",
            "peers: TCP node-7, if any",
            "this machine: interfaces",
            "this machine: connections",
        ];
        assert_eq!(titles(&usual, &around()), expected);
        let asked = plan(&usual, &around());
        let Check::Dns(question) = &asked[1].check else { panic!("{:?}", asked[1]) };
        assert_eq!(question.name, "hub1.cluster.example");
    }

    #[test]
    fn a_host_gets_everything_that_fits() {
        let around = around();
        let only = |host| Plan { hosts: vec![host], is_usual: false, checks: Vec::new() };
        let web = titles(&only(host("www.example.org", "www.example.org", None, HostKind::Named)), &around);
        let of =
            |name: &str, titles: &[&str]| titles.iter().map(|title| format!("{name}: {title}")).collect::<Vec<_>>();
        let witnesses = ["gateway: ping 10.0.0.1", "name servers: DNS 127.0.0.53", "name servers: DNS 10.0.0.53"]
            .map(str::to_owned);
        let expected = [
            "ping",
            "TCP 443, if any",
            "DNS 127.0.0.53",
            "DNS 10.0.0.53",
            "path",
            "path of TCP",
            "MTU",
            "HTTPS, if any",
        ];
        assert_eq!(web[..3], witnesses);
        assert_eq!(web[3..11], of("www.example.org", &expected));
        let node = titles(&only(host("node-7", "10.0.0.7", Some(6386), HostKind::Peer)), &around);
        assert_eq!(node[..3], witnesses);
        let expected = ["ping", "TCP 6386, if any", "path", "path of UDP", "path of TCP", "MTU"];
        assert_eq!(node[3..9], of("node-7", &expected));
        let odd = titles(&only(host("hub", "10.0.0.7", Some(80), HostKind::Named)), &around);
        assert_eq!(odd[3..9], of("host hub", &["ping", "TCP 80", "path", "path of TCP", "MTU", "HTTP"]));
        let here = titles(&only(host("x", "127.0.0.9", Some(80), HostKind::Named)), &around);
        assert!(here.iter().all(|title| !title.starts_with(NAME_SERVERS)), "this machine is reached without names");
    }

    #[test]
    fn what_is_not_there_is_found_without_a_check() {
        let nothing = Surroundings { gateways: Some(Vec::new()), ..Surroundings::default() };
        let items = plan(&Plan { is_usual: true, ..Plan::default() }, &nothing);
        let missing: Vec<&str> =
            items.iter().filter(|item| missing(item).is_some()).map(|i| i.subject.as_str()).collect();
        assert_eq!(missing, [GATEWAY, NAME_SERVERS]);
        let named = Plan { hosts: vec![host("x", "127.0.0.9", None, HostKind::Named)], ..Plan::default() };
        assert!(plan(&named, &nothing).iter().all(|item| item.subject != GATEWAY), "it is no witness of this machine");
        let silent = Surroundings::default();
        assert!(plan(&Plan::default(), &silent).iter().all(|item| item.subject == THIS_MACHINE));
    }

    #[test]
    fn with_ipv6_alone_the_way_out_is_looked_for_there() {
        let usual = Plan { is_usual: true, ..Plan::default() };
        let around = Surroundings { gateways: Some(Vec::new()), has_v6_route: true, ..around() };
        let titles = titles(&usual, &around);
        assert!(titles.iter().all(|title| !title.starts_with(GATEWAY)), "{titles:?}");
        for address in ["2606:4700:4700::1111", "2001:4860:4860::8888", "2620:fe::fe"] {
            assert!(titles.contains(&format!("{PUBLIC_RESOLVERS}: ping {address}")), "{titles:?}");
        }
    }

    #[test]
    fn a_patient_check_says_what_it_found_before_it_is_cut_off() {
        let of = |address: &str| {
            let check = Check::parse(address).expect("an address");
            let planned = plan(&Plan { checks: vec![("x".into(), check)], ..Plan::default() }, &around());
            planned[0].check.to_string()
        };
        assert_eq!(of("http://a.example/#timeout_ms=60000"), "http://a.example/#timeout_ms=4000");
        assert_eq!(of("http://a.example/#timeout_ms=100"), "http://a.example/#timeout_ms=100");
        assert_eq!(of("redis://a?packets=100&timeout_ms=9000"), of("redis://a?packets=10&timeout_ms=1500"));
    }

    #[test]
    fn there_are_never_too_many_and_all_end_in_time() {
        let hosts = (0..500).map(|n| host(&format!("n{n}"), "10.0.0.7", Some(6386), HostKind::Peer)).collect();
        let items = plan(&Plan { hosts, is_usual: true, checks: Vec::new() }, &around());
        assert_eq!(items.len(), ITEMS_MAX);
        assert_eq!(items.last().map(|item| &item.check), Some(&Check::Connections));
        let web = |n: usize| format!("www{n}.example.org");
        let hosts = (0..HOSTS_MAX).map(|n| host(&web(n), &web(n), None, HostKind::Named)).collect();
        let name_servers = vec![[10, 0, 0, 53].into(); 3];
        let named = plan(&Plan { hosts, ..Plan::default() }, &Surroundings { name_servers, ..around() });
        assert!(named.len() < ITEMS_MAX, "every host has all of its checks: {}", named.len());
        for item in items.iter().chain(&named) {
            let ends_ms = match &item.check {
                Check::Icmp(round) | Check::Tcp(round) => {
                    u64::from(round.packets.saturating_sub(1)) * round.interval_ms + round.timeout_ms
                }
                Check::Dns(dns) => dns.timeout_ms,
                _ => 0,
            };
            assert!(ends_ms < 4_000, "{item:?}");
        }
    }
}
