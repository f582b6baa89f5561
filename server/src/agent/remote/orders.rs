//! What the hub tells an agent to do: asked for, kept for a start without the hub, and followed. What a newer hub tells
//! besides is left out; orders that are not understood at all are a measurement that fails, on the page of the node.

use std::{sync::Mutex, time::Duration};

use hyper::Method;
use netloom_core::{
    api::{AgentConfig, MeasurementState},
    schedule::backoff_ms,
    tolerant::{self, Tolerated},
    uplink::Orders,
};
use tokio::{sync::watch, time::sleep};

use super::{
    BACKGROUND_LIMIT, RETRY_FIRST_MS, RETRY_MOST_MS, RemoteUplink,
    client::{CallError, Client, held},
    state::StateFolder,
};
use crate::agent::{hub_clock::HubClock, status::StatusBoard};

const MEASUREMENT: &str = "orders of the hub";

/// Asks for orders, and tells what of them is not understood.
pub(super) struct Asking {
    status: StatusBoard,
    clock: HubClock,
    /// What the log was told last, so that it is told once.
    told: Mutex<String>,
}

impl Asking {
    pub(super) fn new(status: StatusBoard, clock: HubClock) -> Self {
        Self { status, clock, told: Mutex::default() }
    }

    /// What the hub tells this agent to do. The hub's address is the one that this agent uses.
    pub(super) async fn ask(&self, client: &Client, limit: Duration) -> Result<Orders, CallError> {
        let answer = client.call(Method::GET, "/uplink/v1/config", Vec::new(), limit).await?;
        let mut orders = self.read(&answer.body)?;
        orders.config.hub = answer.peer;
        Ok(orders)
    }

    fn read(&self, answer: &[u8]) -> Result<Orders, CallError> {
        match tolerant::read::<Orders>(answer) {
            Ok(Tolerated { known, left_out }) => {
                self.status.retain(|name| name != MEASUREMENT);
                if !left_out.is_empty() {
                    let fields = left_out.join(", ");
                    self.tell(&format!(
                        "the hub is of another version: what this one does not know is left out: {fields}"
                    ));
                }
                Ok(known)
            }
            Err(why) => {
                let why = format!("{why}: use the same version of netloom on both");
                self.status.set(MEASUREMENT, MeasurementState::Failing, &why, self.clock.now());
                self.tell(&format!("the orders of the hub are not understood: {why}"));
                Err(CallError::Garbled(format!("the orders of the hub are not understood: {why}")))
            }
        }
    }

    fn tell(&self, what: &str) {
        let mut told = held(&self.told);
        if *told != what {
            tracing::warn!("{what}");
            what.clone_into(&mut told);
        }
    }
}

/// Keeps orders for a start without the hub.
pub(super) fn save(state: &StateFolder, orders: &AgentConfig) {
    if let Err(error) = state.save_orders(orders) {
        tracing::error!(%error, "a start without the hub would not know what to do");
    }
}

/// Asks for new orders when the hub says that there are some.
pub(super) async fn follow(
    uplink: &RemoteUplink,
    asking: &Asking,
    state: &StateFolder,
    orders: &watch::Sender<AgentConfig>,
) {
    let mut revisions = uplink.revision.subscribe();
    let (mut known, mut attempt) = (0, 0);
    while revisions.wait_for(|revision| *revision != known).await.is_ok() {
        match asking.ask(&uplink.background, BACKGROUND_LIMIT).await {
            Ok(asked) => {
                (known, attempt) = (asked.revision, 0);
                uplink.revision.send_replace(known);
                save(state, &asked.config);
                orders.send_if_modified(|orders| {
                    let is_other = *orders != asked.config;
                    *orders = asked.config;
                    is_other
                });
            }
            Err(CallError::Denied(why)) => return uplink.deny(&why),
            Err(error) => {
                tracing::debug!(%error, "cannot ask for orders");
                sleep(Duration::from_millis(backoff_ms(attempt, RETRY_FIRST_MS, RETRY_MOST_MS, fastrand::f64()))).await;
                attempt += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use netloom_core::{settings::Settings, time::Timestamp};
    use serde_json::json;

    use super::*;

    #[test]
    fn orders_of_a_newer_hub_are_taken_and_what_is_not_understood_is_on_the_page() {
        let status = StatusBoard::new("a1", Timestamp(0));
        let asking = Asking::new(status.clone(), HubClock::local());
        let failing = || {
            let measurements = status.take_change().map(|info| info.measurements).unwrap_or_default();
            measurements.into_iter().find(|measurement| measurement.name == MEASUREMENT)
        };
        let mut settings = Settings::default();
        settings.mesh.packets = 9;
        let hub = ([127, 0, 0, 1], 1).into();
        let orders = Orders { revision: 5, config: AgentConfig { settings, hub, mesh: None, run_active: false } };
        let mut newer = serde_json::to_value(&orders).expect("serialises");
        newer["config"]["settings"]["mesh"]["colour"] = json!("red");
        newer["config"]["settings"]["weather"] = json!({"forecast": true});
        newer["signature"] = json!("x");
        assert_eq!(asking.read(newer.to_string().as_bytes()), Ok(orders));
        assert!(held(&asking.told).contains("mesh.colour"), "{:?}", asking.told);
        assert_eq!(failing(), None);
        newer["config"]["settings"]["mesh"]["packets"] = json!({"least": 1, "most": 9});
        let why = asking.read(newer.to_string().as_bytes()).expect_err("not understood");
        assert!(matches!(&why, CallError::Garbled(why) if why.contains("mesh.packets")), "{why}");
        let measurement = failing().expect("it is told");
        assert_eq!(measurement.state, MeasurementState::Failing);
        assert!(measurement.detail.contains("mesh.packets"), "{measurement:?}");
        newer["config"]["settings"]["mesh"]["packets"] = json!(3);
        assert!(asking.read(newer.to_string().as_bytes()).is_ok());
        assert_eq!(failing(), None);
    }
}
