//! The phases of a check, timed one after the other.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use netloom_core::check::{Finding, Outcome, Phase, PhaseTime, spec::Family};

use crate::check::address_of;

/// Notes how long each phase took, and puts that into the finding, however it ends.
pub(super) struct Steps {
    phases: Vec<PhaseTime>,
    since: Instant,
    /// What is checked, once it is known.
    pub(super) address: Option<IpAddr>,
}

impl Steps {
    pub(super) fn start() -> Self {
        Self { phases: Vec::new(), since: Instant::now(), address: None }
    }

    /// A phase has ended; the next one begins.
    pub(super) fn end(&mut self, phase: Phase) -> Duration {
        let now = Instant::now();
        self.end_at(phase, now)
    }

    /// A phase ended at this moment, and the next one began.
    pub(super) fn end_at(&mut self, phase: Phase, at: Instant) -> Duration {
        let took = at.saturating_duration_since(self.since);
        self.phases.push(PhaseTime { phase, us: us(took) });
        self.since = at.max(self.since);
        took
    }

    /// Looks the host up, as a phase of its own.
    ///
    /// # Errors
    /// The finding that says why it has no address.
    pub(super) async fn resolve(&mut self, host: &str, family: Family) -> Result<IpAddr, Finding> {
        let found = address_of(host, family).await;
        self.end(Phase::Resolve);
        let address = found.map_err(|failed| self.close(failed))?;
        self.address = Some(address);
        Ok(address)
    }

    /// A phase has failed, and the check with it.
    pub(super) fn fail(&mut self, phase: Phase, cause: impl Into<String>, cure: impl Into<String>) -> Finding {
        self.end(phase);
        self.close(Finding::failed(phase, cause, cure))
    }

    /// The finding with all phases; what has no phase yet was that in which it failed, or waiting.
    pub(super) fn close_last(&mut self, finding: Finding) -> Finding {
        self.end(match &finding.outcome {
            Outcome::Failed { phase, .. } => *phase,
            _ => Phase::Wait,
        });
        self.close(finding)
    }

    /// The finding with all phases.
    pub(super) fn close(&mut self, mut finding: Finding) -> Finding {
        finding.phases = std::mem::take(&mut self.phases);
        finding.address = finding.address.or(self.address);
        finding
    }
}

/// A duration as figures are told.
pub(super) fn us(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

/// A duration for people.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
