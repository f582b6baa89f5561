//! Echoes on real sockets of loopback.

mod node;

use std::{net::UdpSocket, thread::JoinHandle, time::Instant};

use netloom_core::{api::MeasurementState, mesh::echo::Kind, metric};

use self::node::{Node, key_of, peer, stranger, until};
use super::{run::SLOT_NS, seal::Seal, *};
use crate::mesh_key::way_key;

/// A request as the node `src` would send it to the node `dst`.
fn request(src: u32, dst: u32, seq: u32, hub_ms: i64) -> [u8; PACKET_BYTES] {
    let packet = Packet {
        kind: Kind::Request,
        place: 0,
        prober: src,
        seq,
        epoch: 1,
        hub_ms,
        sent_ns: 1,
        received_ns: 0,
        replied_ns: 0,
    };
    let mut bytes = packet.encode();
    Seal::new(&way_key(&key_of(dst), src)).close(&mut bytes);
    bytes
}

#[test]
fn three_nodes_probe_each_other_and_each_round_has_one_time() {
    let mut nodes: Vec<Node> = (1..=3).map(|number| Node::start(number, &format!("127.0.0.{number}:0"))).collect();
    for node in &nodes {
        let others = nodes.iter().filter(|other| other.number != node.number);
        node.probe(others.map(|other| peer(node.number, other.number, other.address)).collect());
    }
    for node in &mut nodes {
        let others: Vec<String> = (1..=3).filter(|n| *n != node.number).map(|n| format!("n{n}")).collect();
        let round = node.round_with("both peers answer", |round| {
            others.iter().all(|peer| round.of_peer(peer, metric::RTT_US).is_some())
        });
        assert_eq!(round.times.len(), 1, "{round:?}");
        assert!(round.lag_us > 0.0, "{round:?}");
        for peer in &others {
            let rtt_us = round.of_peer(peer, metric::RTT_US).expect("an answer");
            assert!(rtt_us > 0.0, "{round:?}");
            assert_eq!(round.of_peer(peer, metric::LOSS_RATIO), Some(0.0), "{round:?}");
            assert!(round.of_peer(peer, metric::PROBES_SENT).is_some_and(|sent| sent >= 1.0), "{round:?}");
            assert_eq!(round.of_peer(peer, metric::REORDER_RATIO), None, "{round:?}");
        }
    }
}

#[test]
fn the_time_that_a_packet_waits_for_the_end_of_a_slot_is_no_latency() {
    let (mut a, b) = (Node::start(1, "127.0.0.1:0"), Node::start(2, "127.0.0.2:0"));
    a.probe_node(&b);
    let slot_us = SLOT_NS as f64 / 1e3;
    a.round_with("the kernel's stamps are used", |round| {
        round.of_peer("n2", metric::RTT_MIN_US).is_some_and(|rtt_us| rtt_us < slot_us / 4.0)
    });
}

#[test]
fn a_node_on_all_addresses_answers_from_the_one_that_was_asked() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let (mut a, b) = (Node::start(1, "0.0.0.0:0"), Node::start(2, listen));
        let address = SocketAddr::from(([127, 0, 0, 77], b.address.port()));
        a.probe(vec![peer(1, 2, address)]);
        a.round_with("an answer from 127.0.0.77", |round| round.of_peer("n2", metric::RTT_US).is_some());
        assert_eq!(a.counts.of(Dropped::Elsewhere), 0);
    }
}

#[test]
fn nothing_that_is_not_genuine_fresh_and_new_is_answered() {
    let hub_ms = crate::clock::now().ms();
    let (mut a, b) = (Node::start(1, "127.0.0.1:0"), Node::start(2, "127.0.0.2:0"));
    a.probe_node(&b);
    let socket = stranger();
    let send = |bytes: &[u8]| socket.send_to(bytes, b.address).map(|_| ()).expect("loopback takes it");
    let counted = |reason| until("it is counted", || b.counts.of(reason) > 0);
    send(&[]);
    counted(Dropped::Size);
    send(&vec![0; 65_507]);
    until("it is counted", || b.counts.of(Dropped::Size) == 2);
    send(&[0; PACKET_BYTES]);
    counted(Dropped::Foreign);
    let mut forged = request(9, 2, 0, hub_ms);
    forged[95] ^= 1;
    send(&forged);
    counted(Dropped::Forged);
    send(&request(9, 2, 0, hub_ms - 40_000));
    counted(Dropped::Stale);
    // An answer that nobody asked for.
    let mut reply = Packet { kind: Kind::Reply, ..Packet::decode(&request(2, 2, 0, 0)).expect("a packet") }.encode();
    Seal::new(&way_key(&key_of(2), 2)).close(&mut reply);
    send(&reply);
    counted(Dropped::Elsewhere);
    // The first answer that comes is the one to the first genuine request, so there was none before.
    send(&request(9, 2, 500, hub_ms));
    let mut buffer = [0; 200];
    let (len, from) = socket.recv_from(&mut buffer).expect("a genuine request is answered");
    let answer = Packet::decode(&buffer[..len]).expect("a packet");
    assert_eq!((from, answer.kind, answer.prober, answer.seq), (b.address, Kind::Reply, 9, 500));
    assert!(answer.received_ns > 0 && answer.received_ns <= answer.replied_ns);
    send(&request(9, 2, 500, hub_ms));
    counted(Dropped::Replayed);
    send(&request(9, 2, 501, hub_ms));
    let (len, _) = socket.recv_from(&mut buffer).expect("the next one is answered");
    assert_eq!(Packet::decode(&buffer[..len]).expect("a packet").seq, 501, "the repeated one was not");
    // Who is genuine is not disturbed.
    let round = a.round_with("n2 answers", |round| round.of_peer("n2", metric::RTT_US).is_some());
    assert_eq!(round.of_peer("n2", metric::LOSS_RATIO), Some(0.0));
    assert_eq!(a.counts.total(), 0, "{}", a.counts);
}

#[test]
fn a_node_without_orders_answers_nobody() {
    let node = Node::start(2, "127.0.0.1:0");
    node.orders.send_modify(|orders| orders.mesh = None);
    let socket = stranger();
    let mut seq = 0;
    until("requests are turned away", || {
        seq += 1;
        socket.send_to(&request(9, 2, seq, 0), node.address).expect("loopback takes it");
        node.counts.of(Dropped::NoPart) > 0
    });
}

#[test]
fn a_node_that_dies_is_all_loss_and_is_looked_at_closely() {
    let (mut a, mut b) = (Node::start(1, "127.0.0.1:0"), Node::start(2, "127.0.0.2:0"));
    a.probe_node(&b);
    a.round_with("n2 answers", |round| round.of_peer("n2", metric::RTT_US).is_some());
    b.stop();
    a.orders.send_modify(|orders| orders.settings.mesh.timeout_ms = 300);
    let round = a.round_with("n2 is lost", |round| round.of_peer("n2", metric::LOSS_RATIO) == Some(1.0));
    assert_eq!(round.of_peer("n2", metric::RTT_US), None);
    // Trains of four would be at most eight packets in two rounds.
    a.round_with("more packets than those of the trains", |round| {
        round.of_peer("n2", metric::PROBES_SENT).is_some_and(|sent| sent >= 6.0)
    });
    let info = a.status.take_change();
    assert!(info.is_none_or(|info| info.measurements.iter().all(|m| !m.name.starts_with("mesh peer"))));
}

#[test]
fn a_peer_that_cannot_be_sent_to_is_a_failure_and_no_loss() {
    let mut a = Node::start(1, "127.0.0.1:0");
    let unreachable = "[2001:db8::1]:9".parse().expect("an address");
    a.probe(vec![peer(1, 2, unreachable)]);
    let mut cause = String::new();
    until("the peer is named", || {
        let info = a.status.take_change();
        let failing = info.and_then(|info| info.measurements.into_iter().find(|m| m.name == "mesh peer n2"));
        failing.is_some_and(|failing| {
            cause = failing.detail;
            failing.state == MeasurementState::Failing
        })
    });
    assert!(cause.contains("IPv4 only"), "{cause}");
    assert_eq!(a.round().of_peer("n2", metric::LOSS_RATIO), None);
    a.probe(Vec::new());
    until("it is forgotten", || {
        let info = a.status.take_change();
        info.is_some_and(|info| info.measurements.iter().all(|m| m.name != "mesh peer n2"))
    });
}

#[test]
fn peers_come_and_go_without_disturbing_others() {
    let (mut a, b, c) = (Node::start(1, "127.0.0.1:0"), Node::start(2, "127.0.0.2:0"), Node::start(3, "127.0.0.3:0"));
    a.probe_node(&b);
    a.round_with("n2 answers", |round| round.of_peer("n2", metric::RTT_US).is_some());
    for _ in 0..5 {
        a.probe(vec![peer(1, 3, c.address), peer(1, 2, b.address)]);
        a.round_with("n3 answers", |round| round.of_peer("n3", metric::RTT_US).is_some());
        a.probe_node(&b);
        let round = a.round_with("n3 is gone", |round| round.of_peer("n3", metric::PROBES_SENT).is_none());
        assert!(round.of_peer("n2", metric::LOSS_RATIO).is_none_or(|loss| loss == 0.0), "{round:?}");
    }
    assert_eq!(b.counts.total(), 0, "{}", b.counts);
    assert_eq!(a.counts.total(), a.counts.of(Dropped::Elsewhere), "answers of a peer that just went: {}", a.counts);
    a.probe(vec![peer(1, 3, c.address)]);
    a.orders.send_modify(|orders| orders.settings.mesh.interval_ms = 250);
    a.round_with("n3 answers at another pace", |round| {
        round.of_peer("n3", metric::RTT_US).is_some() && round.of_peer("n2", metric::PROBES_SENT).is_none()
    });
}

#[test]
fn a_node_that_had_nothing_to_do_was_not_late() {
    let (mut a, b) = (Node::start(1, "127.0.0.1:0"), Node::start(2, "127.0.0.2:0"));
    let idle = Instant::now();
    until("some rounds would be over", || idle.elapsed() > Duration::from_secs(1));
    let asked = Instant::now();
    a.probe_node(&b);
    let round = a.round();
    assert!(round.lag_us <= asked.elapsed().as_micros() as f64, "{round:?}");
}

/// Stands between two nodes: gives answers back twice, and every second pair of them in the wrong order.
fn relay(to: SocketAddr, stop: CancellationToken) -> (SocketAddr, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    let address = socket.local_addr().expect("bound");
    let run = move || {
        let (mut asker, mut held, mut buffer) = (None, None, [0; 200]);
        while !stop.is_cancelled() {
            let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
            if from != to {
                asker = Some(from);
                let _ = socket.send_to(&buffer[..len], to);
            } else if let Some(asker) = asker {
                match held.take() {
                    None => held = Some(buffer[..len].to_vec()),
                    Some(held) => {
                        for bytes in [&buffer[..len], &held, &held] {
                            let _ = socket.send_to(bytes, asker);
                        }
                    }
                }
            }
        }
    };
    (address, std::thread::spawn(run))
}

#[test]
fn answers_that_come_twice_or_in_the_wrong_order_are_told() {
    let (mut a, b) = (Node::start(1, "127.0.0.1:0"), Node::start(2, "127.0.0.2:0"));
    let stop = CancellationToken::new();
    let (address, thread) = relay(b.address, stop.clone());
    a.probe(vec![peer(1, 2, address)]);
    a.round_with("duplicates and reordering", |round| {
        let seen = |metric| round.of_peer("n2", metric).is_some_and(|ratio| ratio > 0.0);
        seen(metric::DUPLICATE_RATIO) && seen(metric::REORDER_RATIO)
    });
    assert!(a.counts.of(Dropped::Duplicate) > 0);
    stop.cancel();
    thread.join().expect("the relay ends");
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let holder = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let error = bind(holder.local_addr().expect("bound")).expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
