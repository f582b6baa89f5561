//! Fetches errands when the hub says that some wait, and tells the hub what came of them. On a connection of its own: what
//! people wait for must not stand behind what was spooled.

use std::time::Duration;

use hyper::Method;
use netloom_core::{
    errand::{Numbered, Report},
    schedule::backoff_ms,
    uplink::{BODY_MAX_BYTES, REPORTS_MAX},
};
use tokio::{sync::mpsc, time::sleep};

use super::{
    RETRY_FIRST_MS, RETRY_MOST_MS, RemoteUplink,
    client::{CallError, Client},
    deliver::read,
};

/// How long the hub may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How often reports are tried before they are dropped: whoever waits for them was told long ago that the node is away.
const ATTEMPTS_MAX: u32 = 8;

/// A body that has this much is sent before more is put in: half of what the hub takes.
const BODY_FULL_BYTES: usize = BODY_MAX_BYTES / 2;

impl RemoteUplink {
    /// Fetches errands whenever the hub says that some wait.
    pub(super) async fn fetch_errands(&self, client: &Client, given: mpsc::Sender<Numbered>) {
        let mut newest = self.errands.subscribe();
        let mut fetched = 0;
        let mut attempt = 0;
        // Any other number than the last one: the clock of a hub that was restarted may have been set back.
        while newest.wait_for(|newest| *newest != 0 && *newest != fetched).await.is_ok() {
            // What is told while the hub answers may have come after it looked.
            let told = *newest.borrow();
            let asked = async {
                let answer = client.call(Method::GET, "/uplink/v1/errands", Vec::new(), LIMIT).await?;
                read::<Vec<Numbered>>(&answer.body)
            };
            match asked.await {
                Ok(errands) => {
                    attempt = 0;
                    fetched = errands.iter().map(|given| given.errand).max().unwrap_or(told);
                    for errand in errands {
                        if given.send(errand).await.is_err() {
                            return;
                        }
                    }
                }
                Err(CallError::Denied(why)) => return self.deny(&why),
                Err(error) => {
                    tracing::debug!(%error, "cannot fetch errands");
                    wait(&mut attempt).await;
                }
            }
        }
    }

    /// Tells the hub what comes of errands, as soon as there is something.
    pub(super) async fn tell_reports(&self, client: &Client, mut reports: mpsc::Receiver<Report>) {
        let mut some = Vec::new();
        while reports.recv_many(&mut some, REPORTS_MAX).await > 0 {
            for body in bodies(&some) {
                if let Err(why) = tell(client, body).await {
                    return self.deny(&why);
                }
            }
            some.clear();
        }
    }
}

/// The reports as bodies of requests. One large finding must not take the others, and the end of its errand, with it.
fn bodies(reports: &[Report]) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for report in reports {
        let Ok(report) = serde_json::to_vec(report) else { continue };
        match bodies.last_mut().filter(|body| body.len() + report.len() < BODY_FULL_BYTES) {
            Some(body) => body.push(b','),
            None => bodies.push(vec![b'[']),
        }
        if let Some(body) = bodies.last_mut() {
            body.extend(report);
        }
    }
    bodies.iter_mut().for_each(|body| body.push(b']'));
    bodies
}

/// Sends one body, several times if need be. `Err` says why the hub will not hear this agent any more.
async fn tell(client: &Client, body: Vec<u8>) -> Result<(), String> {
    let mut attempt = 0;
    loop {
        match client.call(Method::POST, "/uplink/v1/reports", body.clone(), LIMIT).await {
            Ok(_) => return Ok(()),
            Err(CallError::Denied(why)) => return Err(why),
            Err(CallError::Away(why)) if attempt < ATTEMPTS_MAX => {
                tracing::debug!(why, "cannot tell what came of an errand");
                wait(&mut attempt).await;
            }
            Err(error) => {
                tracing::warn!(%error, "what came of errands is lost");
                return Ok(());
            }
        }
    }
}

async fn wait(attempt: &mut u32) {
    sleep(Duration::from_millis(backoff_ms(*attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64()))).await;
    *attempt += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_reports_go_in_bodies_of_their_own() {
        let large = Report::Failed { errand: 1, why: "x".repeat(BODY_FULL_BYTES) };
        let (small, last) = (Report::Done { errand: 2 }, Report::Done { errand: 3 });
        let reports = [small.clone(), large, small, last];
        let bodies = bodies(&reports);
        let read: Vec<Vec<Report>> = bodies.iter().map(|body| serde_json::from_slice(body).expect("JSON")).collect();
        assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2]);
        assert_eq!(read.concat(), reports);
    }
}
