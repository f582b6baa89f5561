//! Goal: traces end in time, with the right hops, whatever the network does. Method: a made-up network in virtual time.

use std::collections::BinaryHeap;

use super::*;

const TIMEOUT_US: u64 = 1_000_000;

fn wanted(flows: u16, one_at_a_time: bool) -> Wanted {
    Wanted { flows, probes: 3, hops_max: 30, timeout_us: TIMEOUT_US, one_at_a_time }
}

fn address(ttl: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, ttl])
}

fn host() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

/// Runs a trace through a network that says what becomes of each probe. Returns the trace, how long it took, and how many
/// probes were sent.
fn run(wanted: Wanted, network: impl Fn(Probe) -> Option<Answer>) -> (Tracer, u64, usize) {
    let (mut tracer, mut now, mut sent) = (Tracer::new(wanted, host(), 5), 5, 0);
    let mut coming = BinaryHeap::new();
    let mut answers = Vec::new();
    loop {
        match tracer.step(now) {
            Step::Send(probe) => {
                tracer.sent(probe, now);
                sent += 1;
                if let Some(answer) = network(probe) {
                    coming.push((std::cmp::Reverse(now + answer.rtt_us as u64), answers.len()));
                    answers.push((probe, answer));
                }
            }
            Step::Wait { until_us } => {
                assert!(until_us > now, "waits for the past");
                match coming.peek() {
                    Some((at, number)) if at.0 <= until_us => {
                        let (at, number) = (at.0, *number);
                        coming.pop();
                        now = now.max(at);
                        tracer.answer(answers[number].0, answers[number].1, now);
                    }
                    _ => now = until_us,
                }
            }
            Step::Done => return (tracer, now - 5, sent),
        }
    }
}

/// A chain of routers 10 ms apart with the host at its end.
fn chain(length: u8) -> impl Fn(Probe) -> Option<Answer> {
    move |probe| {
        let at = probe.ttl.min(length);
        let (from, word) = if at == length { (host(), Word::NoPort) } else { (address(at), Word::Expired) };
        Some(Answer { from, rtt_us: f64::from(at) * 10_000.0, word })
    }
}

fn ways(tracer: &Tracer) -> Vec<Vec<Option<IpAddr>>> {
    let flows = tracer.flows(|number| number);
    flows.into_iter().map(|flow| flow.hops.into_iter().map(|hop| hop.address).collect()).collect()
}

#[test]
fn ten_hops_take_less_than_a_timeout_and_the_host_is_not_swamped() {
    let (tracer, took, sent) = run(wanted(4, false), chain(10));
    assert!(tracer.is_reached());
    assert!(took < TIMEOUT_US, "{took}");
    assert!(sent <= 4 * 3 * (10 + usize::from(AHEAD)), "{sent}");
    let expected: Vec<_> = (1..10).map(|ttl| Some(address(ttl))).chain([Some(host())]).collect();
    assert_eq!(ways(&tracer), vec![expected; 4]);
    let hop = &tracer.flows(|number| number)[0].hops[4];
    assert_eq!((hop.sent, hop.answered, hop.rtt_us, hop.refusal.as_str()), (3, 3, Some(50_000.0), ""));
}

#[test]
fn silent_hops_cost_one_timeout_together() {
    let silent =
        |probe: Probe| chain(9)(probe).filter(|answer| answer.word != Word::Expired || probe.ttl.is_multiple_of(2));
    let (tracer, took, _) = run(wanted(2, false), silent);
    assert!(tracer.is_reached());
    assert!(took < TIMEOUT_US * 3 / 2, "{took}");
    assert_eq!(ways(&tracer)[0][..3], [None, Some(address(2)), None]);
}

#[test]
fn a_way_that_goes_silent_ends_a_few_hops_later() {
    let (tracer, took, sent) = run(wanted(1, false), |probe| chain(20)(probe).filter(|_| probe.ttl <= 3));
    assert!(!tracer.is_reached());
    assert!(took < TIMEOUT_US * 2, "{took}");
    assert!(sent <= 3 * usize::from(3 + SILENT_MAX), "{sent}");
    assert_eq!(ways(&tracer), [[1, 2, 3].map(|ttl| Some(address(ttl)))]);
    let (tracer, took, _) = run(wanted(3, false), |_| None);
    assert!(took < TIMEOUT_US * 2, "{took}");
    assert_eq!(ways(&tracer), vec![vec![]; 3]);
}

#[test]
fn a_host_behind_silent_hops_is_found() {
    let (tracer, ..) = run(wanted(1, false), |probe| chain(7)(probe).filter(|answer| answer.from == host()));
    assert!(tracer.is_reached());
    assert_eq!(ways(&tracer)[0].len(), 7);
}

#[test]
fn one_at_a_time_never_has_two_on_their_way_and_ends_in_time() {
    let (tracer, took, _) = run(wanted(2, true), chain(6));
    assert!(tracer.is_reached());
    assert_eq!(ways(&tracer)[1].len(), 6);
    assert!(took <= WHOLE_TIMEOUTS * TIMEOUT_US, "{took}");
    for way in &tracer.ways {
        let mut slots: Vec<(u64, u64)> = way
            .hops
            .iter()
            .flatten()
            .map(|slot| (slot.sent_us, slot.answer.map_or(slot.until_us, |answer| slot.sent_us + answer.rtt_us as u64)))
            .collect();
        slots.sort_unstable();
        assert!(slots.is_sorted_by(|one, next| one.1 <= next.0), "{slots:?}");
    }
    let (tracer, took, _) = run(wanted(1, true), |probe| chain(9)(probe).filter(|_| probe.ttl != 4 && probe.ttl != 5));
    assert!(tracer.is_reached());
    assert!(took < TIMEOUT_US * 2, "{took}");
}

#[test]
fn a_refusal_ends_the_way_and_is_told() {
    let refused = Word::Refused { is_v6: false, kind: 3, code: 13 };
    let network = |probe: Probe| match probe.ttl {
        0..3 => chain(9)(probe),
        _ => Some(Answer { from: address(3), rtt_us: 900.0, word: refused }),
    };
    let (tracer, ..) = run(wanted(1, false), network);
    assert!(!tracer.is_reached());
    let flows = tracer.flows(|number| number + 7);
    assert_eq!((flows[0].flow, flows[0].hops.len()), (7, 3));
    assert_eq!(flows[0].hops[2].refusal, "communication prohibited by administration");
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut tracer = Tracer::new(wanted(1, false), host(), 0);
    let probe = Probe { flow: 0, ttl: 1, turn: 0 };
    let answer = |rtt_us| Answer { from: host(), rtt_us, word: Word::Answered };
    tracer.answer(probe, answer(1.0), 1);
    tracer.answer(Probe { flow: 9, ttl: 0, turn: 3 }, answer(1.0), 1);
    assert!(!tracer.is_reached());
    tracer.sent(probe, 2);
    assert_eq!(tracer.first_open(0, true, 3), Some(probe));
    tracer.answer(probe, answer(TIMEOUT_US as f64 + 1.0), 9);
    assert!(!tracer.is_reached(), "too late");
    tracer.answer(probe, answer(4.0), 6);
    tracer.answer(probe, answer(9.0), 11);
    assert_eq!(tracer.flows(|number| number)[0].hops[0].rtt_us, Some(4.0), "the first one counts");
    assert_eq!(tracer.first_open(0, true, 3), None);
}
