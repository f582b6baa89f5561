//! Probes in rounds, each at its time, whether those before it were answered or not.

use std::time::Duration;

use netloom_core::{
    probe::Outcome,
    test_result::{Plan, book::Book},
    time::Timestamp,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::aim::Aim;
use crate::clock;

/// How long answers are waited for once somebody wants the end: what is on its way from the other side of the world.
const LINGER: Duration = Duration::from_millis(500);

/// What came of probes.
pub(super) struct Ran {
    pub(super) book: Book,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Timestamp,
    /// Whether nobody stopped it.
    pub(super) is_complete: bool,
    /// Probes of which nothing is known, because it was stopped.
    pub(super) on_the_way: u64,
}

/// Sends the probes of a plan, and tells the book after each that came back.
pub(super) async fn run(aim: &Aim, plan: Plan, stop: &CancellationToken, mut told: impl FnMut(&mut Book)) -> Ran {
    let (probes, timeout) = (plan.probes(), Duration::from_millis(plan.timeout_ms));
    let (started_at, started) = (clock::now(), Instant::now());
    let (mut book, mut flights, mut next) = (Book::new(plan), JoinSet::new(), 0);
    while next < probes || !flights.is_empty() {
        let due = started + Duration::from_secs_f64(plan.probe_at_ms(next) / 1e3);
        tokio::select! {
            biased;
            // One probe is sent in any case, so that there is something to tell.
            () = stop.cancelled(), if next > 0 => break,
            Some(done) = flights.join_next() => note(&mut book, done, &mut told),
            () = sleep_until(due), if next < probes => {
                let (probe, aim) = (next, aim.clone());
                flights.spawn(async move { (probe, aim.probe(timeout).await) });
                next += 1;
            }
        }
    }
    let is_complete = next == probes && flights.is_empty();
    let end = Instant::now() + LINGER.min(timeout);
    while let Ok(Some(done)) = timeout_at(end, flights.join_next()).await {
        note(&mut book, done, &mut told);
    }
    Ran { book, started_at, ended_at: clock::now().max(started_at), is_complete, on_the_way: flights.len() as u64 }
}

fn note(book: &mut Book, done: Result<(u64, Outcome), tokio::task::JoinError>, told: &mut impl FnMut(&mut Book)) {
    // A probe does not panic, and nobody aborts one.
    if let Ok((probe, outcome)) = done {
        book.note(probe, outcome);
        told(book);
    }
}
