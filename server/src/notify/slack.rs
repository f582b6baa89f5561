//! Incoming webhooks of Slack, and of what understands the same (Mattermost, Rocket.Chat, Discord's `/slack`).

use std::sync::Arc;

use async_trait::async_trait;
use netloom_core::notify::{Failure, words};
use serde_json::{Value, json};

use super::{
    Notifier, Parcel,
    http::{Http, Posted},
};

/// Posts to Slack-compatible webhooks. The address is the secret.
pub(super) struct Slack(pub(super) Arc<Http>);

#[async_trait]
impl Notifier for Slack {
    async fn send(&self, parcel: &Parcel<'_>) -> Result<Option<u16>, Failure> {
        let json = payload(parcel);
        let Parcel { secret: url, message, allow_private, .. } = *parcel;
        self.0.post(&Posted { url, token: "", id: &message.id, json: &json, allow_private }).await
    }
}

fn payload(parcel: &Parcel<'_>) -> Value {
    let title = escaped(&words::title(parcel.message, parcel.cluster));
    let text = escaped(&words::text(parcel.message, parcel.public_url));
    json!({ "text": format!("*{title}*\n{text}") })
}

/// The three characters with which Slack's markup begins links and calls people by `<!channel>`.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
