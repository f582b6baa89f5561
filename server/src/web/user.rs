//! Who makes a change, as far as they say.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};

/// The header in which pages and programs say who acts, in UTF-8.
const HEADER: &str = "netloom-user";
/// Longest name: fits a line of the history.
const NAME_MAX_CHARS: usize = 64;

/// Who acts: the name in the header, else where the request came from. Nobody vouches for it; it is for colleagues.
pub fn user(headers: &HeaderMap, peer: Option<SocketAddr>) -> String {
    let name = headers.get(HEADER).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(str::trim);
    let is_fine =
        |name: &&str| !name.is_empty() && name.chars().count() <= NAME_MAX_CHARS && !name.chars().any(char::is_control);
    match (name.filter(is_fine), peer) {
        (Some(name), _) => name.to_owned(),
        (None, Some(peer)) => format!("someone at {}", peer.ip()),
        (None, None) => "someone".to_owned(),
    }
}

/// Who acts, as handlers take it.
pub struct User(pub String);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        Ok(Self(user(&parts.headers, peer)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_name_is_taken_when_it_can_be_shown() {
        let peer = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        let of = |name: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(name).expect("a header value"));
            user(&headers, peer)
        };
        assert_eq!(of("  Zoë Ł  ".as_bytes()), "Zoë Ł");
        for bad in [&b""[..], b"  ", &[b'x'; 65], b"\xff\xfe", b"a\tb"] {
            assert_eq!(of(bad), "someone at 127.0.0.1", "{bad:?}");
        }
        assert_eq!(user(&HeaderMap::new(), None), "someone");
    }
}
