//! Who is told of incidents, and how they are reached.

use serde::{Deserialize, Serialize};

use super::{super::FieldError, Secret, URL_MAX_CHARS};
use crate::{incident::Incident, rule::Severity};

/// Receivers that there may be: several for each team of a large cluster.
pub const RECEIVERS_MAX: usize = 32;
/// Addresses that one e-mail receiver may have; a larger circle is a mailing list.
pub const ADDRESSES_MAX: usize = 32;
/// Longest name, user, topic or id, characters.
const NAME_MAX_CHARS: usize = 64;
/// Longest secret, characters: tokens signed by a cloud have a thousand or two.
const SECRET_MAX_CHARS: usize = 4_096;
/// Names in each filter.
const FILTER_MAX_NAMES: usize = 256;
/// Longest address of e-mail (RFC 5321 section 4.5.3.1.3).
const ADDRESS_MAX_CHARS: usize = 254;

pub(super) const NOT_A_URL: &str = "must be an address such as https://example.org/path, without a user or password";

/// How a receiver is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// JSON in the shape of Prometheus' Alertmanager.
    #[default]
    Webhook,
    /// An incoming webhook of Slack, or of what understands the same.
    Slack,
    /// E-mail by SMTP.
    Email,
    /// A topic of ntfy.
    Ntfy,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Not at all: for a server on this machine.
    None,
    /// Encrypted after the greeting; refused when the server cannot.
    #[default]
    Starttls,
    /// Encrypted from the beginning.
    Tls,
}

/// Who is told of incidents. Which of the fields count depends on the kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Receiver {
    /// Its lasting name, which the hub gives: renaming a receiver keeps its secret.
    pub id: String,
    /// What people call it; no two share a name.
    pub name: String,
    /// How it is reached.
    pub kind: ReceiverKind,
    /// Whether it is told anything.
    pub enabled: bool,
    /// It is told of incidents that are at least this bad.
    pub at_least: Severity,
    /// It is told of incidents of these rules, by id; of all when empty.
    pub rules: Vec<String>,
    /// It is told of incidents about, from or to these nodes; of all when empty.
    pub nodes: Vec<String>,
    /// Whether it is told that an incident is over.
    pub send_resolved: bool,
    /// Webhook: where to post. ntfy: the server.
    pub url: String,
    /// E-mail: the server's host name or address.
    pub host: String,
    /// E-mail: the server's port; 0 for the usual one: 25, 587 with STARTTLS, 465 with TLS.
    pub port: u16,
    /// E-mail: how the connection is protected.
    pub security: Security,
    /// E-mail: whom to sign in as; nobody when empty.
    pub user: String,
    /// E-mail: the sender's address.
    pub from: String,
    /// E-mail: the recipients' addresses.
    pub to: Vec<String>,
    /// ntfy: the topic.
    pub topic: String,
    /// Webhook and ntfy: a bearer token, if any. Slack: the address. E-mail: the password. Documents that the hub gives
    /// carry `********` where one is set; with that, a change keeps it.
    pub secret: Secret,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            kind: ReceiverKind::default(),
            enabled: true,
            at_least: Severity::Warning,
            rules: Vec::new(),
            nodes: Vec::new(),
            send_resolved: true,
            url: String::new(),
            host: String::new(),
            port: 0,
            security: Security::default(),
            user: String::new(),
            from: String::new(),
            to: Vec::new(),
            topic: String::new(),
            secret: Secret::default(),
        }
    }
}

impl Receiver {
    /// Whether it wants to be told of an incident.
    pub fn wants(&self, incident: &Incident) -> bool {
        let is_of = |list: &[String], name: &str| list.iter().any(|wanted| wanted == name);
        let mut about = ["node", "src", "dst"].into_iter().filter_map(|label| incident.labels.get(label));
        self.enabled
            && incident.severity >= self.at_least
            && (self.rules.is_empty() || is_of(&self.rules, &incident.rule))
            && (self.nodes.is_empty() || about.any(|node| is_of(&self.nodes, node)))
    }

    /// Where what is secret goes. A secret is kept for the destination that it was given for, and no other.
    pub fn destination(&self) -> String {
        match self.kind {
            ReceiverKind::Webhook | ReceiverKind::Ntfy => origin(&self.url).to_ascii_lowercase(),
            ReceiverKind::Slack => "slack".to_owned(),
            ReceiverKind::Email => format!("{:?} {}:{}", self.security, self.host.to_ascii_lowercase(), self.port()),
        }
    }

    /// The port of the mail server.
    pub fn port(&self) -> u16 {
        match (self.port, self.security) {
            (0, Security::None) => 25,
            (0, Security::Starttls) => 587,
            (0, Security::Tls) => 465,
            (port, _) => port,
        }
    }

    /// What is wrong with it, by field.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut blame = |is_wrong: bool, field: &str, message: &str| {
            if is_wrong {
                errors.push(FieldError::new(field, message));
            }
        };
        let id_fits =
            self.id.len() <= NAME_MAX_CHARS && self.id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        blame(!id_fits, "id", "is given by the hub: leave it as it is, or empty");
        blame(!is_line(&self.name, NAME_MAX_CHARS), "name", "must be a name of at most 64 printable characters");
        let lists = [("rules", &self.rules), ("nodes", &self.nodes)];
        for (field, list) in lists {
            let fits = list.len() <= FILTER_MAX_NAMES && list.iter().all(|name| is_line(name, ADDRESS_MAX_CHARS));
            blame(!fits, field, "must be at most 256 names");
        }
        let is_too_long =
            self.secret.0.chars().count() > SECRET_MAX_CHARS || self.secret.0.chars().any(char::is_control);
        blame(is_too_long, "secret", "must be one line of at most 4096 characters");
        match self.kind {
            ReceiverKind::Webhook => blame(!is_http_url(&self.url), "url", NOT_A_URL),
            ReceiverKind::Slack => {
                let fits = self.secret.is_mask() || is_http_url(&self.secret.0);
                blame(!fits, "secret", "must be the webhook's address, as in https://hooks.slack.com/services/…");
            }
            ReceiverKind::Ntfy => {
                blame(!is_http_url(&self.url), "url", NOT_A_URL);
                let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                let fits = (1..=NAME_MAX_CHARS).contains(&self.topic.len()) && self.topic.bytes().all(is_plain);
                blame(!fits, "topic", "must be 1 to 64 letters, digits, - or _");
            }
            ReceiverKind::Email => {
                let is_address = |text: &String| is_address(text);
                blame(!super::super::probe::is_host(&self.host), "host", "must be a host name or an IP address");
                let has_user = self.user.is_empty() || is_line(&self.user, ADDRESS_MAX_CHARS);
                blame(!has_user, "user", "must be one line of at most 254 characters");
                blame(!is_address(&self.from), "from", "must be an address such as netloom@example.org");
                let fits = (1..=ADDRESSES_MAX).contains(&self.to.len()) && self.to.iter().all(is_address);
                blame(!fits, "to", "must be 1 to 32 addresses such as team@example.org");
            }
        }
        errors
    }
}

/// Whether the text is one line that says something.
fn is_line(text: &str, max_chars: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= max_chars && !text.chars().any(char::is_control)
}

/// Whether the text is an address of e-mail as far as Netloom takes them: ASCII, no quotes, no comments.
fn is_address(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&b);
    text.len() <= ADDRESS_MAX_CHARS
        && text.rsplit_once('@').is_some_and(|(local, host)| {
            (1..=64).contains(&local.len()) && local.bytes().all(is_plain) && super::super::probe::is_host(host)
        })
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    let end = url[from..].find(['/', '?', '#']).map_or(url.len(), |at| from + at);
    &url[..end]
}

/// Whether the text is an `http` or `https` address without a user in it. Where it leads is checked when it is used.
pub fn is_http_url(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let Some(from) = rest.map(|rest| lower.len() - rest.len()) else { return false };
    let authority = &origin(url)[from..];
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().is_ok_and(|port| port > 0)),
        _ => (authority, true),
    };
    let is_v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_known =
        is_v6.map_or_else(|| super::super::probe::is_host(host), |ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    port && is_known && !host.contains('@') && url.chars().all(is_plain) && url.len() <= URL_MAX_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_from_nonsense() {
        let good =
            ["http://a", "https://example.org/x?y=1", "HTTPS://10.0.0.1:8443/", "http://[::1]:80/a", "http://n_1/"];
        for url in good {
            assert!(is_http_url(url), "{url}");
        }
        let bad = [
            "",
            "a",
            "http://",
            "ftp://a",
            "http://u:p@a",
            "http://a b",
            "http://a\nb",
            "http://a:0",
            "http://a:x/",
            "http://300.1.1.1",
            "http://[::1",
            "http:/a",
            "http://a/<b>",
            "http://ä/",
            "é://xyzabc",
        ];
        for url in bad {
            assert!(!is_http_url(url), "{url}");
        }
    }

    #[test]
    fn addresses_carry_nothing_but_an_address() {
        assert!(is_address("ops+net@example.org"));
        for bad in ["", "a", "a@", "@b", "a@b\r\nBcc: c@d", "A <a@b>", "a b@c", "a@b, c@d", "\"a\"@b"] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }

    #[test]
    fn each_kind_asks_for_what_it_needs() {
        let fields = |kind: ReceiverKind| {
            let receiver = Receiver { name: "a".into(), kind, ..Receiver::default() };
            receiver.validate().into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(fields(ReceiverKind::Webhook), ["url"]);
        assert_eq!(fields(ReceiverKind::Slack), ["secret"]);
        assert_eq!(fields(ReceiverKind::Email), ["host", "from", "to"]);
        assert_eq!(fields(ReceiverKind::Ntfy), ["url", "topic"]);
    }

    #[test]
    fn a_secret_belongs_to_a_destination() {
        let at = |url: &str| Receiver { url: url.into(), ..Receiver::default() }.destination();
        assert_eq!(at("https://a.example/x"), at("https://A.example/y?z"));
        assert_ne!(at("https://a.example/x"), at("https://a.example.evil/x"));
        assert_ne!(at("https://a.example/x"), at("http://a.example/x"));
    }
}
