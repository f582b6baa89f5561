//! `netloom around`: measures before and after somebody else's command, and never stands in its way for longer than the
//! measuring takes.

mod csv;

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use netloom_core::{
    around::{Around, Measured},
    check::{
        Check,
        throughput::{
            Direction, IperfSpec, Protocol, ThroughputSpec,
            budget::{BYTES_ANY, WARM_UP_MAX_MS},
            wire,
        },
    },
    mark::TEXT_MAX_CHARS,
    test_result::{Plan, Tally},
};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use self::csv::Csv;
use super::{
    aim::{Aim, Wish},
    rounds, why_not,
};
use crate::{
    check::{self, Means},
    cli::{AroundArgs, HUB_URL},
    client::{
        api::{CallError, Hub},
        command::{Asked, on_a_line, start, written},
    },
    clock, config,
};

/// How long a hub may take to note what was found: somebody waits for the prompt.
const HUB_LIMIT: Duration = Duration::from_secs(2);
/// What a test of throughput gets beyond its own time: to begin, and to end.
const THROUGHPUT_EXTRA: Duration = Duration::from_secs(10);
/// The longest name, characters: the line has to hold figures, too.
const NAME_MAX_CHARS: usize = 80;
/// The port of iperf3's servers.
const IPERF_PORT: u16 = 5201;

/// Measures, runs the command, measures again, and returns the command's exit code.
///
/// # Errors
/// When the arguments are wrong; nothing was started then.
pub async fn run(args: &AroundArgs) -> anyhow::Result<i32> {
    let is_named = args.hub.is_some();
    let hub = Hub::at(args.hub.as_deref().unwrap_or(HUB_URL))?;
    let load = load(args)?;
    let test = load.as_ref().map(|load| &load.check);
    let csv = args.csv.as_deref().map(Csv::open).transpose()?;
    let mut asked = Asked::listen()?;
    let means = Means::of_terminal();
    if let Some(load) = &load {
        say(&format!("{}, before the command and as long after it.", load.budget));
    }
    let before = tokio::select! {
        measured = measure(args, test, &means) => measured,
        code = asked.any() => return Ok(code),
    };
    let (started_at, started) = (clock::now(), Instant::now());
    let mut command = Command::new(&args.command[0]);
    let code = match start(command.args(&args.command[1..])) {
        Ok(child) => asked.accompany(child).await?.0,
        // It could not be started, which is told as any other end of it.
        Err(code) => code,
    };
    let took_ms = started.elapsed().as_millis() as u64;
    let after = tokio::select! {
        measured = measure(args, test, &means) => measured,
        // Whoever does not want to wait knows less, and the command is over anyway.
        _ = asked.any() => Measured { at: clock::now(), ..Measured::default() },
    };
    let name = args.name.as_deref().map(|name| on_a_line(name, NAME_MAX_CHARS));
    let name = name.unwrap_or_else(|| written(&args.command, NAME_MAX_CHARS));
    let host = on_a_line(&args.host, TEXT_MAX_CHARS);
    let around = Around { name, host, started_at, took_ms, exit_code: code, before, after };
    say(&around.line());
    if let Some(why) = csv.and_then(|csv| csv.append(&around.csv_rows()).err()) {
        say(&format!("--csv: {why}"));
    }
    tokio::select! {
        () = tell(&hub, is_named, &around) => {}
        _ = asked.any() => {}
    }
    Ok(code)
}

/// A test of throughput.
struct Load {
    check: Check,
    /// What it takes at most, in words.
    budget: String,
}

/// The test of throughput that was asked for.
fn load(args: &AroundArgs) -> anyhow::Result<Option<Load>> {
    let (family, duration_ms) = (args.family.family(), args.time.as_millis() as u64);
    let (protocol, direction, streams, rate_bps) = (Protocol::Tcp, Direction::Up, 1, 0);
    if let Some(place) = &args.iperf {
        let (host, port) = place_of(place, Some(IPERF_PORT), "--iperf")?;
        let warm_up_ms = 0;
        let spec = IperfSpec { host, family, port, protocol, direction, streams, duration_ms, warm_up_ms, rate_bps };
        spec.check().map_err(|(field, why)| anyhow!("--iperf: {field} {why}"))?;
        return Ok(Some(Load { budget: spec.budget_words(), check: Check::Iperf3(spec) }));
    }
    let Some(place) = &args.throughput else { return Ok(None) };
    let (host, port) = place_of(place, None, "--throughput")?;
    let ticket = args.ticket.clone().unwrap_or_default();
    if !wire::is_ticket(&ticket) {
        bail!("--ticket: this is none; take the one that netloom throughput serve was started with");
    }
    let spec = ThroughputSpec {
        host,
        family,
        port,
        ticket,
        protocol,
        direction,
        streams,
        duration_ms,
        // A quarter of the test: long enough for TCP to find its rate.
        warm_up_ms: (duration_ms / 4).min(WARM_UP_MAX_MS),
        // The time is the limit.
        bytes_max: BYTES_ANY,
        rate_bps,
    };
    spec.check().map_err(|(field, why)| anyhow!("--throughput: {field} {why}"))?;
    Ok(Some(Load { budget: spec.budget_words(), check: Check::Throughput(spec) }))
}

/// `HOST`, `HOST:PORT`, `[IPV6]:PORT`, or an address of IPv6 alone.
fn place_of(text: &str, usual: Option<u16>, flag: &str) -> anyhow::Result<(String, u16)> {
    let is_address = text.parse::<std::net::Ipv6Addr>().is_ok();
    let (host, port) = match text.rsplit_once(':').filter(|_| !is_address && !text.ends_with(']')) {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        None => (text, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match port {
        Some(port) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => bail!("{flag}: {text:?} is not of the form HOST:PORT"),
    }
}

/// Probes the host, and measures throughput if asked. What fails is told and left out.
async fn measure(args: &AroundArgs, test: Option<&Check>, means: &Means) -> Measured {
    let at = clock::now();
    let tally = probe(args, means).await.unwrap_or_else(|why| {
        say(&format!("{} was not measured: {why}", args.host));
        Tally::default()
    });
    let throughput_bps = match test {
        Some(test) => throughput(test, args.time, means).await,
        None => None,
    };
    Measured::of(at, &tally, throughput_bps)
}

async fn probe(args: &AroundArgs, means: &Means) -> Result<Tally, String> {
    /// The payload of a plain `ping`.
    const PAYLOAD_BYTES: u16 = 56;
    let (family, tcp, port, payload_bytes) = (args.family.family(), args.tcp, args.port, PAYLOAD_BYTES);
    let wish = Wish { host: &args.host, family, tcp, port, payload_bytes };
    let aim = Aim::at(&wish, means).await.map_err(|finding| why_not(&finding))?;
    let length_ms = (args.interval.as_millis() as u64).max(1).saturating_mul(u64::from(args.count));
    let plan = Plan {
        duration_ms: length_ms,
        interval_ms: length_ms,
        packets: args.count,
        timeout_ms: (args.timeout.as_millis() as u64).max(1),
        payload_bytes: aim.payload_bytes(),
    };
    let book = rounds::run(&aim, plan, &CancellationToken::new(), |_| {}).await.book;
    let tally = book.summary();
    match book.newest_cause() {
        Some(cause) if tally.sent == 0 => Err(cause.to_owned()),
        _ => Ok(tally),
    }
}

async fn throughput(test: &Check, time: Duration, means: &Means) -> Option<f64> {
    let finding = check::run(test, means, time * 2 + THROUGHPUT_EXTRA, &|_| ()).await;
    let bps = finding.value("throughput_bps").or_else(|| finding.value("throughput_up_bps"));
    if bps.is_none() {
        say(&format!("throughput was not measured: {}", why_not(&finding)));
    }
    bps
}

/// A line on standard error, if anybody listens there: the exit code is that of the command in any case.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "netloom: {line}");
}

/// Has the hub note it, if there is one. That nobody runs one on this machine is nothing to tell.
async fn tell(hub: &Hub, is_named: bool, around: &Around) {
    let named = std::env::var("NETLOOM_NODE").ok();
    let node = config::node_name(named.as_deref()).unwrap_or_default();
    let told = tokio::time::timeout(HUB_LIMIT, hub.mark(&around.mark(&node))).await;
    let why = match told {
        Ok(Ok(())) => return,
        Ok(Err(CallError::Away(why))) if !is_named && why.contains("refused") => return,
        Ok(Err(why)) => why.to_string(),
        Err(_) => format!("no answer within {} s", HUB_LIMIT.as_secs()),
    };
    say(&format!("not noted by a hub at {}: {why}", hub.url()));
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        cli::{Cli, Command},
        probe::throughput::far::{FarEnd, Offer},
    };

    const TICKET: &str = "0123456789abcdef";

    fn parsed(line: &str) -> Result<AroundArgs, String> {
        let words = ["netloom", "around", "--host", "h"].into_iter().chain(line.split(' ')).chain(["--", "true"]);
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Around(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_test_of_throughput_that_cannot_be_is_refused_before_anything_runs() {
        let why = |line: &str| parsed(line).and_then(|args| load(&args).map(|_| ()).map_err(|why| why.to_string()));
        assert!(why("--throughput nas:1").is_err_and(|why| why.contains("--ticket")));
        assert!(why("--throughput nas:1 --ticket short").is_err_and(|why| why.contains("--ticket")));
        let ticket = format!("--throughput nas:1 --ticket {TICKET}");
        for (line, flag) in [(&*ticket, "--throughput"), ("--iperf nas", "--iperf")] {
            assert!(why(&format!("{line} -t 2h")).is_err_and(|why| why.contains(flag)), "{line}");
            assert_eq!(why(&format!("{line} -t 30m")), Ok(()));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn throughput_is_measured_with_another_machine_of_netloom() {
        let mut far = FarEnd::bind(Some("127.0.0.1:0".parse().expect("an address"))).expect("listens");
        let line = format!("--throughput {} --ticket {TICKET} -t 0.2", far.address());
        let args = parsed(&line).expect("is right");
        let load = load(&args).expect("is right").expect("a test");
        let (within, longest) = (Duration::from_mins(1), Duration::from_mins(1));
        let offer = Offer { ticket: TICKET.into(), within, longest, bytes_max: u64::MAX };
        let served = tokio::spawn(async move { far.serve(&offer).await });
        let measured = throughput(&load.check, args.time, &Means::new()).await;
        assert!(measured.is_some_and(|bps| bps > 0.0), "{measured:?}");
        served.await.expect("no panic").expect("a test");
        assert!(load.budget.ends_with("for 0.25 s, as much as fits"), "{}", load.budget);
    }

    #[test]
    fn places_of_tests_are_read_with_and_without_a_port() {
        let place = |text| place_of(text, Some(5201), "--iperf").ok();
        let known = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(place("nas"), known("nas", 5201));
        assert_eq!(place("nas:5202"), known("nas", 5202));
        assert_eq!(place("2001:db8::1"), known("2001:db8::1", 5201));
        assert_eq!(place("[2001:db8::1]:80"), known("2001:db8::1", 80));
        assert_eq!(place("[2001:db8::1]"), known("2001:db8::1", 5201));
        for wrong in ["", ":80", "nas:", "nas:0", "nas:70000", "nas:x"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
        assert!(place_of("nas", None, "--throughput").is_err());
    }
}
