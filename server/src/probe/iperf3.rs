//! Throughput to a server of iperf3, by the program that is installed.

use std::{
    io,
    pin::pin,
    process::Stdio,
    time::{Duration, Instant},
};

use netloom_core::{
    check::{
        Finding, Outcome, Phase, Progress,
        throughput::{IperfSpec, ThroughputResult, iperf},
    },
    metric,
    settings::active::is_program,
    unit::Unit,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::throughput::{admit, report};
use crate::check::{Means, Told, address_of};

/// What the program may print at most, bytes: the report of an hour with sixteen streams is a tenth of it.
const OUTPUT_MAX_BYTES: u64 = 64 << 20;
/// What is read of its complaints, bytes.
const COMPLAINT_MAX_BYTES: u64 = 4 * 1_024;
/// How long it may take beyond its test: connecting, agreeing, and telling the results.
const AROUND: Duration = Duration::from_secs(10);
/// How long it has to print its report once it was interrupted. It asks nobody for that.
const STOP_LIMIT: Duration = Duration::from_secs(1);
/// How far apart both learn of Ctrl-C at most: a terminal interrupts everything in its foreground. A second interrupt could
/// cut its report short.
const STOP_GRACE: Duration = Duration::from_millis(100);
/// A result of at least this part of the rate that it was held to may be that rate and not that of the network.
const HELD_RATIO: f64 = 0.95;
/// How often somebody is told how far it is. It prints its report in the end, so that is all there is to tell.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

const CURE_INSTALL: &str = "install iperf3 3.12 or newer on this machine, or set active.iperf3 to its path";

/// Runs the check.
pub async fn check(spec: &IperfSpec, means: &Means, told: Told<'_>) -> Finding {
    if let Err((field, why)) = spec.check() {
        return Finding::failed(Phase::Prepare, format!("{field} {why}"), "ask for a test within these bounds");
    }
    let active = (means.active)();
    let (spec, held_bps) = spec.clone().within(active.most_bytes());
    let (time_ms, bytes) = spec.budget();
    let _turn = match admit(means, time_ms, bytes.unwrap_or(0), None).await {
        Ok(turn) => turn,
        Err(finding) => return finding,
    };
    let mut finding = Finding::new(Outcome::Reply);
    if let Err(outcome) = run(&spec, &active.iperf3, means, &mut finding, told).await {
        finding.outcome = outcome;
    }
    let found_bps = finding.value(metric::THROUGHPUT_BPS);
    if let (Some(held_bps), Some(found_bps)) = (held_bps, found_bps)
        && found_bps > held_bps as f64 * HELD_RATIO
    {
        let (held, most_mb) = (Unit::BitsPerSecond.figure(held_bps as f64), active.most_mb);
        finding.note(format!("held to {held}, so that it sends no more than {most_mb} MB: see active.most_mb"));
    }
    finding
}

fn failed(phase: Phase, cause: impl Into<String>, cure: &str) -> Outcome {
    Outcome::Failed { phase, cause: cause.into(), cure: cure.to_owned() }
}

async fn run(
    spec: &IperfSpec,
    program: &str,
    means: &Means,
    finding: &mut Finding,
    told: Told<'_>,
) -> Result<(), Outcome> {
    let began = Instant::now();
    let address = tokio::select! {
        biased;
        // Who was stopped before begins nothing.
        () = means.stop.cancelled() => return Err(stopped()),
        address = address_of(&spec.host, spec.family) => address,
    };
    finding.phase(Phase::Resolve, us_since(began));
    let address = address.map_err(|finding| finding.outcome)?;
    finding.address = Some(address);
    let mut child = start(program, &iperf::arguments(spec, &address.to_string()))?;
    let began = Instant::now();
    let lasts = Duration::from_millis(spec.budget().0);
    let printed = printed(&mut child, lasts, told, &means.stop).await;
    // Dropped, it is killed: also when nobody waits for the check any more.
    drop(child);
    let took_us = us_since(began);
    let Some((printed, complaint)) = printed else {
        finding.phase(Phase::Transfer, took_us);
        if means.stop.is_cancelled() {
            return Err(stopped());
        }
        let cause = format!("iperf3 did not end within {} s", (lasts + AROUND).as_secs());
        let cure = "let a firewall on the way pass its port, and look whether its server hangs";
        return Err(failed(Phase::Transfer, cause, cure));
    };
    let mut result = iperf::parse(&printed, spec);
    // The terminal may have interrupted it before this program learns that it was meant, too.
    if result.is_err() && timeout(STOP_GRACE, means.stop.cancelled()).await.is_ok() {
        let part = iperf::parse_part(&printed, spec).ok_or_else(stopped)?;
        finding.note(until_stopped(&part, lasts));
        result = Ok(part);
    }
    finding.phase(result.as_ref().map_or_else(|error| error.phase, |_| Phase::Transfer), took_us);
    let result = result.map_err(|error| {
        // An older one does not know its letters and complains instead.
        let cause = if complaint.is_empty() { error.cause } else { format!("{}: {complaint}", error.cause) };
        failed(error.phase, cause, error.cure)
    })?;
    report(finding, result);
    Ok(())
}

fn stopped() -> Outcome {
    Outcome::Skipped { why: "the test was stopped".into() }
}

/// What a part of a result is worth.
fn until_stopped(part: &ThroughputResult, lasts: Duration) -> String {
    let measured = part.up.as_ref().or(part.down.as_ref()).map_or(0.0, |flowed| flowed.duration_ms / 1e3);
    let sent = if part.up.is_some() { ": upwards, what was sent is counted, not what arrived" } else { "" };
    format!("iperf3 was stopped after {measured:.1} s of {} s{sent}", lasts.as_secs())
}

fn us_since(began: Instant) -> f64 {
    began.elapsed().as_nanos() as f64 / 1e3
}

fn start(program: &str, arguments: &[String]) -> Result<Child, Outcome> {
    if !is_program(program) {
        return Err(failed(Phase::Prepare, format!("{program:?} is not the program iperf3"), CURE_INSTALL));
    }
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().map_err(|error| {
        let cause = match error.kind() {
            io::ErrorKind::NotFound => format!("{program} is not installed"),
            _ => format!("cannot run {program}: {error}"),
        };
        failed(Phase::Prepare, cause, CURE_INSTALL)
    })
}

/// What it prints until it ends, or until somebody wants what there is: it is interrupted then, and prints its report. `None`
/// when it does not end in time.
async fn printed(
    child: &mut Child,
    lasts: Duration,
    told: Told<'_>,
    stop: &CancellationToken,
) -> Option<(String, String)> {
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    let mut output = pin!(output(child, lasts, told));
    tokio::select! {
        printed = timeout(lasts + AROUND, &mut output) => return printed.ok(),
        () = stop.cancelled() => {}
    }
    if let Ok(printed) = timeout(STOP_GRACE, &mut output).await {
        return Some(printed);
    }
    // Fails only for one that has ended in this moment.
    let _ = pid.map(|pid| kill_process(pid, Signal::INT));
    timeout(STOP_LIMIT, output).await.ok()
}

/// What it prints until it ends, and the first line of what it complains about.
async fn output(child: &mut Child, lasts: Duration, told: Told<'_>) -> (String, String) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut reading = pin!(async { tokio::join!(text(stdout, OUTPUT_MAX_BYTES), text(stderr, COMPLAINT_MAX_BYTES)) });
    let began = Instant::now();
    let mut ticks = interval(TELL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            (printed, complaint) = &mut reading => {
                return (printed, complaint.lines().next().unwrap_or_default().trim().to_owned());
            }
            _ = ticks.tick() => {
                let done_ratio = (began.elapsed().as_secs_f64() / lasts.as_secs_f64()).min(1.0);
                told(Progress { done_ratio, figures: Vec::new() });
            }
        }
    }
}

async fn text(from: Option<impl AsyncRead + Unpin>, most: u64) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What was read before it broke is what there is.
        let _ = from.take(most).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
