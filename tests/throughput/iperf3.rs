//! The client of iperf3, against the real program where it is installed.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use netloom_core::{
    check::{
        Check, Finding, Outcome, Phase, Progress,
        spec::Family,
        throughput::{Direction, IperfSpec, Protocol},
    },
    settings::active::ActiveSettings,
};
use netloom_server::check::{self, Means};

use tokio::sync::Mutex;

use super::{failure, result, stranger};
use crate::support::until;

fn spec(port: u16) -> IperfSpec {
    IperfSpec {
        host: "127.0.0.1".into(),
        family: Family::Any,
        port,
        protocol: Protocol::Tcp,
        direction: Direction::Up,
        streams: 2,
        duration_ms: 1_000,
        warm_up_ms: 0,
        rate_bps: 0,
    }
}

async fn run(spec: IperfSpec) -> Finding {
    check::run(&Check::Iperf3(spec), &Means::new(), Duration::from_mins(2), &|_| {}).await
}

fn is_installed() -> bool {
    Command::new("iperf3").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A server that ends with the test.
struct Server(Child, u16);

impl Server {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("iperf3")
            .args(["-s", "-B", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child, port);
        // A connection would be its test, so it is asked whether it listens without one.
        until("iperf3 listens", async || TcpListener::bind(("127.0.0.1", port)).is_err()).await;
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already in one of the tests.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_directions_and_its_errors_are_understood() {
    if !is_installed() {
        return eprintln!("left out: iperf3 is not installed");
    }
    let mut server = Server::start().await;
    for (direction, protocol) in [
        (Direction::Up, Protocol::Tcp),
        (Direction::Down, Protocol::Tcp),
        (Direction::Both, Protocol::Tcp),
        (Direction::Up, Protocol::Udp),
    ] {
        let test = IperfSpec { direction, protocol, rate_bps: 10_000_000, ..spec(server.1) };
        let mut finding = run(test.clone()).await;
        // The server is done with the test before a little later than the client.
        while matches!(&finding.outcome, Outcome::Failed { cause, .. } if cause.contains("busy")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            finding = run(test.clone()).await;
        }
        let result = result(&finding);
        assert_eq!((result.up.is_some(), result.down.is_some()), (direction.is_up(), direction.is_down()));
        assert!(result.bps() > Some(0.0), "{finding:?}");
    }
    // Busy, then killed in the middle.
    let port = server.1;
    let begin = || tokio::spawn(run(IperfSpec { duration_ms: 60_000, ..spec(port) }));
    let long = Mutex::new(begin());
    until("it is busy", async || {
        let other = run(spec(port)).await;
        // The other one may have been first.
        let mut long = long.lock().await;
        if long.is_finished() {
            *long = begin();
        }
        matches!(other.outcome, Outcome::Failed { phase: Phase::Authenticate, cause, .. } if cause.contains("busy"))
    })
    .await;
    // It is busy from its first connection on; a moment later data flows.
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.0.kill().unwrap();
    let cut = long.into_inner().await.unwrap();
    assert_eq!(failure(&cut).0, Phase::Transfer, "{cut:?}");
    let refused = run(spec(server.1)).await;
    assert_eq!(failure(&refused).0, Phase::Connect, "{refused:?}");
    // Another program behind the port.
    let foreign = run(spec(stranger(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await)).await;
    assert!(matches!(foreign.outcome, Outcome::Failed { .. }), "{foreign:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_had_measured_when_somebody_stopped_it_is_kept() {
    if !is_installed() {
        return eprintln!("left out: iperf3 is not installed");
    }
    let server = Server::start().await;
    for direction in [Direction::Up, Direction::Down, Direction::Both] {
        let means = Means::new();
        let check =
            Check::Iperf3(IperfSpec { direction, duration_ms: 600_000, rate_bps: 10_000_000, ..spec(server.1) });
        let stop = means.stop.clone();
        // Its first second has to be over; how far it is, is told each second, too.
        let told = move |progress: Progress| {
            if progress.done_ratio * 600.0 > 1.5 {
                stop.cancel();
            }
        };
        let finding = check::run(&check, &means, Duration::from_mins(2), &told).await;
        let result = result(&finding);
        assert_eq!((result.up.is_some(), result.down.is_some()), (direction.is_up(), direction.is_down()));
        for flowed in [&result.up, &result.down].into_iter().flatten() {
            assert!(flowed.bps > 0.0 && flowed.bytes > 0 && flowed.duration_ms < 600_000.0, "{finding:?}");
        }
        assert!(finding.notes.iter().any(|note| note.contains("stopped after")), "{finding:?}");
    }
    // Who wants the end before anything was measured is told that.
    let means = Means::new();
    means.stop.cancel();
    let finding = check::run(&Check::Iperf3(spec(server.1)), &means, Duration::from_mins(2), &|_| {}).await;
    assert!(matches!(finding.outcome, Outcome::Skipped { .. }), "{finding:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_to_be_installed() {
    let run = async |program: &str| {
        let active = ActiveSettings { iperf3: program.to_owned(), ..ActiveSettings::unbounded() };
        let means = Means { active: Arc::new(move || active.clone()), ..Means::new() };
        check::run(&Check::Iperf3(spec(9)), &means, Duration::from_mins(1), &|_| {}).await
    };
    for program in ["/nowhere/iperf3", "iperf3-that-nobody-has", "/bin/sh"] {
        let finding = run(program).await;
        let (phase, cause) = failure(&finding);
        assert!(phase == Phase::Prepare && cause.contains(program), "{finding:?}");
    }
}
