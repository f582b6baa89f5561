//! Keeps other web sites out. The hub has no sign-in yet and trusts whoever reaches it over loopback, but a browser also
//! reaches it on behalf of any page that it has open.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::problem::ProblemReply;

/// Refuses requests that a foreign page could have caused.
pub async fn check(request: Request, next: Next) -> Response {
    if let Err(refused) = verdict(request.method(), request.headers()) {
        return refused.into_response();
    }
    next.run(request).await
}

fn verdict(method: &Method, headers: &HeaderMap) -> Result<(), ProblemReply> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = text(header::HOST);
    // A foreign name that resolves to loopback (DNS rebinding) still carries its own name here.
    if !is_loopback(host) {
        let detail = format!("this hub answers to localhost only, not to {host:?}");
        return Err(ProblemReply::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", detail));
    }
    if method.is_safe() {
        return Ok(());
    }
    let origin = text(header::ORIGIN);
    let is_same_origin = origin.is_empty() || origin.split_once("://").is_some_and(|(_, from)| from == host);
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or("none");
    if !is_same_origin || !matches!(site, "same-origin" | "none") {
        let detail = "changes are taken from Netloom's own pages and from programs, not from other web sites";
        return Err(ProblemReply::new(StatusCode::FORBIDDEN, "cross-site-request", detail));
    }
    Ok(())
}

/// Whether a `Host` header names this machine. Old clients send none.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.is_empty()
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: &Method, headers: &[(&'static str, &str)]) -> Result<(), u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header value"));
        }
        verdict(method, &map).map_err(|reply| reply.0.status)
    }

    #[test]
    fn names_of_this_machine_are_answered() {
        for host in ["localhost:6385", "127.0.0.1:1", "127.9.9.9", "[::1]:6385", "LOCALHOST"] {
            assert_eq!(judged(&Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn foreign_names_are_not() {
        for host in ["evil.example:6385", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert_eq!(judged(&Method::GET, &[("host", host)]), Err(421), "{host}");
        }
    }

    #[test]
    fn changes_come_from_own_pages_and_programs() {
        let host = ("host", "localhost:1");
        assert_eq!(judged(&Method::PUT, &[host]), Ok(()));
        assert_eq!(judged(&Method::PUT, &[host, ("origin", "http://localhost:1")]), Ok(()));
        assert_eq!(judged(&Method::PUT, &[host, ("origin", "http://evil.example")]), Err(403));
        assert_eq!(judged(&Method::PUT, &[host, ("sec-fetch-site", "cross-site")]), Err(403));
        assert_eq!(judged(&Method::GET, &[host, ("origin", "http://evil.example")]), Ok(()));
    }
}
