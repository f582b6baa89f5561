//! JSON in the shape that Prometheus' Alertmanager posts, so that whatever understands that understands this.

use std::sync::Arc;

use async_trait::async_trait;
use netloom_core::{
    incident::{Incident, IncidentState},
    notify::{Failure, words},
    sample::Labels,
    uplink::hex,
};
use serde_json::{Value, json};

use super::{
    Notifier, Parcel,
    http::{Http, Posted},
};
use crate::private;

/// The time that Alertmanager writes for an alert whose end is not known.
const NOT_YET: &str = "0001-01-01T00:00:00Z";

/// Posts to webhooks.
pub(super) struct Webhook(pub(super) Arc<Http>);

#[async_trait]
impl Notifier for Webhook {
    async fn send(&self, parcel: &Parcel<'_>) -> Result<Option<u16>, Failure> {
        let json = payload(parcel);
        let Parcel { receiver, secret: token, message, allow_private, .. } = *parcel;
        self.0.post(&Posted { url: &receiver.url, token, id: &message.id, json: &json, allow_private }).await
    }
}

fn payload(parcel: &Parcel<'_>) -> Value {
    let Parcel { message, receiver, .. } = parcel;
    let all: Vec<Labels> = message.listed.iter().map(|incident| labels(incident, parcel.cluster)).collect();
    let common = |maps: &[Labels]| -> Labels {
        let first = maps.first().cloned().unwrap_or_default();
        first.into_iter().filter(|(name, value)| maps.iter().all(|map| map.get(name) == Some(value))).collect()
    };
    let notes: Vec<Labels> = message.listed.iter().map(annotations).collect();
    let alert = |incident: &Incident| {
        let is_over = incident.state != IncidentState::Firing;
        let ends_at = incident.resolved_at.filter(|_| is_over).map_or_else(|| NOT_YET.to_owned(), |at| at.to_string());
        json!({
            "status": if is_over { "resolved" } else { "firing" },
            "labels": labels(incident, parcel.cluster),
            "annotations": annotations(incident),
            "startsAt": incident.fired_at.unwrap_or(incident.started_at),
            "endsAt": ends_at,
            "generatorURL": words::incident_link(incident, parcel.public_url).unwrap_or_default(),
            "fingerprint": fingerprint(incident),
        })
    };
    json!({
        "version": "4",
        "groupKey": format!("netloom:{}", receiver.name),
        "truncatedAlerts": message.unlisted(),
        "status": if message.firing > 0 { "firing" } else { "resolved" },
        "receiver": receiver.name,
        "groupLabels": {},
        "commonLabels": common(&all),
        "commonAnnotations": common(&notes),
        "externalURL": parcel.public_url,
        "alerts": message.listed.iter().map(alert).collect::<Vec<_>>(),
    })
}

fn labels(incident: &Incident, cluster: &str) -> Labels {
    let mut labels = incident.labels.clone();
    let own = [("alertname", incident.rule.as_str()), ("severity", incident.severity.word()), ("cluster", cluster)];
    labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    labels
}

fn annotations(incident: &Incident) -> Labels {
    let summary = format!("{}: {}", incident.title, incident.subject);
    let runbook = incident.runbook.as_str();
    let all = [("summary", summary.as_str()), ("description", &incident.message), ("runbook_url", runbook)];
    let said = all.into_iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

/// The same for every incident of one rule about one thing.
fn fingerprint(incident: &Incident) -> String {
    let key = format!("{}\0{:?}", incident.rule, incident.labels);
    hex(&private::sha256(key.as_bytes())[..8])
}
