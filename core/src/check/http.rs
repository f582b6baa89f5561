//! Addresses of the web, and what web servers answer.

use super::address::place;

/// The longest address: what servers and browsers take, too.
pub const URL_MAX_CHARS: usize = 2_048;

/// An address of the web, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress {
    /// Whether TLS is spoken.
    pub is_tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is asked for: path and query.
    pub target: String,
}

impl WebAddress {
    /// Takes an address apart. Nothing is mended: what is wrong is named.
    ///
    /// # Errors
    /// What is wrong with it, in a phrase.
    pub fn parse(url: &str) -> Result<Self, String> {
        if url.chars().count() > URL_MAX_CHARS {
            return Err(format!("the address is longer than {URL_MAX_CHARS} characters"));
        }
        let (is_tls, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            _ => return Err(format!("{url:?} begins neither with http:// nor with https://")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let target = target.split('#').next().unwrap_or_default();
        if let Some(odd) = target.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\^`".contains(*c)) {
            return Err(format!("{odd:?} does not stand in addresses as it is: write it with %"));
        }
        let (host, port) = place(authority)?;
        let port = port.unwrap_or(if is_tls { 443 } else { 80 });
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { is_tls, host, port, target: format!("{slash}{target}") })
    }

    /// The header `Host` of a request for it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.is_tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

/// What people should know of a status that is not that of a page, if anything.
pub fn note(status: u16, location: Option<&str>) -> Option<String> {
    match (status, location) {
        (300..=399, Some(to)) => {
            let to: String = to.chars().filter(|c| !c.is_control()).take(200).collect();
            Some(format!("it answers {status} and points to {to}, which was not followed"))
        }
        (401 | 407, _) => Some(format!("it answers {status}: it wants a sign-in")),
        (403, _) => Some("it answers 403: access is refused".to_owned()),
        (404, _) => Some("it answers 404: there is nothing under this path".to_owned()),
        (429, _) => Some("it answers 429: it was asked too often".to_owned()),
        (502 | 504, _) => Some(format!("it answers {status}: a gateway does not reach the server behind it")),
        (503, _) => Some("it answers 503: it is overloaded or under maintenance".to_owned()),
        (400.., _) => Some(format!("it answers {status}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            ("http://a.example", (false, "a.example", 80, "/"), "a.example"),
            ("HTTPS://a.example:8443/x?y=1#z", (true, "a.example", 8443, "/x?y=1"), "a.example:8443"),
            ("https://[2001:db8::1]?q", (true, "2001:db8::1", 443, "/?q"), "[2001:db8::1]"),
            ("http://10.0.0.1:80/", (false, "10.0.0.1", 80, "/"), "10.0.0.1"),
        ];
        for (url, (is_tls, host, port, target), authority) in cases {
            let address = WebAddress::parse(url).expect(url);
            let expected = WebAddress { is_tls, host: host.into(), port, target: target.into() };
            assert_eq!(address, expected);
            assert_eq!(address.authority(), authority);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (url, culprit) in [
            ("ftp://a", "http://"),
            ("a.example", "http://"),
            ("http://", "host"),
            ("http://a:b@c/", "NETLOOM_REDIS_PASSWORD"),
            ("http://a:99999/", "99999"),
            ("http://a/ b", "' '"),
            ("http://a/\u{e4}", "%"),
            ("http://a/\r\nX: y", "\\r"),
        ] {
            let error = WebAddress::parse(url).expect_err(url);
            assert!(error.contains(culprit), "{url}: {error}");
        }
    }

    #[test]
    fn only_what_is_odd_is_noted() {
        assert_eq!(note(200, None), None);
        assert_eq!(note(304, None), None);
        assert!(note(301, Some("https://b/")).is_some_and(|note| note.contains("https://b/")));
        assert!(note(500, None).is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(https?://)?.{0,60}") {
            let _ = WebAddress::parse(&text);
        }
    }
}
