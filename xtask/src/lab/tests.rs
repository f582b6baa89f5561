//! The lab itself, where it can be made: as root, with the tools.

use netloom_core::impair::Impairment;

use super::filter::{Drops, Flow};
use super::net::{self, Net, Place};
use super::relay::{DEVICE, Relay};
use super::truth;

const A: Place = Place::Node(1);
const B: Place = Place::Node(2);
const C: Place = Place::Node(3);

/// Whether there can be a lab; the reason goes to the output of the test.
fn is_possible() -> bool {
    net::require().inspect_err(|why| eprintln!("skipped: {why:#}")).is_ok()
}

#[test]
fn the_lab_does_what_it_claims() {
    if !is_possible() {
        return;
    }
    let net = Net::make(3).unwrap();
    let relay = Relay::start(net.places()).unwrap();
    relay.set_link(A, C, &Impairment { delay_us: 10_000.0, ..Impairment::default() });
    net.detour(A, C, DEVICE).unwrap();

    let bare = truth::ping(A, B, 20, 0.0).unwrap();
    assert!(bare.lost == 0 && bare.median_ms < 5.0, "{bare:?}");
    let (slow, also) = (truth::ping(A, C, 20, 20.0).unwrap(), truth::fping(A, C, 20, truth::interval_ms()).unwrap());
    assert!(slow.lost == 0 && slow.median_ms >= 20.0, "{slow:?}");
    assert!(also.lost == 0 && also.median_ms >= 20.0, "{also:?}");
    println!("bare {bare:?}\n20 ms {slow:?} {also:?}");

    let drops = Drops::begin(A, B, Flow::Ping, 0.05).unwrap();
    let pinged = truth::flood_ping(A, B, 1_000).unwrap();
    assert_eq!(u64::from(pinged.lost), drops.end().unwrap());
    assert!(pinged.lost > 0);

    net.plug(B, false).unwrap();
    assert_eq!(truth::ping(A, B, 2, 0.0).unwrap().lost, 2);
    net.plug(B, true).unwrap();
    drop((relay, net));
    let left = crate::process::output(std::process::Command::new("ip").args(["netns", "list"])).unwrap();
    assert!(!left.contains("nlab-"), "{left}");
}
