//! Goal: in a real network, traces see the routers that are there, all ways of them, and what they say; the MTU is the one
//! that the links have. Method: a chain of network namespaces, in which the kernel routes; needs root, else it is skipped.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use netloom_core::check::spec::HostSpec;

use super::*;

/// Namespaces a - r1 - (r2 or s2) - r3 - b. r1 shares traffic between r2 and s2 by ports; IPv6 goes by r2 alone.
const SETUP: &str = r"
for ns in a r1 r2 s2 r3 b; do
  ip netns add $P-$ns
  ip -n $P-$ns link set lo up
  ip netns exec $P-$ns sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
    net.ipv4.icmp_errors_use_inbound_ifaddr=1 net.ipv4.fib_multipath_hash_policy=1 \
    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.accept_dad=0 \
    net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
  # Newer kernels bound all messages of a namespace, too.
  ip netns exec $P-$ns sysctl -qw net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000 2>/dev/null || true
done
link() { # left, right, number of the net
  ip -n $P-$1 link add to$2 type veth peer name to$1 netns $P-$2
  ip -n $P-$1 addr add 10.201.$3.1/24 dev to$2
  ip -n $P-$2 addr add 10.201.$3.2/24 dev to$1
  ip -n $P-$1 addr add fd01:$3::1/64 dev to$2 nodad
  ip -n $P-$2 addr add fd01:$3::2/64 dev to$1 nodad
  ip -n $P-$1 link set to$2 up
  ip -n $P-$2 link set to$1 up
}
link a r1 0; link r1 r2 1; link r1 s2 2; link r2 r3 3; link s2 r3 4; link r3 b 5
ip -n $P-a route add default via 10.201.0.2
ip -n $P-r1 route add 10.201.5.0/24 nexthop via 10.201.1.2 nexthop via 10.201.2.2
ip -n $P-r2 route add default via 10.201.3.2
ip -n $P-r2 route add 10.201.0.0/24 via 10.201.1.1
ip -n $P-s2 route add default via 10.201.4.2
ip -n $P-s2 route add 10.201.0.0/24 via 10.201.2.1
ip -n $P-r3 route add default via 10.201.3.1
ip -n $P-b route add default via 10.201.5.1
ip -n $P-a -6 route add default via fd01:0::2
ip -n $P-r1 -6 route add default via fd01:1::2
ip -n $P-r2 -6 route add default via fd01:3::2
ip -n $P-r2 -6 route add fd01:0::/64 via fd01:1::1
ip -n $P-r3 -6 route add default via fd01:3::1
ip -n $P-b -6 route add default via fd01:5::1
";

struct Chain(String);

impl Chain {
    /// Builds the chain; `None` where that is not permitted.
    fn build() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: network namespaces need root");
            return None;
        }
        let chain = Self(format!("path{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        if let Err(why) = chain.sh(SETUP) {
            eprintln!("skipped: network namespaces cannot be made here: {why}");
            return None;
        }
        Some(chain)
    }

    fn sh(&self, script: &str) -> Result<(), String> {
        let mut shell = Command::new("sh");
        let output = shell.args(["-ec", script]).env("P", &self.0).output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    fn must(&self, script: &str) {
        self.sh(script).expect("works where namespaces can be made");
    }

    /// Runs a check in the namespace a, without any privilege when `is_plain`.
    fn check(&self, check: Check, is_plain: bool) -> Finding {
        let file = std::fs::File::open(format!("/run/netns/{}-a", self.0)).expect("a namespace");
        let work = move || {
            let kind = rustix::thread::LinkNameSpaceType::Network;
            rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(kind)).expect("is root");
            if is_plain {
                let none = rustix::thread::CapabilitySet::empty();
                let sets = rustix::thread::CapabilitySets { effective: none, permitted: none, inheritable: none };
                rustix::thread::set_capabilities(None, sets).expect("privileges are given up");
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let limit = std::time::Duration::from_secs(30);
            runtime.block_on(async { check::run(&check, &Means::new(), limit, &|_| {}).await })
        };
        // A thread of its own, because a namespace is one of a thread.
        thread::spawn(work).join().expect("ends")
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.sh("for ns in a r1 r2 s2 r3 b; do ip netns del $P-$ns || true; done");
    }
}

const HOST: &str = "10.201.5.2";

fn path(mode: ProbeMode, host: &str, flows: u16) -> Check {
    Check::Path(PathSpec { flows, hops_max: 16, ..spec(host, mode, CLOSED) })
}

/// The addresses of each hop, over all flows.
fn hops(finding: &Finding) -> Vec<Vec<String>> {
    let Some(Detail::Path(trace)) = &finding.detail else { panic!("no trace in {finding:?}") };
    let all = netloom_core::check::path::change::hops(trace);
    all.into_iter().map(|hop| hop.into_iter().map(|address| address.to_string()).collect()).collect()
}

#[test]
fn every_mode_sees_the_routers_and_both_ways() {
    let Some(chain) = Chain::build() else { return };
    let expected = [vec!["10.201.0.2"], vec!["10.201.1.2", "10.201.2.2"], vec!["10.201.3.2", "10.201.4.2"], vec![HOST]];
    for mode in [ProbeMode::Udp, ProbeMode::Tcp] {
        let finding = chain.check(path(mode, HOST, 16), true);
        assert_eq!(finding.outcome, Outcome::Reply, "{finding:?}");
        assert_eq!(hops(&finding), expected, "{mode:?}: {finding:?}");
        assert_eq!(finding.value("path_hops"), Some(4.0));
        // Between namespaces of one machine the kernel's own random hash of each TCP socket travels with its packets and
        // chooses the way; between machines nothing but the ports does.
        if mode == ProbeMode::Udp {
            assert_eq!(finding.value("path_flows"), Some(2.0), "{finding:?}");
        }
    }
    // Echoes: by a raw socket first, which needs a privilege, then by one that everybody may open.
    assert_eq!(hops(&chain.check(path(ProbeMode::Icmp, HOST, 2), false)).len(), 4);
    let refused = chain.check(path(ProbeMode::Icmp, HOST, 2), true);
    let Outcome::Failed { phase: Phase::Prepare, cure, .. } = &refused.outcome else { panic!("{refused:?}") };
    assert!(cure.contains("ping_group_range"), "{cure}");
    chain.must("ip netns exec $P-a sysctl -qw net.ipv4.ping_group_range='0 2147483647'");
    let echoes = chain.check(path(ProbeMode::Icmp, HOST, 2), true);
    assert_eq!(echoes.outcome, Outcome::Reply, "{echoes:?}");
    assert_eq!(hops(&echoes).last().map(Vec::as_slice), Some(&[HOST.to_owned()][..]));
}

#[test]
fn ipv6_is_traced_like_ipv4() {
    let Some(chain) = Chain::build() else { return };
    chain.must("ip netns exec $P-a sysctl -qw net.ipv4.ping_group_range='0 2147483647'");
    for mode in [ProbeMode::Udp, ProbeMode::Tcp, ProbeMode::Icmp] {
        let finding = chain.check(path(mode, "fd01:5::2", 2), true);
        assert_eq!(finding.outcome, Outcome::Reply, "{mode:?}: {finding:?}");
        let hops = hops(&finding);
        assert_eq!((hops.len(), hops[0].as_slice()), (4, &["fd01::2".to_owned()][..]), "{mode:?}: {finding:?}");
    }
}

#[test]
fn what_routers_say_and_silence_are_told_apart() {
    let Some(chain) = Chain::build() else { return };
    chain.must("ip netns exec $P-r3 nft 'add table ip t; add chain ip t f { type filter hook forward priority 0; }'");
    chain.must("ip netns exec $P-r3 nft add rule ip t f ip daddr 10.201.5.2 reject with icmp type admin-prohibited");
    let finding = chain.check(path(ProbeMode::Udp, HOST, 1), true);
    let Outcome::Failed { phase: Phase::Wait, cause, cure } = &finding.outcome else { panic!("{finding:?}") };
    assert!(
        cause.ends_with("at hop 4 says: communication prohibited by administration") && cure.contains("firewall"),
        "{cause}"
    );
    chain.must("ip netns exec $P-r3 nft 'flush chain ip t f; add rule ip t f drop'");
    let finding = chain.check(path(ProbeMode::Udp, HOST, 2), true);
    assert_eq!((&finding.outcome, hops(&finding).len()), (&Outcome::Lost, 3), "{finding:?}");
    assert!(finding.notes[0].contains("at hop 3"), "{finding:?}");
    chain.must("ip -n $P-a route del default");
    let finding = chain.check(path(ProbeMode::Udp, HOST, 1), true);
    let Outcome::Failed { phase: Phase::Send, cure, .. } = &finding.outcome else { panic!("{finding:?}") };
    assert!(cure.contains("route"), "{cure}");
}

#[test]
fn the_mtu_is_that_of_the_links_and_a_black_hole_is_one() {
    let Some(chain) = Chain::build() else { return };
    let mtu = |host: &str, is_plain| {
        let spec = HostSpec { host: host.into(), family: Family::Any, timeout_ms: 15_000 };
        chain.check(Check::Mtu(spec), is_plain)
    };
    let size = |finding: &Finding| finding.value("path_mtu_bytes");
    // One way only, so that every packet meets the same links.
    chain.must("ip -n $P-r1 route replace 10.201.5.0/24 via 10.201.1.2");
    let whole = mtu(HOST, false);
    assert_eq!((&whole.outcome, size(&whole)), (&Outcome::Reply, Some(1_500.0)), "{whole:?}");
    chain.must("ip -n $P-r3 link set tob mtu 1337; ip -n $P-b link set tor3 mtu 1337");
    for is_plain in [false, true] {
        let told = mtu(HOST, is_plain);
        assert_eq!((&told.outcome, size(&told)), (&Outcome::Reply, Some(1_337.0)), "{told:?}");
        assert!(told.notes[0].starts_with("10.201.3.2 says"), "{told:?}");
        let told = mtu("fd01:5::2", is_plain);
        assert_eq!((&told.outcome, size(&told)), (&Outcome::Reply, Some(1_337.0)), "{told:?}");
    }
    chain.must("ip netns exec $P-r2 nft 'add table ip t; add chain ip t f { type filter hook forward priority 0; }'");
    chain.must("ip netns exec $P-r2 nft add rule ip t f meta length '>' 1290 drop");
    for is_plain in [false, true] {
        let hole = mtu(HOST, is_plain);
        let Outcome::Failed { phase: Phase::Transfer, cure, .. } = &hole.outcome else { panic!("{hole:?}") };
        assert_eq!(size(&hole), Some(1_290.0), "{hole:?}");
        assert!(cure.contains("MSS of TCP to 1250"), "{cure}");
    }
}
