//! Topics of ntfy: notifications on phones and desktops.

use std::sync::Arc;

use async_trait::async_trait;
use netloom_core::{
    notify::{Failure, Message, Notice, words},
    rule::Severity,
};
use serde_json::{Value, json};

use super::{
    Notifier, Parcel,
    http::{Http, Posted},
};

/// The longest text that ntfy shows as a text: what is longer than 4,096 bytes becomes an attachment.
const TEXT_MAX_BYTES: usize = 3_900;

/// Publishes to topics.
pub(super) struct Ntfy(pub(super) Arc<Http>);

#[async_trait]
impl Notifier for Ntfy {
    async fn send(&self, parcel: &Parcel<'_>) -> Result<Option<u16>, Failure> {
        let json = payload(parcel);
        let Parcel { receiver, secret: token, message, allow_private, .. } = *parcel;
        self.0.post(&Posted { url: &receiver.url, token, id: &message.id, json: &json, allow_private }).await
    }
}

/// Published as JSON: in headers there would be no room for other than ASCII.
fn payload(parcel: &Parcel<'_>) -> Value {
    let Parcel { message, receiver, .. } = parcel;
    let (priority, tag) = urgency(message);
    let mut json = json!({
        "topic": receiver.topic,
        "title": words::title(message, parcel.cluster),
        "message": cut(&words::text(message, ""), TEXT_MAX_BYTES),
        "priority": priority,
        "tags": [tag],
    });
    if let Some(link) = words::link(message, parcel.public_url) {
        json["click"] = link.into();
    }
    json
}

/// ntfy's priority, 1 to 5, and the emoji beside the title.
fn urgency(message: &Message) -> (u8, &'static str) {
    match (message.notice, message.worst) {
        (Notice::Resolved, _) => (3, "white_check_mark"),
        (Notice::Test, _) => (3, "wave"),
        (_, Severity::Critical) => (5, "rotating_light"),
        (_, Severity::Warning) => (4, "warning"),
        (_, Severity::Info) => (3, "information_source"),
    }
}

/// The beginning of a text, whole characters only.
fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
