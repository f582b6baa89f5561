//! Incidents that jobs raise.

use netloom_core::{
    incident::{Incident, RaiseRequest, TimelineKind, raise::RAISED_OPEN_MAX},
    time::Timestamp,
};

use super::cases::{Cases, Change, Outcome, over, step};

/// Why a job cannot raise an incident, or end one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are too many.
    TooMany,
    /// None is open, and none was lately.
    NoneOpen,
}

impl Cases {
    /// Raises an incident, changes the one that is open, or ends it. `id` gives a new one its number.
    ///
    /// # Errors
    /// When there are too many, or there is none to end.
    pub fn raise(
        &self,
        request: &RaiseRequest,
        who: &str,
        now: Timestamp,
        id: impl FnOnce() -> u64,
    ) -> Result<Outcome, Refusal> {
        let mut raised = self.open.values().filter(|incident| incident.is_raised());
        let open = raised.clone().find(|incident| request.means(incident));
        match (open, request.firing) {
            (Some(open), true) => Ok(self.raised_again(open, request, now)),
            (Some(open), false) => Ok(Outcome::Changed(over(open, open.clone(), now, &format!("Ended by {who}. ")))),
            (None, true) if raised.nth(RAISED_OPEN_MAX - 1).is_some() => Err(Refusal::TooMany),
            (None, true) => {
                let mut incident = request.incident(id(), now);
                let mut steps = vec![step(now, TimelineKind::Fired, format!("Raised by {who}: {}", incident.message))];
                steps.extend(self.lay_quiet(&mut incident, now));
                Ok(Outcome::New(Change { incident, steps, is_news: true }))
            }
            (None, false) => {
                let ended = self.ended.iter().find(|incident| request.means(incident));
                ended.cloned().map(Outcome::Same).ok_or(Refusal::NoneOpen)
            }
        }
    }

    fn raised_again(&self, open: &Incident, request: &RaiseRequest, now: Timestamp) -> Outcome {
        let mut incident = open.clone();
        request.message.trim().clone_into(&mut incident.message);
        incident.severity = request.severity;
        incident.handling.expires_at = request.expires_at(now);
        let steps = self.lay_quiet(&mut incident, now).into_iter().collect();
        if incident == *open {
            return Outcome::Same(incident);
        }
        let is_news = (&incident.message, incident.severity, &incident.handling.silenced_by)
            != (&open.message, open.severity, &open.handling.silenced_by);
        Outcome::Changed(Change { incident, steps, is_news })
    }
}
