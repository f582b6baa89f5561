//! Goal: a test of throughput counts what arrives, keeps to its budget, and ends in time with a phase, a cause and a cure
//! whatever the other end does. Method: both ends over loopback, ends that vanish, stay silent or are other programs.

mod hub;
mod iperf3;

use std::{sync::Arc, time::Duration};

use netloom_core::{
    check::{
        Check, Detail, Finding, Outcome, Phase,
        spec::Family,
        throughput::{
            Direction, Protocol, ThroughputResult, ThroughputSpec,
            wire::{Far, frame},
        },
    },
    settings::active::ActiveSettings,
};
use netloom_server::{
    check::{self, Means},
    probe::throughput::far::{FarEnd, Offer, Served},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
};

use super::support::{DEADLINE, until};

const TICKET: &str = "0123456789abcdef0123456789abcdef";

/// A far end on loopback that takes one test.
fn far(change: impl FnOnce(&mut Offer)) -> (u16, JoinHandle<Result<Served, String>>) {
    let mut far = FarEnd::bind(Some("127.0.0.1:0".parse().unwrap())).unwrap();
    let mut offer =
        Offer { ticket: TICKET.into(), within: DEADLINE, longest: Duration::from_mins(2), bytes_max: 1 << 50 };
    change(&mut offer);
    let port = far.address().port();
    (port, tokio::spawn(async move { far.serve(&offer).await }))
}

fn spec(port: u16) -> ThroughputSpec {
    ThroughputSpec {
        host: "127.0.0.1".into(),
        family: Family::Any,
        port,
        ticket: TICKET.into(),
        protocol: Protocol::Tcp,
        direction: Direction::Up,
        streams: 2,
        duration_ms: 400,
        warm_up_ms: 100,
        bytes_max: 1 << 50,
        rate_bps: 0,
    }
}

/// Runs a check as everybody does.
async fn run(spec: ThroughputSpec) -> Finding {
    check::run(&Check::Throughput(spec), &Means::new(), Duration::from_mins(2), &|_| {}).await
}

fn result(finding: &Finding) -> &ThroughputResult {
    assert_eq!(finding.outcome, Outcome::Reply, "{finding:?}");
    let Some(Detail::Throughput(result)) = &finding.detail else { panic!("no result: {finding:?}") };
    result
}

/// The phase in which it failed, and the cause; there is a cure.
fn failure(finding: &Finding) -> (Phase, &str) {
    let Outcome::Failed { phase, cause, cure } = &finding.outcome else { panic!("no failure: {finding:?}") };
    assert!(!cure.is_empty(), "{finding:?}");
    (*phase, cause)
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_is_counted_where_it_arrives_in_every_direction_and_with_several_streams() {
    for (direction, streams) in [(Direction::Up, 1), (Direction::Down, 4), (Direction::Both, 3), (Direction::Up, 16)] {
        let (port, served) = far(|_| {});
        let finding = run(ThroughputSpec { direction, streams, ..spec(port) }).await;
        let result = result(&finding);
        assert_eq!((result.up.is_some(), result.down.is_some()), (direction.is_up(), direction.is_down()));
        for flowed in [&result.up, &result.down].into_iter().flatten() {
            assert!(flowed.bytes > 0 && flowed.bps > 0.0, "{direction:?}: {flowed:?}");
            assert_eq!(flowed.slices_bps.len(), 4, "{direction:?}: {flowed:?}");
            assert!(flowed.retransmits.is_some() || !cfg!(target_os = "linux"), "{direction:?}: {flowed:?}");
        }
        assert!(result.idle_rtt_us.is_some() && result.loaded_rtt_us.is_some(), "{result:?}");
        assert_eq!(finding.value("throughput_bps"), result.bps());
        // What the far end counted is what the near end was told.
        assert_eq!(served.await.unwrap().unwrap().received.map(|up| up.bytes), result.up.as_ref().map(|up| up.bytes));
        let phases: Vec<Phase> = finding.phases.iter().map(|phase| phase.phase).collect();
        assert_eq!(phases, [Phase::Resolve, Phase::Connect, Phase::Authenticate, Phase::Wait, Phase::Transfer]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_is_paced_and_has_loss_and_jitter() {
    for direction in [Direction::Up, Direction::Down, Direction::Both] {
        let (port, _served) = far(|_| {});
        let asked = 20_000_000;
        let finding =
            run(ThroughputSpec { direction, protocol: Protocol::Udp, rate_bps: asked, streams: 2, ..spec(port) }).await;
        for flowed in [&result(&finding).up, &result(&finding).down].into_iter().flatten() {
            // A sender that was held up makes up for it, so within half a second it may be anything but much more.
            assert!(flowed.bps > 0.0 && flowed.bps < 3.0 * asked as f64, "{flowed:?}");
            assert!(flowed.loss_ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)), "{flowed:?}");
            assert!(flowed.jitter_us.is_some(), "{flowed:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_ends_with_its_bytes() {
    for direction in [Direction::Up, Direction::Down] {
        let (port, served) = far(|_| {});
        // More than passes during the warm-up.
        let most = 2_000_000_000;
        let finding = run(ThroughputSpec { direction, bytes_max: most, duration_ms: 60_000, ..spec(port) }).await;
        let bytes = result(&finding).up.iter().chain(&result(&finding).down).map(|flowed| flowed.bytes).sum::<u64>();
        assert!(bytes > 0 && bytes <= most, "{finding:?}");
        served.await.unwrap().unwrap();
    }
    // Over UDP the bytes are a time.
    let (port, _served) = far(|_| {});
    let paced = ThroughputSpec { protocol: Protocol::Udp, rate_bps: 8_000_000, bytes_max: 400_000, ..spec(port) };
    let finding = run(ThroughputSpec { duration_ms: 60_000, ..paced }).await;
    assert!(result(&finding).up.as_ref().is_some_and(|up| up.bytes <= 400_000), "{finding:?}");
    assert!(finding.notes.iter().any(|note| note.contains("shortened")), "{finding:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_far_end_keeps_to_its_own_budget() {
    let (port, _served) = far(|offer| offer.bytes_max = 1_000);
    let (phase, cause) = failure(&run(spec(port)).await).to_owned_pair();
    assert!(phase == Phase::Authenticate && cause.contains("at most 1000 are allowed"), "{cause}");
    let (port, _served) = far(|offer| offer.longest = Duration::from_millis(300));
    let (phase, cause) = failure(&run(spec(port)).await).to_owned_pair();
    assert!(phase == Phase::Authenticate && cause.contains("500 ms"), "{cause}");
}

trait Owned {
    fn to_owned_pair(self) -> (Phase, String);
}

impl Owned for (Phase, &str) {
    fn to_owned_pair(self) -> (Phase, String) {
        (self.0, self.1.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_ticket_is_refused_and_the_right_one_is_good_once() {
    let (port, served) = far(|_| {});
    let wrong = ThroughputSpec { ticket: "f".repeat(32), ..spec(port) };
    let (phase, cause) = failure(&run(wrong).await).to_owned_pair();
    assert!(phase == Phase::Authenticate && cause.contains("ticket"), "{cause}");
    result(&run(spec(port)).await);
    served.await.unwrap().unwrap();
    assert_eq!(failure(&run(spec(port)).await).0, Phase::Connect);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_with_a_test_is_busy_for_others() {
    let (port, served) = far(|_| {});
    let first = tokio::spawn(run(ThroughputSpec { duration_ms: 60_000, ..spec(port) }));
    until("somebody else is turned away", async || {
        let other = run(ThroughputSpec { ticket: "f".repeat(32), ..spec(port) }).await;
        failure(&other).1.contains("busy")
    })
    .await;
    // A test that nobody waits for is given up at both ends.
    first.abort();
    // Whether it misses the data first or the other end is chance.
    let why = served.await.unwrap().unwrap_err();
    assert!(["went away", "in the middle", "broke"].iter().any(|words| why.contains(words)), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_vanishes_in_the_middle_is_told() {
    for direction in [Direction::Up, Direction::Down] {
        let (port, served) = far(|_| {});
        let flows = Arc::new(Notify::new());
        let told = flows.clone();
        let testing = tokio::spawn(async move {
            let spec = ThroughputSpec { direction, duration_ms: 60_000, ..spec(port) };
            let told = move |_| told.notify_one();
            check::run(&Check::Throughput(spec), &Means::new(), Duration::from_mins(2), &told).await
        });
        flows.notified().await;
        served.abort();
        let (phase, cause) = failure(&testing.await.unwrap()).to_owned_pair();
        assert_eq!(phase, Phase::Transfer, "{direction:?}: {cause}");
    }
}

#[tokio::test]
async fn nobody_who_comes_is_a_failure_of_the_far_end() {
    let (_, served) = far(|offer| offer.within = Duration::from_millis(50));
    assert!(served.await.unwrap().unwrap_err().contains("nobody came"));
}

/// Somebody who takes one connection, says something, and holds it.
async fn stranger(words: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&words).await.unwrap();
        let mut heard = [0; 1_024];
        while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_and_silent_ones_are_recognised() {
    let welcome = frame(&Far::Welcome { test: "no id".into(), udp_port: None });
    let cases: [(&[u8], Phase, &str); 5] = [
        (b"SSH-2.0-OpenSSH_9.2\r\n", Phase::Authenticate, "another program answers"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Phase::Authenticate, "HTTP/1.1 400 Bad Request"),
        (b"NLT1\x00\xff\xff\xff", Phase::Authenticate, "16777215 bytes"),
        (&welcome, Phase::Authenticate, "makes no sense"),
        (b"", Phase::Authenticate, "says nothing"),
    ];
    for (words, phase, cause) in cases {
        let finding = run(spec(stranger(words.to_vec()).await)).await;
        let (failed, why) = failure(&finding);
        assert!(failed == phase && why.contains(cause), "{cause}: {finding:?}");
    }
    // A port that is closed.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(failure(&run(spec(free)).await).0, Phase::Connect);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_disturb_the_far_end() {
    let (port, served) = far(|_| {});
    let mut held = Vec::new();
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"NLT1\xff\xff\xff\xff", b"NLD1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
    {
        let mut stranger = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stranger.write_all(words).await.unwrap();
        held.push(stranger);
    }
    result(&run(spec(port)).await);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn tests_are_off_until_settings_allow_them() {
    let means = |active: ActiveSettings| Means { active: Arc::new(move || active.clone()), ..Means::new() };
    let (port, _served) = far(|_| {});
    let check = Check::Throughput(ThroughputSpec { duration_ms: 20_000, ..spec(port) });
    let run = async |means: Means| check::run(&check, &means, DEADLINE, &|_| {}).await;
    let off = run(means(ActiveSettings::default())).await;
    assert!(matches!(&off.outcome, Outcome::Skipped { why } if why.contains("active.throughput")), "{off:?}");
    let on = run(means(ActiveSettings { throughput: true, ..ActiveSettings::default() })).await;
    assert!(failure(&on).1.contains("at most 10 s"), "{on:?}");
}
