//! Goal: traces over loopback end at once, at the host, and failures say what would help. Method: real sockets.

mod chain;

use netloom_core::check::{Check, spec::Family};
use tokio::net::TcpListener;

use super::*;
use crate::check;

fn spec(host: &str, mode: ProbeMode, port: u16) -> PathSpec {
    PathSpec {
        host: host.into(),
        family: Family::Any,
        mode,
        port,
        flows: 3,
        probes: 2,
        hops_max: 30,
        timeout_ms: 1_000,
    }
}

async fn run(spec: PathSpec) -> Finding {
    let limit = std::time::Duration::from_secs(20);
    check::run(&Check::Path(spec), &Means::new(), limit, &|_| {}).await
}

fn assert_one_hop(finding: &Finding, flows: usize) {
    assert_eq!(finding.outcome, Outcome::Reply, "{finding:?}");
    assert_eq!((finding.value("path_hops"), finding.value("path_flows")), (Some(1.0), Some(1.0)));
    assert!(finding.value("path_rtt_us").is_some_and(|rtt_us| rtt_us > 0.0));
    let phases: Vec<Phase> = finding.phases.iter().map(|time| time.phase).collect();
    assert_eq!(phases, [Phase::Resolve, Phase::Prepare, Phase::Wait]);
    let Some(Detail::Path(trace)) = &finding.detail else { panic!("no trace in {finding:?}") };
    assert_eq!(trace.flows.len(), flows);
    for flow in &trace.flows {
        assert_eq!((flow.hops.len(), flow.hops[0].address), (1, Some(trace.address)), "{trace:?}");
        assert_eq!((flow.hops[0].refusal.as_str(), flow.hops[0].sent), ("", 2), "{trace:?}");
        assert!(flow.hops[0].answered >= 1, "{trace:?}");
    }
}

/// A port that nobody has.
const CLOSED: u16 = 33_434;

#[tokio::test]
async fn udp_ends_at_the_host_without_privilege() {
    assert_one_hop(&run(spec("127.0.0.1", ProbeMode::Udp, CLOSED)).await, 3);
}

#[tokio::test]
async fn udp_over_ipv6_does_too() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("skipped: no IPv6 here");
        return;
    }
    assert_one_hop(&run(spec("::1", ProbeMode::Udp, CLOSED)).await, 3);
}

#[tokio::test]
async fn an_open_port_of_tcp_and_a_closed_one_are_the_end() {
    let listener = TcpListener::bind(("127.0.0.2", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    assert_one_hop(&run(spec("127.0.0.2", ProbeMode::Tcp, port)).await, 3);
    drop(listener);
    assert_one_hop(&run(spec("127.0.0.2", ProbeMode::Tcp, port)).await, 3);
}

#[tokio::test]
async fn echoes_end_at_the_host_or_say_what_is_not_permitted() {
    for host in ["127.0.0.3", "::1"] {
        let finding = run(spec(host, ProbeMode::Icmp, 0)).await;
        match &finding.outcome {
            Outcome::Failed { phase, cure, .. } => {
                eprintln!("not permitted here: {finding:?}");
                assert!(matches!(phase, Phase::Prepare | Phase::Send) && !cure.is_empty(), "{finding:?}");
            }
            _ => assert_one_hop(&finding, 3),
        }
    }
}

#[tokio::test]
async fn two_traces_at_once_do_not_take_each_others_answers() {
    let both = tokio::join!(
        run(spec("127.0.0.4", ProbeMode::Udp, CLOSED)),
        run(spec("127.0.0.4", ProbeMode::Udp, CLOSED + 1))
    );
    assert_one_hop(&both.0, 3);
    assert_one_hop(&both.1, 3);
}

#[tokio::test]
async fn a_name_without_address_fails_at_its_phase() {
    let finding = run(spec("no-such-host.invalid", ProbeMode::Udp, CLOSED)).await;
    assert!(matches!(finding.outcome, Outcome::Failed { phase: Phase::Resolve, .. }), "{finding:?}");
    assert_eq!(finding.phases.len(), 1);
}
