//! The lab itself, where it can be made: as root, with the tools.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use netloom_core::impair::Impairment;
use netloom_core::impair::script::ScriptedFault;
use netloom_core::verdict::CulpritKind;

use super::check::{Lab, cut_off, verdict};
use super::filter::{Drops, Flow};
use super::net::{self, Net, Place};
use super::relay::{DEVICE, Relay};
use super::truth;

const A: Place = Place::Node(1);
const B: Place = Place::Node(2);
const C: Place = Place::Node(3);

/// There is one lab at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Holds the lab for one test; `None` where there can be none, or one of these programs is missing.
pub(crate) fn alone(programs: &[&str]) -> Option<MutexGuard<'static, ()>> {
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    net::require(programs).inspect_err(|why| eprintln!("skipped: {why:#}")).ok()?;
    Some(one)
}

/// Whether there can be a lab; the reason goes to the output of the test.
fn is_possible() -> bool {
    net::require(&[]).inspect_err(|why| eprintln!("skipped: {why:#}")).is_ok()
}

#[test]
fn the_lab_does_what_it_claims() {
    let _one = ONE.lock();
    if !is_possible() {
        return;
    }
    let net = Net::make(3).unwrap();
    let relay = Relay::start(net.places()).unwrap();
    relay.set_link(A, C, &Impairment { delay_us: 10_000.0, ..Impairment::default() });
    net::detour(A, C, DEVICE).unwrap();

    let bare = truth::ping(A, B, 20, 0.0).unwrap();
    assert_eq!(bare.lost, 0, "{bare:?}");
    let (slow, also) = (truth::ping(A, C, 20, 20.0).unwrap(), truth::fping(A, C, 20, truth::interval_ms()).unwrap());
    assert!(slow.lost == 0 && slow.median_ms >= 20.0, "{slow:?}");
    assert!(also.lost == 0 && also.median_ms >= 20.0, "{also:?}");
    println!("bare {bare:?}\n20 ms {slow:?} {also:?}");

    let drops = Drops::begin(A, B, Flow::Ping, 0.05).unwrap();
    let pinged = truth::flood_ping(A, B, 1_000).unwrap();
    assert_eq!(u64::from(pinged.lost), drops.end().unwrap());
    assert!(pinged.lost > 0);

    A.limit_rate("8mbit").unwrap();
    let second = Duration::from_secs(1);
    let took = send(A, B, 1_200_000);
    assert!(took >= second, "1.2 MB at 8 Mbit/s took {took:?}");

    B.plug(false).unwrap();
    assert_eq!(truth::ping(A, B, 2, 0.0).unwrap().lost, 2);
    B.plug(true).unwrap();
    drop((relay, net));
    let left = crate::process::output(std::process::Command::new("ip").args(["netns", "list"])).unwrap();
    assert!(!left.contains("nlab-"), "{left}");
}

/// How long so many bytes take from one place to another.
fn send(from: Place, to: Place, bytes: usize) -> Duration {
    let listener = std::thread::spawn(move || {
        to.enter().unwrap();
        TcpListener::bind((to.address(), 0)).unwrap()
    });
    let listener = listener.join().unwrap();
    let address = listener.local_addr().unwrap();
    let began = Instant::now();
    let sender = std::thread::spawn(move || {
        from.enter().unwrap();
        TcpStream::connect(address).unwrap().write_all(&vec![0; bytes]).unwrap();
    });
    let mut taken = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut taken).unwrap();
    sender.join().unwrap();
    assert_eq!(taken.len(), bytes);
    began.elapsed()
}

/// Three agents in namespaces of their own join with codes; a node that dies is named; a hub that was cut off gets what
/// was measured meanwhile.
#[test]
fn agents_join_a_dead_node_is_named_and_a_cut_leaves_no_gap() {
    let _one = ONE.lock();
    let Some(binary) = std::env::var_os(super::BINARY) else {
        eprintln!("skipped: {} names no binary", super::BINARY);
        return;
    };
    if !is_possible() {
        return;
    }
    let mut lab = Lab::start(3, None, binary.as_ref()).unwrap();
    let dead = ScriptedFault {
        at_s: 0.0,
        for_s: 60.0,
        kind: CulpritKind::Node,
        nodes: vec![C.name()],
        loss_ratio: 1.0,
        delay_us: 0.0,
    };
    let after = verdict::trial(&mut lab, &dead).unwrap().after;
    println!("named after {:?}", after.expect("named at all"));
    // A machine that is busy with other tests is late with its samples; what was not delivered is a gap of the whole cut.
    let row = cut_off(&mut lab, Duration::from_secs(12), 6_000).unwrap();
    assert!(row.is_fine, "{row:?}");
}

/// How far two other programs are from each other: `cargo test -p xtask what_others_read -- --ignored --nocapture`.
#[test]
#[ignore = "measures, and expects nothing"]
fn what_others_read() {
    let _one = ONE.lock();
    if !is_possible() {
        return;
    }
    let net = Net::make(3).unwrap();
    let relay = Relay::start(net.places()).unwrap();
    for added_ms in [0.0, 1.0, 20.0, 100.0] {
        if added_ms > 0.0 {
            net::detour(A, B, DEVICE).unwrap();
            relay.set_link(A, B, &Impairment { delay_us: added_ms * 500.0, ..Impairment::default() });
        }
        let (ping, fping) = (truth::ping(A, B, 50, added_ms), truth::fping(A, B, 50, truth::interval_ms()));
        println!("{added_ms} ms: {:?} {:?}", ping.unwrap(), fping.unwrap());
    }
    for share in [0.005, 0.02, 0.05] {
        let drops = Drops::begin(A, C, Flow::Ping, share).unwrap();
        let pinged = truth::flood_ping(A, C, 2_000).unwrap().lost;
        let middle = drops.end().unwrap();
        let drops = Drops::begin(A, C, Flow::Ping, share).unwrap();
        let fpinged = truth::fping(A, C, 2_000, 5).unwrap().lost;
        println!("{share}: ping {pinged} of {middle}, fping {fpinged} of {}", drops.end().unwrap());
    }
}
