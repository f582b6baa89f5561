//! The way of packets, hop by hop: probes with few hops to live, and what routers say of them.
//!
//! On Linux the kernel hands everybody what is said of his own packets, so UDP and TCP need no privilege; echoes need one
//! where the system does not let everybody send them. Which probe goes when is decided in core.

#[cfg(target_os = "linux")]
mod line;
#[cfg(target_os = "linux")]
pub(in crate::probe) mod queue;
#[cfg(target_os = "linux")]
mod run;

use std::{io, net::SocketAddr};

#[cfg(target_os = "linux")]
pub(in crate::probe) use self::line::send_despite;

use netloom_core::{
    check::{Detail, Finding, Outcome, Phase, path::PathTrace, spec::PathSpec},
    probe::ProbeMode,
};

use super::steps::Steps;
use crate::check::{Means, Told};

/// Runs the check.
pub async fn check(spec: &PathSpec, _means: &Means, _told: Told<'_>) -> Finding {
    let mut steps = Steps::start();
    let address = match steps.resolve(&spec.host, spec.family).await {
        Ok(address) => address,
        Err(failed) => return failed,
    };
    let finding = trace(spec, SocketAddr::new(address, spec.port), &mut steps).await;
    steps.close_last(finding)
}

#[cfg(target_os = "linux")]
async fn trace(spec: &PathSpec, to: SocketAddr, steps: &mut Steps) -> Finding {
    use netloom_core::check::path::tracer::{FLOWS_MAX, Wanted};

    let aim = line::Aim { to, flows: spec.flows.clamp(1, FLOWS_MAX) };
    let wanted = Wanted {
        flows: aim.flows,
        probes: spec.probes,
        hops_max: spec.hops_max,
        timeout_us: spec.timeout_ms.max(1) * 1_000,
        one_at_a_time: false,
    };
    let mode = spec.mode;
    let line = match line::open(mode, aim) {
        Ok(line) => line,
        Err(error) => return refused(mode, &error),
    };
    steps.end(Phase::Prepare);
    // A thread waits more exactly than a runtime, on which others have their turn.
    let ran = tokio::task::spawn_blocking(move || run::run(line, wanted, mode, aim)).await;
    match ran {
        Ok(Ok(seen)) => {
            let mut finding = found(seen.trace);
            if seen.unclear > 0 {
                let word =
                    "answers told too little to be sure of their hop, and were put in the order in which they came";
                finding.note(format!("{} {word}.", seen.unclear));
            }
            finding
        }
        Ok(Err(error)) => unsent(&error),
        Err(error) => Finding::failed(Phase::Transfer, error.to_string(), ""),
    }
}

/// Elsewhere no program is told what routers say, unless it may read everything.
#[cfg(not(target_os = "linux"))]
async fn trace(_spec: &PathSpec, _to: SocketAddr, _steps: &mut Steps) -> Finding {
    const CURE: &str = "trace from an agent on Linux, or with the system's own traceroute";
    Finding::failed(Phase::Prepare, "this system does not tell programs what routers say", CURE)
}

/// Why the sockets cannot be opened.
pub(in crate::probe) fn refused(mode: ProbeMode, error: &io::Error) -> Finding {
    const CURE_ICMP: &str = "trace over UDP or TCP, which everybody may; or let the system's users send echoes \
                             (sysctl net.ipv4.ping_group_range), or give the program CAP_NET_RAW";
    match error.kind() {
        io::ErrorKind::PermissionDenied if mode == ProbeMode::Icmp => {
            Finding::failed(Phase::Prepare, "ICMP is not permitted", CURE_ICMP)
        }
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::AddrNotAvailable => {
            unsent(error)
        }
        _ => Finding::failed(Phase::Prepare, format!("no socket for {}: {error}", mode.label()), ""),
    }
}

/// Why nothing could be sent.
pub(in crate::probe) fn unsent(error: &io::Error) -> Finding {
    let cure = match error.kind() {
        io::ErrorKind::NetworkUnreachable => {
            "give this machine a route there: look at `ip route` and the default gateway"
        }
        io::ErrorKind::HostUnreachable => "look whether the gateway, or the host in the same network, is up",
        io::ErrorKind::PermissionDenied => "let such packets out in this machine's own firewall",
        io::ErrorKind::AddrNotAvailable => "give this machine an address of that version of IP",
        _ => "",
    };
    Finding::failed(Phase::Send, error.to_string(), cure)
}

/// What a trace means.
fn found(trace: PathTrace) -> Finding {
    let mut finding = Finding::new(outcome(&trace));
    if trace.is_reached {
        let ends = trace.flows.iter().filter_map(|flow| flow.hops.last());
        // A flow that was lost on the way may have more hops than it takes.
        let at_host = ends.filter(|hop| hop.address == Some(trace.address));
        let longest = at_host.clone().map(|hop| hop.ttl).max();
        let longest = longest
            .unwrap_or_else(|| trace.flows.iter().flat_map(|flow| &flow.hops).map(|hop| hop.ttl).max().unwrap_or(0));
        finding.figure("path_hops", f64::from(longest));
        let mut rtts: Vec<f64> = at_host.filter_map(|hop| hop.rtt_us).collect();
        rtts.sort_by(f64::total_cmp);
        if let Some(rtt_us) = rtts.get(rtts.len().saturating_sub(1) / 2) {
            finding.figure("path_rtt_us", *rtt_us);
        }
    }
    finding.figure("path_flows", different_ways(&trace) as f64);
    if !trace.is_reached && matches!(finding.outcome, Outcome::Lost) {
        finding.note(last_words(&trace));
    }
    finding.detail = Some(Detail::Path(trace));
    finding
}

fn outcome(trace: &PathTrace) -> Outcome {
    if trace.is_reached {
        return Outcome::Reply;
    }
    let mut ends = trace.flows.iter().filter_map(|flow| flow.hops.last()).filter(|hop| !hop.refusal.is_empty());
    let Some(hop) = ends.next() else { return Outcome::Lost };
    let who = hop.address.map(|address| address.to_string()).unwrap_or_default();
    let cause = format!("{who} at hop {} says: {}", hop.ttl, hop.refusal);
    let cure = if hop.refusal.contains("prohibited") || hop.refusal == "port unreachable" {
        "let these packets through in the firewall there, or trace with another kind of probe"
    } else {
        "look at the routes of that machine, and whether the host is up"
    };
    Outcome::Failed { phase: Phase::Wait, cause, cure: cure.to_owned() }
}

fn last_words(trace: &PathTrace) -> String {
    let answered = trace.flows.iter().flat_map(|flow| &flow.hops).filter(|hop| hop.address.is_some());
    let Some(last) = answered.max_by_key(|hop| hop.ttl) else {
        return "Nobody on the way answered, not even the first hop.".to_owned();
    };
    let who = last.address.map(|address| address.to_string()).unwrap_or_default();
    format!("The last answer is that of {who} at hop {}; nothing beyond it says anything.", last.ttl)
}

/// How many different ways the flows took. Hops that are silent in one of two ways make them no different.
fn different_ways(trace: &PathTrace) -> usize {
    let mut ways: Vec<&netloom_core::check::path::Flow> = Vec::new();
    for flow in trace.flows.iter().filter(|flow| !flow.hops.is_empty()) {
        let is_same = |other: &&netloom_core::check::path::Flow| {
            flow.hops
                .iter()
                .zip(&other.hops)
                .all(|(one, two)| one.address.is_none() || two.address.is_none() || one.address == two.address)
        };
        if !ways.iter().any(is_same) {
            ways.push(flow);
        }
    }
    ways.len()
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
