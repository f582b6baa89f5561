//! Goal: whatever a check meets, it ends in time with one clear outcome: the phase, the cause and what would help; and
//! the checks beside it are unharmed. Method: the table of bad servers as real sockets on free ports, a real Redis server,
//! all checked at once.

mod servers;

use std::{process::Output, time::Duration};

use futures::future::join_all;
use netloom_core::check::{Check, Detail, Finding, Outcome, Phase};
use netloom_server::check::{self, Means};
use serde_json::Value;
use tokio::time::timeout;

use self::servers::{Redis, dns, echo, silent_tcp, talker};
use crate::process::netloom;

/// What a case expects.
enum Expected {
    Reply,
    /// A reply with a note that says this.
    Noted(&'static str),
    Lost,
    /// The phase, a part of the cause, and whether there is a cure.
    Failed(Phase, &'static str),
}

use Expected::{Failed, Lost, Noted, Reply};

async fn run(address: &str, means: &Means) -> Finding {
    let check = Check::parse(address).unwrap_or_else(|why| panic!("{address}: {why}"));
    check::run(&check, means, Duration::from_millis(check.longest_ms()), &|_| {}).await
}

fn assert_as(address: &str, finding: &Finding, expected: &Expected) {
    match (expected, &finding.outcome) {
        (Reply, Outcome::Reply) | (Lost, Outcome::Lost) => {}
        (Noted(words), Outcome::Reply) => {
            assert!(finding.notes.iter().any(|note| note.contains(words)), "{address}: {words}: {finding:?}");
        }
        (Failed(phase, words), Outcome::Failed { phase: at, cause, cure }) => {
            assert_eq!(phase, at, "{address}: {finding:?}");
            assert!(cause.contains(words), "{address}: {words}: {cause}");
            assert!(!cure.is_empty(), "{address}: no cure for {cause}");
            assert!(finding.phases.iter().any(|time| time.phase == *phase), "{address}: {finding:?}");
        }
        _ => panic!("{address}: {finding:?}"),
    }
    assert!(finding.took_us > 0.0, "{address}");
}

/// A port on which nothing listens, because whoever had it is gone.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn closed_udp_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
async fn whatever_a_check_meets_has_a_clear_outcome_and_harms_no_other() {
    const ROUND: &str = "packets=3&interval_ms=20&timeout_ms=300";
    if !servers::has_redis() {
        return;
    }
    let (closed, closed_udp) = (closed_port(), closed_udp_port());
    let silent = silent_tcp().await;
    let full = servers::full_backlog();
    let web = talker(b"", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let short = talker(b"", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello").await;
    let ssh = talker(b"SSH-2.0-OpenSSH_9.9\r\n", b"").await;
    let hangs_up = talker(b"", b"").await;
    let gone = talker(b"", b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    let moved = talker(b"", b"HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n").await;
    let loading = talker(b"", b"-LOADING Redis is loading the dataset in memory\r\n").await;
    let (plain, locked) = (Redis::start(&[]).await, Redis::start(&["--requirepass", "secret"]).await);
    let no_scripts = Redis::start(&["--rename-command", "EVAL", ""]).await;
    let read_only = Redis::start(&["--replicaof", "127.0.0.1", &closed.to_string()]).await;
    let (echoes, twice, deaf, garbles) =
        (echo(1, |b| b).await, echo(2, |b| b).await, echo(0, |b| b).await, echo(1, |_| b"what?".to_vec()).await);
    let name_server = dns().await;
    let dns_at = |name: &str| format!("dns://127.0.0.1:{name_server}/{name}?timeout_ms=300");
    let cases: Vec<(String, Expected)> = vec![
        // Names.
        (format!("tcp://name.invalid:{closed}?{ROUND}"), Failed(Phase::Resolve, "does not resolve")),
        (format!("icmp://127.0.0.1?family=6&{ROUND}"), Failed(Phase::Resolve, "no IPv6")),
        (format!("tcp://[::1]:{closed}?family=4&{ROUND}"), Failed(Phase::Resolve, "no IPv4")),
        ("redis://name.invalid".to_owned(), Failed(Phase::Resolve, "does not resolve")),
        ("http://name.invalid/".to_owned(), Failed(Phase::Resolve, "does not resolve")),
        // TCP.
        (format!("tcp://127.0.0.1:{web}?{ROUND}"), Reply),
        (format!("tcp://127.0.0.1:{closed}?{ROUND}"), Noted("closed: answered with a reset")),
        (format!("tcp://127.0.0.1:{silent}?{ROUND}"), Reply),
        (format!("tcp://127.0.0.1:{}?{ROUND}", full.port), Lost),
        // HTTP.
        (format!("http://127.0.0.1:{web}/#timeout_ms=2000"), Reply),
        (format!("http://localhost:{web}/#timeout_ms=2000"), Reply),
        (format!("http://127.0.0.1:{gone}/"), Noted("404")),
        (format!("http://127.0.0.1:{moved}/"), Noted("points to /there")),
        (format!("http://127.0.0.1:{closed}/"), Failed(Phase::Connect, "closed")),
        (format!("http://127.0.0.1:{}/#timeout_ms=300", full.port), Failed(Phase::Connect, "does not answer")),
        (format!("http://127.0.0.1:{silent}/#timeout_ms=300"), Failed(Phase::Wait, "said nothing within 0.3 s")),
        (format!("https://127.0.0.1:{silent}/#timeout_ms=1000"), Failed(Phase::Tls, "did not end the TLS handshake")),
        (format!("https://127.0.0.1:{web}/"), Failed(Phase::Tls, "does not speak TLS")),
        (format!("http://127.0.0.1:{ssh}/"), Failed(Phase::Wait, "no HTTP")),
        (format!("http://127.0.0.1:{hangs_up}/"), Failed(Phase::Wait, "closed the connection")),
        (format!("http://127.0.0.1:{short}/"), Failed(Phase::Transfer, "in the middle")),
        // Downloads.
        (format!("download+http://127.0.0.1:{web}/"), Noted("so soon")),
        (format!("download+http://127.0.0.1:{short}/"), Failed(Phase::Transfer, "in the middle")),
        (format!("download+http://127.0.0.1:{gone}/"), Failed(Phase::Wait, "404")),
        (format!("download+http://127.0.0.1:{moved}/"), Failed(Phase::Wait, "points elsewhere")),
        // Redis.
        (format!("redis://127.0.0.1:{}?lock=true", plain.port), Reply),
        (format!("redis://127.0.0.1:{}", locked.port), Failed(Phase::Authenticate, "NOAUTH")),
        (format!("redis://127.0.0.1:{}?lock=true", no_scripts.port), Noted("two steps")),
        (format!("redis://127.0.0.1:{}?lock=true", read_only.port), Failed(Phase::Transfer, "READONLY")),
        (format!("redis://127.0.0.1:{loading}"), Failed(Phase::Wait, "LOADING")),
        (format!("redis://127.0.0.1:{closed}"), Failed(Phase::Connect, "closed")),
        (format!("redis://127.0.0.1:{silent}?timeout_ms=300"), Failed(Phase::Wait, "said nothing for 0.3 s")),
        (format!("redis://127.0.0.1:{ssh}"), Failed(Phase::Wait, "SSH")),
        (format!("redis://127.0.0.1:{web}"), Failed(Phase::Wait, "web server")),
        (format!("redis://127.0.0.1:{hangs_up}"), Failed(Phase::Wait, "closed the connection")),
        // UDP.
        (format!("udp://127.0.0.1:{echoes}?{ROUND}"), Reply),
        (format!("udp://127.0.0.1:{twice}?{ROUND}"), Noted("3 answers came more than once")),
        (format!("udp://127.0.0.1:{deaf}?{ROUND}"), Lost),
        (format!("udp://127.0.0.1:{garbles}?{ROUND}"), Lost),
        (format!("udp://127.0.0.1:{closed_udp}?{ROUND}"), Failed(Phase::Wait, "port unreachable")),
        // DNS.
        (dns_at("good.example"), Reply),
        (dns_at("large.example"), Noted("over TCP")),
        (dns_at("missing.example"), Noted("NXDOMAIN")),
        (dns_at("empty.example"), Noted("no record of type A")),
        (dns_at("servfail.example"), Failed(Phase::Wait, "SERVFAIL")),
        (dns_at("refused.example"), Failed(Phase::Wait, "REFUSED")),
        (dns_at("rubbish.example"), Failed(Phase::Wait, "no DNS answer")),
        (dns_at("wrongid.example"), Failed(Phase::Wait, "wrong id")),
        (dns_at("forged.example"), Reply),
        (dns_at("other.example"), Failed(Phase::Wait, "another question")),
        (dns_at("damaged.example"), Failed(Phase::Wait, "damaged")),
        (dns_at("silent.example"), Lost),
        (format!("dns://127.0.0.1:{closed_udp}/good.example"), Failed(Phase::Wait, "nothing listens")),
        ("dns://name.invalid/good.example".to_owned(), Failed(Phase::Resolve, "does not resolve")),
    ];
    let means = Means::new();
    // All at once take as long as the slowest: no check waits for another one.
    let all = join_all(cases.iter().map(|(address, _)| run(address, &means)));
    let findings = timeout(Duration::from_secs(30), all).await.expect("every check ends in its time");
    for ((address, expected), finding) in cases.iter().zip(&findings) {
        assert_as(address, finding, expected);
    }
    for port in [plain.port, no_scripts.port] {
        assert_eq!(servers::keys(port).await, "*0\r\n", "every lock was released");
    }
}

#[tokio::test]
async fn figures_and_details_are_there_by_their_names() {
    if !servers::has_redis() {
        return;
    }
    let means = Means::new();
    let (redis, echoes, name_server) = (Redis::start(&[]).await, echo(1, |b| b).await, dns().await);
    let found = run(&format!("redis://127.0.0.1:{}?lock=true", redis.port), &means).await;
    for name in ["redis_ping_us", "redis_lock_us", "redis_release_us"] {
        assert!(found.value(name).is_some_and(|us| us > 0.0), "{name}: {found:?}");
    }
    let found = run(&format!("udp://127.0.0.1:{echoes}?packets=4&interval_ms=10&payload_bytes=1400"), &means).await;
    assert_eq!((found.value("probes_sent"), found.value("loss_ratio")), (Some(4.0), Some(0.0)), "{found:?}");
    assert!(found.value("udp_echo_us").is_some_and(|us| us > 0.0), "{found:?}");
    assert!(matches!(&found.detail, Some(Detail::Round { rtts_us }) if rtts_us.len() == 4), "{found:?}");
    let found = run(&format!("dns://127.0.0.1:{name_server}/good.example"), &means).await;
    let expected = Detail::Answers { status: "NOERROR".to_owned(), records: vec![("10.0.0.1".to_owned(), 60)] };
    assert_eq!(found.detail, Some(expected));
    assert!(found.value("dns_lookup_us").is_some_and(|us| us > 0.0), "{found:?}");
    let found = run(&format!("tcp://127.0.0.1:{}", redis.port), &means).await;
    assert!(found.value("tcp_connect_us").is_some_and(|us| us > 0.0), "{found:?}");
    assert_eq!(found.value("syn_retransmits"), Some(0.0));
}

#[tokio::test]
async fn a_password_opens_a_redis_that_wants_one_and_harms_none_that_does_not() {
    if !servers::has_redis() {
        return;
    }
    let (open, locked) = (Redis::start(&[]).await, Redis::start(&["--requirepass", "secret"]).await);
    let with = |password: &str| Means { redis_password: Some(password.to_owned()), ..Means::new() };
    let at = |redis: &Redis| format!("redis://127.0.0.1:{}?lock=true&packets=1", redis.port);
    assert_as("right", &run(&at(&locked), &with("secret")).await, &Reply);
    assert_as("wrong", &run(&at(&locked), &with("guess")).await, &Failed(Phase::Authenticate, "WRONGPASS"));
    assert_as("needless", &run(&at(&open), &with("secret")).await, &Noted("wants none"));
}

#[tokio::test]
async fn a_lost_syn_is_marked() {
    let full = servers::full_backlog();
    let port = full.port;
    // Room is made while the first SYN is already lost, and the one after a second finds it.
    let room = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(300));
        full.make_room();
        full
    });
    let address = format!("tcp://127.0.0.1:{port}?packets=1&timeout_ms=10000");
    let finding = run(&address, &Means::new()).await;
    let _full = room.await.unwrap();
    assert_eq!(finding.outcome, Outcome::Reply, "{finding:?}");
    assert!(finding.value("syn_retransmits").is_some_and(|again| again >= 1.0), "{finding:?}");
    assert!(finding.notes.iter().any(|note| note.contains("SYN")), "{finding:?}");
}

async fn probe(args: &[String]) -> Output {
    let mut command = netloom(&["probe"]);
    command.args(args);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_command_says_it_in_lines_in_json_and_by_its_exit_code() {
    let (web, closed) = (talker(b"", b"").await, closed_port());
    let good = format!("tcp://127.0.0.1:{web}");
    let bad = format!("http://127.0.0.1:{closed}/");
    let fine = probe(&[good.clone(), "-c".into(), "2".into(), "-i".into(), "0.01".into()]).await;
    let said = String::from_utf8(fine.stdout).unwrap();
    assert_eq!(fine.status.code(), Some(0), "{said}");
    assert!(said.starts_with(&good) && said.contains("2 sent, 0 % lost"), "{said}");
    let json = probe(&["--json".into(), good.clone(), bad.clone()]).await;
    assert_eq!(json.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&found[0]["outcome"], &found[0]["check"]), (&"reply".into(), &good.as_str().into()), "{found}");
    assert_eq!((&found[1]["outcome"], &found[1]["phase"]), (&"failed".into(), &"connect".into()), "{found}");
    for wrong in [vec!["tcp://a"], vec![], vec!["-4", "-6", "a"], vec!["-4", "http://a/"], vec!["-c", "0", "a"]] {
        let refused = probe(&wrong.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{wrong:?}");
    }
}

/// Where ICMP is permitted, loopback answers; where it is not, that is said with its cure.
#[tokio::test]
async fn ping_answers_or_says_what_is_missing() {
    let payload = "icmp://127.0.0.1?packets=3&interval_ms=10&payload_bytes=8000";
    let finding = run(payload, &Means::new()).await;
    match &finding.outcome {
        Outcome::Reply => assert_eq!(finding.value("loss_ratio"), Some(0.0), "{finding:?}"),
        _ => assert_as(payload, &finding, &Failed(Phase::Prepare, "does not permit ICMP")),
    }
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap_or_default();
    let range: Vec<u64> = range.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    // Only then is there somebody to whom it is not permitted.
    if is_root && matches!(range[..], [from, to] if from > to) {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(crate::process::binary());
        command.args(["probe", "127.0.0.1"]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("failed (prepare)") && said.contains("ping_group_range"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
}
