//! A message in words, without markup: what chats, mails and phones show. Whoever adds markup escapes it.

use super::{LISTED_MAX, Message, Notice};
use crate::incident::{Incident, IncidentState};

/// A thing with its number: `1 alert`, `1,000 alerts`.
fn counted(count: u32) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if count == 1 { "alert" } else { "alerts" })
}

/// One line that says what it is about.
pub fn title(message: &Message, cluster: &str) -> String {
    let text = match (message.notice, message.listed.first()) {
        (Notice::Test, _) => "Test notification".to_owned(),
        (notice, Some(incident)) if message.firing + message.resolved == 1 => {
            let what = match notice {
                Notice::Resolved => "Resolved".to_owned(),
                Notice::Reminder => format!("Still {}", message.worst.word()),
                _ => message.worst.word().to_uppercase(),
            };
            format!("{what}: {}: {}", incident.title, incident.subject)
        }
        (notice, _) => {
            let verb = if notice == Notice::Reminder { "still firing" } else { "firing" };
            let firing = (message.firing > 0)
                .then(|| format!("{} {verb}, worst {}", counted(message.firing), message.worst.word()));
            let over = (message.resolved > 0).then(|| format!("{} resolved", counted(message.resolved)));
            firing.into_iter().chain(over).collect::<Vec<_>>().join("; ")
        }
    };
    let text = if cluster.is_empty() { text } else { format!("[{cluster}] {text}") };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One line on an incident.
pub fn line(incident: &Incident) -> String {
    let state = if incident.state == IncidentState::Firing { incident.severity.word() } else { "resolved" };
    let by = incident.handling.acknowledged.as_ref().map(|taken| format!(", taken on by {}", taken.by));
    let since = incident.fired_at.unwrap_or(incident.started_at);
    let until = incident.resolved_at.map(|at| format!(" to {at}")).unwrap_or_default();
    format!("{state}: {} (from {since}{until}{})", incident.message, by.unwrap_or_default())
}

/// What follows the lines of the incidents: how many are not listed, and where most of them are.
pub fn rest(message: &Message) -> Vec<String> {
    let more = message.unlisted();
    let unlisted = (more > 0).then(|| format!("… and {more} more; the worst {LISTED_MAX} are listed."));
    let places: Vec<String> = message.places.iter().map(|(node, count)| format!("{node} ({count})")).collect();
    let places = (!places.is_empty()).then(|| format!("By node: {}", places.join(", ")));
    unlisted.into_iter().chain(places).collect()
}

/// Where the message leads: the incident when it tells of one, else all of them. Nowhere without an address of the pages.
pub fn link(message: &Message, public_url: &str) -> Option<String> {
    match message.listed.first() {
        Some(incident) if message.count() == 1 => incident_link(incident, public_url),
        _ if public_url.is_empty() => None,
        _ => Some(format!("{}/alerts", public_url.trim_end_matches('/'))),
    }
}

/// The page of an incident.
pub fn incident_link(incident: &Incident, public_url: &str) -> Option<String> {
    (!public_url.is_empty()).then(|| format!("{}/alerts/{}", public_url.trim_end_matches('/'), incident.id))
}

/// All of it as plain text.
pub fn text(message: &Message, public_url: &str) -> String {
    let mut lines: Vec<String> = message.listed.iter().map(|incident| format!("- {}", line(incident))).collect();
    lines.extend(rest(message));
    let runbooks = message.listed.iter().filter(|incident| !incident.runbook.is_empty());
    let mut runbooks: Vec<String> = runbooks.map(|incident| format!("What to do: {}", incident.runbook)).collect();
    runbooks.dedup();
    lines.append(&mut runbooks);
    lines.extend(link(message, public_url));
    lines.join("\n")
}
