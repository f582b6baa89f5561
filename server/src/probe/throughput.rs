//! Throughput to another node of Netloom. Both ends are here: [`check`] asks for a test, [`far::FarEnd`] is what it is made
//! with.
//!
//! Data goes over blocking threads, one for each stream, which do nothing but move bytes and count them; everything else is
//! agreed on beside it, over a connection of its own. What arrives is counted where it arrives, without the warm-up.

mod control;
mod datagrams;
pub mod far;
mod fault;
mod lanes;
mod near;
mod retransmits;
mod streams;
pub mod turn;

use netloom_core::check::{
    Detail, Finding, Outcome, Phase,
    throughput::{ThroughputResult, ThroughputSpec},
};

use self::turn::{TURN_LIMIT, Turn};
use crate::check::{Means, Told};

/// Runs the check.
pub async fn check(spec: &ThroughputSpec, means: &Means, told: Told<'_>) -> Finding {
    if let Err((field, why)) = spec.check() {
        return Finding::failed(Phase::Prepare, format!("{field} {why}"), "ask for a test within these bounds");
    }
    let budget = spec.budget();
    let _turn = match admit(means, budget.time_ms, budget.bytes, Some(&spec.ticket)).await {
        Ok(turn) => turn,
        Err(finding) => return finding,
    };
    let mut finding = Finding::new(Outcome::Reply);
    match near::run(spec, &mut finding, told).await {
        Ok(result) => report(&mut finding, result),
        Err(fault) => {
            finding.outcome = Outcome::Failed { phase: fault.phase, cause: fault.cause, cure: fault.cure };
        }
    }
    finding
}

/// Lets a test begin: when the settings allow it, and no other runs on this machine. One with a ticket has a far end, which
/// may be here, too.
pub(super) async fn admit(means: &Means, time_ms: u64, bytes: u64, ticket: Option<&str>) -> Result<Turn, Finding> {
    let active = (means.active)();
    if !active.throughput {
        let why = "tests of throughput are switched off: the setting active.throughput allows them".to_owned();
        return Err(Finding::new(Outcome::Skipped { why }));
    }
    active.allows(time_ms, bytes).map_err(|(setting, why)| {
        Finding::failed(Phase::Prepare, why, format!("ask for less, or change the setting {setting}"))
    })?;
    means.throughput.take(TURN_LIMIT, ticket).await.ok_or_else(|| {
        let why = "another test of throughput runs on this machine: try again when it has ended".to_owned();
        Finding::new(Outcome::Skipped { why })
    })
}

/// Puts what came of a test into its finding.
pub(super) fn report(finding: &mut Finding, result: ThroughputResult) {
    for (name, value) in result.figures() {
        finding.figure(name, value);
    }
    finding.detail = Some(Detail::Throughput(Box::new(result)));
}
