//! Fetches errands when the hub says that some wait, and tells the hub what came of them. On a connection of its own: what
//! people wait for must not stand behind what was spooled.

use std::time::Duration;

use hyper::Method;
use netloom_core::{
    errand::{Numbered, Report},
    schedule::backoff_ms,
    uplink::REPORTS_MAX,
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

impl RemoteUplink {
    /// Fetches errands whenever the hub says that some wait.
    pub(super) async fn fetch_errands(&self, client: &Client, given: mpsc::Sender<Numbered>) {
        let mut newest = self.errands.subscribe();
        let mut fetched = 0;
        let mut attempt = 0;
        while newest.wait_for(|newest| *newest > fetched).await.is_ok() {
            // What is told while the hub answers may have come after it looked.
            let told = *newest.borrow();
            let asked = async {
                let answer = client.call(Method::GET, "/uplink/v1/errands", Vec::new(), LIMIT).await?;
                read::<Vec<Numbered>>(&answer.body)
            };
            match asked.await {
                Ok(errands) => {
                    attempt = 0;
                    fetched = errands.iter().map(|given| given.errand).max().unwrap_or(0).max(told);
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
            let Ok(body) = serde_json::to_vec(&some) else {
                some.clear();
                continue;
            };
            some.clear();
            let mut attempt = 0;
            loop {
                match client.call(Method::POST, "/uplink/v1/reports", body.clone(), LIMIT).await {
                    Ok(_) => break,
                    Err(CallError::Denied(why)) => return self.deny(&why),
                    Err(CallError::Away(why)) if attempt < ATTEMPTS_MAX => {
                        tracing::debug!(why, "cannot tell what came of an errand");
                        wait(&mut attempt).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "what came of errands is lost");
                        break;
                    }
                }
            }
        }
    }
}

async fn wait(attempt: &mut u32) {
    sleep(Duration::from_millis(backoff_ms(*attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64()))).await;
    *attempt += 1;
}
