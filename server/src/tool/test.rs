//! `netloom test`: pings in rounds, with a line for each, and keeps what was found.

mod files;

use std::time::Duration;

use anyhow::{anyhow, bail};
use netloom_core::{
    check::{Check, Finding, Outcome, Progress, throughput::IperfSpec},
    test_result::{FORMAT, Plan, TestResult, VERSION, percent, throughput_words},
    time::Timestamp,
};
use tokio_util::sync::CancellationToken;

use self::files::Files;
use super::{
    aim::{Aim, Wish},
    rounds::{self, Ran},
    screen::Screen,
    stop, why_not,
};
use crate::{
    check::{self, Means},
    cli::TestArgs,
    clock, exit,
};

/// The exit code of `ping` when nothing answered.
const EXIT_NO_REPLY: u8 = 1;
/// Probes of one test at most: what a file may hold that people open, a probe a second for eleven days.
const PROBES_MAX: u64 = 1_000_000;
/// Between two probes at least, ms: what is faster is a flood.
const SPACING_MIN_MS: f64 = 1.0;

/// Tests, and returns the exit code that `ping` would give.
///
/// # Errors
/// When it cannot be done.
pub async fn run(args: &TestArgs) -> anyhow::Result<u8> {
    let mut plan = plan(args)?;
    let load = args.iperf.then(|| args.iperf_args.spec(&args.host, args.family.family())).transpose();
    let load = load.map_err(|why| anyhow!("iperf3: {why}"))?;
    let stop = stop::on_signal()?;
    let files = args.report.output.as_deref().map(Files::prepare).transpose()?;
    let means = Means { stop: stop.clone(), ..Means::of_terminal() };
    let payload_bytes = args.size;
    let (family, tcp, port) = (args.family.family(), args.tcp, args.port);
    let wish = Wish { host: &args.host, family, tcp, port, payload_bytes };
    let aim = tokio::select! {
        aim = Aim::at(&wish, &means) => aim.map_err(|finding| anyhow!(why_not(&finding)))?,
        () = stop.cancelled() => return Ok(EXIT_NO_REPLY),
    };
    plan.payload_bytes = aim.payload_bytes();
    let screen = Screen::new(plan.probes(), args.report.json);
    screen.say(&head(&aim, plan));
    aim.note.iter().for_each(|note| screen.note(&format!("netloom: {note}")));
    let mut ran = ping(&aim, plan, args.report.quiet, &screen, &stop).await;
    let throughput = match load {
        Some(spec) => Some(iperf(spec, &means, &screen).await),
        None => None,
    };
    // What was stopped while iperf3 ran is not complete either.
    ran.is_complete &= !(args.iperf && stop.is_cancelled());
    let result = result(args, &aim, plan, ran, throughput);
    screen.clear();
    tell(&result, &screen);
    let written = files.map(|files| files.write(&result, &screen));
    if args.report.json {
        screen.result(&serde_json::to_string_pretty(&result)?)?;
    }
    if let Some(written) = written.transpose()? {
        screen.say(&format!("written: {}", written.join(", ")));
    }
    Ok(exit_code(&result))
}

/// What was asked for, within bounds.
fn plan(args: &TestArgs) -> anyhow::Result<Plan> {
    let ms = |duration: Duration| (duration.as_millis() as u64).max(1);
    let plan = Plan {
        duration_ms: ms(args.duration),
        interval_ms: ms(args.interval),
        packets: args.packets,
        timeout_ms: ms(args.timeout),
        payload_bytes: None,
    };
    if plan.probe_at_ms(1) < SPACING_MIN_MS {
        bail!("{} probes every {} ms are a flood: one a millisecond at most", plan.packets, plan.interval_ms);
    }
    if plan.probes() > PROBES_MAX {
        bail!("{} probes are too many for one test: {PROBES_MAX} at most", plan.probes());
    }
    Ok(plan)
}

/// What is about to be done.
fn head(aim: &Aim, plan: Plan) -> String {
    let target = &aim.target;
    let how = match (aim.port(), plan.payload_bytes) {
        (Some(port), _) => format!("TCP handshakes with port {port}"),
        (None, bytes) => format!("ICMP with {} bytes", bytes.unwrap_or(0)),
    };
    let (interval, duration) = (plan.interval_ms as f64 / 1e3, plan.duration_ms as f64 / 1e3);
    let Plan { packets, .. } = plan;
    format!("TEST {} ({}): {packets} probes every {interval} s for {duration} s, {how}", target.name, target.address)
}

/// Sends all probes, and tells every round.
async fn ping(aim: &Aim, plan: Plan, is_quiet: bool, screen: &Screen, stop: &CancellationToken) -> Ran {
    let mut done = 0;
    rounds::run(aim, plan, stop, |book| {
        done += 1;
        screen.show(done, "pinging".to_owned());
        while let Some((round, tally)) = book.next_whole() {
            if !is_quiet {
                // It is looked for among all probes.
                let cause = if tally.failed > 0 { book.newest_cause() } else { None };
                let cause = cause.map_or(String::new(), |cause| format!(" ({cause})"));
                let times = tally.rtt_words().map_or(String::new(), |words| format!(", rtt min/avg/max/mdev {words}"));
                let (of, words) = (plan.rounds(), tally.loss_words());
                screen.say(&format!("{} round {round}/{of}: {words}{cause}{times}", time_of_day(clock::now())));
            }
        }
        if screen.is_gone() {
            stop.cancel();
        }
    })
    .await
}

/// `22:13:20Z`.
fn time_of_day(at: Timestamp) -> String {
    at.to_string().get(11..19).map(|time| format!("{time}Z")).unwrap_or_default()
}

/// Runs iperf3, after the pings and never beside them.
async fn iperf(spec: IperfSpec, means: &Means, screen: &Screen) -> Finding {
    if means.stop.is_cancelled() {
        return Finding::new(Outcome::Skipped { why: "the test was stopped".into() });
    }
    let limit = Duration::from_millis(spec.longest_ms());
    screen.say(&format!("iperf3: {}.", spec.budget_words()));
    let moved = screen.part("iperf3");
    let told = move |progress: Progress| moved(progress.done_ratio);
    check::run(&Check::Iperf3(spec), means, limit, &told).await
}

fn result(args: &TestArgs, aim: &Aim, plan: Plan, ran: Ran, throughput: Option<Finding>) -> TestResult {
    let mut notes: Vec<String> = aim.note.iter().cloned().collect();
    if ran.on_the_way > 0 {
        let words = "were on their way when the test was stopped and are not counted";
        notes.push(format!("{} probes {words}", ran.on_the_way));
    }
    let Ran { book, started_at, ended_at, is_complete, .. } = ran;
    notes.extend(book.newest_cause().map(|cause| format!("probes could not be sent: {cause}")));
    TestResult {
        format: FORMAT.into(),
        version: VERSION,
        netloom: env!("CARGO_PKG_VERSION").into(),
        node: sysinfo::System::host_name().unwrap_or_default(),
        host: args.host.clone(),
        address: aim.target.address,
        mode: aim.mode(),
        port: aim.port(),
        started_at,
        ended_at,
        is_complete,
        plan,
        summary: book.summary(),
        rounds: book.rounds(started_at),
        throughput,
        notes,
    }
}

/// The summary, in the words of `ping`, so that what reads those reads these.
fn tell(result: &TestResult, screen: &Screen) {
    let sum = &result.summary;
    let errors = if sum.failed > 0 { format!(", +{} errors", sum.failed) } else { String::new() };
    let loss = sum
        .loss_ratio
        .map_or(String::new(), |ratio| format!(", {}% packet loss", percent(ratio).trim_end_matches(" %")));
    let took_ms = result.ended_at.ms() - result.started_at.ms();
    screen.say("");
    screen.say(&format!("--- {} test statistics ---", result.host));
    let (sent, received) = (sum.sent, sum.received);
    screen.say(&format!("{sent} packets transmitted, {received} received{errors}{loss}, time {took_ms}ms"));
    if let Some(words) = sum.rtt_words() {
        screen.say(&format!("rtt min/avg/max/mdev = {words}"));
    }
    if let Some(finding) = &result.throughput {
        match &finding.outcome {
            Outcome::Reply => screen.say(&format!("throughput by iperf3: {}", throughput_words(finding))),
            _ => screen.note(&format!("netloom: no throughput by iperf3: {}", why_not(finding))),
        }
        finding.notes.iter().for_each(|note| screen.note(&format!("netloom: {note}")));
    }
    for note in result.notes.iter().filter(|_| sum.sent == 0 || !result.is_complete) {
        screen.note(&format!("netloom: {note}"));
    }
}

fn exit_code(result: &TestResult) -> u8 {
    let sum = &result.summary;
    let is_stopped = |finding: &Finding| matches!(finding.outcome, Outcome::Skipped { .. }) && !result.is_complete;
    let is_bad = |finding: &Finding| finding.outcome != Outcome::Reply && !is_stopped(finding);
    if (sum.sent == 0 && sum.failed > 0) || result.throughput.as_ref().is_some_and(is_bad) {
        exit::ERROR
    } else if sum.received == 0 {
        EXIT_NO_REPLY
    } else {
        exit::FINE
    }
}
