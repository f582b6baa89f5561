//! E-mail by SMTP: plain text, and the same as HTML without anything that could load or run.

use async_trait::async_trait;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use mail_builder::{MessageBuilder, headers::address::Address as Named};
use netloom_core::{
    notify::{Failure, words},
    settings::notify::Security,
};

use super::{Notifier, Parcel, http::innermost};

/// Sends e-mail. The mail server may be anywhere: it is usually one of the same network.
pub(super) struct Email;

#[async_trait]
impl Notifier for Email {
    async fn send(&self, parcel: &Parcel<'_>) -> Result<Option<u16>, Failure> {
        let (envelope, mail) = mail(parcel).map_err(Failure::lasting)?;
        let sent = transport(parcel).map_err(|error| meaning(&error))?.send_raw(&envelope, &mail).await;
        sent.map(|answer| Some(u16::from(answer.code()))).map_err(|error| meaning(&error))
    }
}

fn transport(parcel: &Parcel<'_>) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
    let receiver = parcel.receiver;
    let tls = || TlsParameters::new_rustls(receiver.host.clone());
    let tls = match receiver.security {
        Security::None => Tls::None,
        Security::Starttls => Tls::Required(tls()?),
        Security::Tls => Tls::Wrapper(tls()?),
    };
    let name = ClientId::Domain(domain());
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&receiver.host)
        .port(receiver.port())
        .tls(tls)
        .hello_name(name)
        .timeout(Some(parcel.limit));
    if !receiver.user.is_empty() {
        builder = builder.credentials(Credentials::new(receiver.user.clone(), parcel.secret.to_owned()));
    }
    Ok(builder.build())
}

/// The name of this machine, as far as it may stand in an SMTP greeting or an id of mail.
fn domain() -> String {
    let name = sysinfo::System::host_name().unwrap_or_default();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// The mail, and who gets it from whom.
fn mail(parcel: &Parcel<'_>) -> Result<(Envelope, Vec<u8>), String> {
    let Parcel { message, receiver, .. } = parcel;
    let address = |text: &String| text.parse::<Address>().map_err(|error| format!("{text}: {error}"));
    let recipients = receiver.to.iter().map(address).collect::<Result<_, _>>()?;
    let envelope = Envelope::new(Some(address(&receiver.from)?), recipients).map_err(|error| error.to_string())?;
    let title = words::title(message, parcel.cluster);
    let text = words::text(message, parcel.public_url);
    let to: Vec<Named> = receiver.to.iter().map(|address| Named::new_address(None::<&str>, address.as_str())).collect();
    let mail = MessageBuilder::new()
        .from(("Netloom", receiver.from.as_str()))
        .to(Named::new_list(to))
        .subject(title.as_str())
        // The same in every attempt, so that a mail that comes twice can be known by it.
        .message_id(format!("{}@netloom.{}", message.id, domain()))
        .date(message.at.ms() / 1_000)
        .text_body(format!("{title}\n\n{text}\n"))
        .html_body(html(&title, parcel));
    Ok((envelope, mail.write_to_vec().map_err(|error| error.to_string())?))
}

fn html(title: &str, parcel: &Parcel<'_>) -> String {
    let Parcel { message, .. } = parcel;
    let items: Vec<String> =
        message.listed.iter().map(|incident| format!("<li>{}</li>", escaped(&words::line(incident)))).collect();
    let rest: Vec<String> = words::rest(message).iter().map(|line| format!("<p>{}</p>", escaped(line))).collect();
    let link = words::link(message, parcel.public_url).map(|link| {
        let link = escaped(&link);
        format!("<p><a href=\"{link}\">{link}</a></p>")
    });
    let (items, rest, link) = (items.concat(), rest.concat(), link.unwrap_or_default());
    format!("<!doctype html><html><body><h3>{}</h3><ul>{items}</ul>{rest}{link}</body></html>", escaped(title))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What an error of the mail server means. What it refuses for good is not tried again; that a connection broke may mean
/// that the mail was taken all the same, and then it comes again under the same id.
fn meaning(error: &Error) -> Failure {
    let status = error.status().map(u16::from);
    let failure = if error.is_permanent() {
        Failure::lasting(format!("the mail server refused: {}", innermost(error)))
    } else if error.is_transient() {
        Failure::passing(format!("the mail server cannot now: {}", innermost(error)))
    } else if error.is_timeout() {
        Failure::passing("the mail server did not answer in time")
    } else if error.is_tls() {
        Failure::passing(format!("the TLS handshake with the mail server failed: {}", innermost(error)))
    } else if error.is_client() {
        Failure::lasting(format!("the mail server does not offer what is needed: {}", innermost(error)))
    } else if error.is_response() {
        Failure::passing(format!("the mail server broke off or speaks no SMTP: {}", innermost(error)))
    } else {
        Failure::passing(format!("the connection to the mail server failed: {}", innermost(error)))
    };
    Failure { status, ..failure }
}

#[cfg(test)]
mod tests {
    use netloom_core::{notify::Message, settings::notify::Receiver, time::Timestamp};

    use super::*;

    #[test]
    fn nothing_that_people_write_becomes_a_header_or_markup() {
        let mut message = Message::test("1".into(), Timestamp(0));
        message.listed[0].message = "<script>alert(1)</script>\r\nBcc: evil@example.org".into();
        message.listed[0].title = "A\r\nBcc: evil@example.org\r\n\r\nbody".into();
        message.notice = netloom_core::notify::Notice::Firing;
        let (from, to) = ("a@example.org".to_owned(), vec!["b@example.org".to_owned()]);
        let receiver = Receiver { from, to, ..Receiver::default() };
        let parcel = Parcel {
            message: &message,
            receiver: &receiver,
            secret: "",
            cluster: "c\r\nX: y",
            public_url: "https://example.org/?a=1&b=2",
            allow_private: false,
            limit: std::time::Duration::from_secs(1),
        };
        let (envelope, mail) = mail(&parcel).expect("is a mail");
        let text = String::from_utf8(mail).expect("is text");
        let (head, _) = text.split_once("\r\n\r\n").expect("has a head");
        assert!(!head.lines().any(|line| line.starts_with("Bcc") || line.starts_with("X:")), "{head}");
        assert_eq!(envelope.to().len(), 1);
        assert!(!html(&words::title(&message, parcel.cluster), &parcel).contains("<script>"));
    }
}
