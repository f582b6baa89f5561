//! One question to one name server: asked here and not by the system, so that no cache answers and each server stands for
//! itself.

mod ask;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use netloom_core::check::{
    Detail, Finding, Outcome, Phase,
    address::{defaults, place},
    dns::{Answer, Asked, RecordType, refusal},
    spec::{DnsSpec, Family},
};

use self::ask::{Silence, over_tcp, over_udp};
use super::{
    dial::unreachable,
    steps::{Steps, seconds, us},
};
use crate::check::{Means, Told};

/// Runs the check.
pub async fn check(spec: &DnsSpec, _means: &Means, _told: Told<'_>) -> Finding {
    let mut steps = Steps::start();
    let kind = match RecordType::parse(&spec.record) {
        Ok(kind) => kind,
        Err(cause) => return steps.fail(Phase::Prepare, cause, "correct the type of record"),
    };
    let (asked, (host, port)) = match (Asked::new(fastrand::u16(..), &spec.name, kind), place(&spec.server)) {
        (Ok(asked), Ok(place)) => (asked, place),
        (Err(cause), _) => return steps.fail(Phase::Prepare, cause, "correct the name"),
        (_, Err(cause)) => return steps.fail(Phase::Prepare, cause, "correct the address of the server"),
    };
    let address = match steps.resolve(&host, Family::Any).await {
        Ok(address) => address,
        Err(failed) => return failed,
    };
    let server = SocketAddr::new(address, port.unwrap_or(defaults::DNS_PORT));
    let (begun, timeout) = (Instant::now(), Duration::from_millis(spec.timeout_ms));
    let mut answer = over_udp(&asked, server, begun + timeout).await;
    let is_cut = matches!(&answer, Ok(answer) if answer.is_truncated);
    if is_cut {
        answer = over_tcp(&asked, server, begun + timeout).await;
    }
    let took = begun.elapsed();
    let mut finding = match answer {
        Ok(answer) => {
            steps.end(Phase::Wait);
            let mut finding = judged(&answer, kind);
            finding.figure("dns_lookup_us", us(took));
            let records = answer.records.into_iter().map(|record| (record.data, record.ttl_s)).collect();
            finding.detail = Some(Detail::Answers { status: answer.status, records });
            steps.close(finding)
        }
        Err(silence) => failed(&silence, &mut steps, timeout, is_cut),
    };
    if is_cut {
        finding.note("the answer did not fit into a datagram and was asked for again over TCP");
    }
    finding
}

/// What an answer says of its server.
fn judged(answer: &Answer, kind: RecordType) -> Finding {
    let mut finding = Finding::new(Outcome::Reply);
    match refusal(&answer.status) {
        Some((cause, cure)) => {
            let (cause, cure) = (cause.to_owned(), cure.to_owned());
            finding.outcome = Outcome::Failed { phase: Phase::Wait, cause, cure };
        }
        None if answer.status == "NXDOMAIN" => finding.note("the name does not exist (NXDOMAIN)"),
        None if !answer.records.iter().any(|record| record.code == kind.code()) => {
            finding.note(format!("the name has no record of type {}", kind.word()));
        }
        None => {}
    }
    finding
}

fn failed(silence: &Silence, steps: &mut Steps, timeout: Duration, is_cut: bool) -> Finding {
    match silence {
        Silence::Nothing => {
            steps.end(Phase::Wait);
            let mut finding = Finding::new(Outcome::Lost);
            let over = if is_cut { " over TCP" } else { "" };
            finding.note(format!("the server did not answer{over} within {}", seconds(timeout)));
            steps.close(finding)
        }
        Silence::Closed => {
            let over = if is_cut { "TCP" } else { "UDP" };
            let cause = format!("nothing listens on its port of {over}: it was refused");
            steps.fail(Phase::Wait, cause, "start the name server, or correct its address and port")
        }
        Silence::Unfit(unfit) => {
            let cure = "see what listens there: it is no name server, or something on the way forges answers";
            steps.fail(Phase::Wait, unfit.to_string(), cure)
        }
        Silence::CutOff => {
            let cause = "it closed the connection before its answer was whole";
            steps.fail(Phase::Transfer, cause, "look at the server's log")
        }
        Silence::Error(error) => {
            let (cause, cure) = unreachable(error);
            steps.fail(Phase::Send, cause, cure)
        }
    }
}
