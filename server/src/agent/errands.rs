//! Does what the hub has this node do once. Errands run beside each other, on the thread of the probes; what is heavy goes
//! to threads of its own.

mod check;
mod diagnose;
mod serve;

use std::{collections::HashMap, sync::Arc};

use netloom_core::errand::{Errand, Numbered, Report};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{hub_clock::HubClock, status::StatusBoard};
use crate::check::Means;

/// Errands that wait for the thread of the probes: the hub hands out no more at once.
pub const ERRANDS_MAX: usize = netloom_core::errand::WAITING_MAX;
/// Reports that wait for the uplink. Progress that finds no room is left out.
pub const REPORTS_MAX: usize = 1_024;

/// What the agent's errands need.
pub struct Errands {
    /// What comes from the hub.
    pub given: mpsc::Receiver<Numbered>,
    /// What goes to the hub.
    pub reports: mpsc::Sender<Report>,
    /// What checks share.
    pub means: Arc<Means>,
    /// Where it is noted what is measured.
    pub status: StatusBoard,
    /// The hub's time.
    pub clock: HubClock,
    /// Asks for a round of all targets now; the value is for how long the clock's rounds are left out, ms.
    pub rounds: mpsc::Sender<u64>,
}

impl Errands {
    /// Takes errands until there are no more to come.
    pub async fn run(mut self) {
        let mut running = JoinSet::new();
        let mut stops: HashMap<u64, CancellationToken> = HashMap::new();
        loop {
            tokio::select! {
                given = self.given.recv() => {
                    let Some(Numbered { errand, what }) = given else { return };
                    if let Errand::GiveUp { errand } = what {
                        if let Some(stop) = stops.remove(&errand) {
                            stop.cancel();
                        }
                        continue;
                    }
                    let stop = CancellationToken::new();
                    stops.insert(errand, stop.clone());
                    let task = self.task(errand, what);
                    running.spawn(async move {
                        let given_up = Report::Failed { errand, why: "it was given up".to_owned() };
                        let last = tokio::select! {
                            result = task => match result {
                                Ok(()) => Report::Done { errand },
                                Err(why) => Report::Failed { errand, why },
                            },
                            () = stop.cancelled() => given_up,
                        };
                        (errand, last)
                    });
                }
                Some(ended) = running.join_next() => {
                    let Ok((errand, last)) = ended else { continue };
                    stops.remove(&errand);
                    // Nobody is left to tell when it is closed.
                    let _ = self.reports.send(last).await;
                }
            }
        }
    }

    fn task(&self, errand: u64, what: Errand) -> futures::future::BoxFuture<'static, Result<(), String>> {
        let (reports, means) = (self.reports.clone(), self.means.clone());
        match what {
            Errand::Diagnose(plan) => Box::pin(diagnose::run(errand, plan, means, reports)),
            Errand::Serve { ticket, within_ms, bytes_max } => {
                Box::pin(serve::run(errand, serve::Offer { ticket, within_ms, bytes_max }, means, reports))
            }
            Errand::Check { check } => Box::pin(check::run(errand, check, means, reports)),
            Errand::Round { hold_ms } => {
                let rounds = self.rounds.clone();
                Box::pin(async move { rounds.send(hold_ms).await.map_err(|_| "the probes do not run".to_owned()) })
            }
            Errand::GiveUp { .. } => Box::pin(async { Ok(()) }),
        }
    }
}
