//! One request, answered by JSON or by a problem that people can read.

use netloom_core::api::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What to ask.
pub(super) struct Request<'a> {
    url: &'a str,
    change: Option<(&'static str, &'a Value)>,
    if_match: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// Asks for what is at a URL.
    pub(super) fn get(url: &'a str) -> Self {
        Self { url, change: None, if_match: None }
    }

    /// Puts something in the place of what is at a URL.
    pub(super) fn put(url: &'a str, body: &'a Value) -> Self {
        Self { url, change: Some(("PUT", body)), if_match: None }
    }

    /// Changes a part of what is at a URL.
    pub(super) fn patch(url: &'a str, body: &'a Value) -> Self {
        Self { url, change: Some(("PATCH", body)), if_match: None }
    }

    /// Adds something to what is at a URL.
    pub(super) fn post(url: &'a str, body: &'a Value) -> Self {
        Self { url, change: Some(("POST", body)), if_match: None }
    }

    /// Only if the version is still the given `ETag`.
    pub(super) fn if_match(mut self, etag: &'a str) -> Self {
        self.if_match = Some(etag);
        self
    }
}

/// What came back.
pub(super) struct Reply<T> {
    /// The content.
    pub(super) body: T,
    /// Its version, where the hub gives one.
    pub(super) etag: Option<String>,
}

/// A problem that arose on this side of the network.
fn unreachable(detail: &str) -> Problem {
    Problem {
        kind: "unreachable".into(),
        title: "The hub did not answer".into(),
        status: 0,
        detail: detail.into(),
        field: None,
        errors: Vec::new(),
    }
}

/// Only a browser asks; pages rendered on the server have their data already.
#[cfg(not(feature = "hydrate"))]
pub(super) async fn send<T: DeserializeOwned>(_: Request<'_>) -> Result<Reply<T>, Problem> {
    Err(unreachable("there is no browser to ask with"))
}

/// Sends a request and reads the answer.
#[cfg(feature = "hydrate")]
pub(super) async fn send<T: DeserializeOwned>(request: Request<'_>) -> Result<Reply<T>, Problem> {
    let (status, etag, text) = exchange(request)
        .await
        .map_err(|_| unreachable("the hub does not answer; it is asked again when it is back"))?;
    if !(200..300).contains(&status) {
        let unknown = Problem { status, ..unreachable(&format!("the hub answered with status {status}")) };
        return Err(serde_json::from_str(&text).unwrap_or(unknown));
    }
    let body = serde_json::from_str(&text)
        .map_err(|_| unreachable("the hub sent an answer that this page does not understand; load the page anew"))?;
    Ok(Reply { body, etag })
}

/// Sends a request; returns status, `ETag` and text of the answer.
#[cfg(feature = "hydrate")]
async fn exchange(request: Request<'_>) -> Result<(u16, Option<String>, String), wasm_bindgen::JsValue> {
    use js_sys::futures::JsFuture;
    use leptos::prelude::window;
    use wasm_bindgen::JsCast;

    let init = web_sys::RequestInit::new();
    if let Some((method, body)) = request.change {
        let headers = web_sys::Headers::new()?;
        headers.set("content-type", "application/json")?;
        if let Some(etag) = request.if_match {
            headers.set("if-match", etag)?;
        }
        init.set_method(method);
        init.set_headers(&headers);
        init.set_body(&body.to_string().into());
    }
    let response = JsFuture::from(window().fetch_with_str_and_init(request.url, &init)).await?;
    let response: web_sys::Response = response.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    Ok((response.status(), response.headers().get("etag")?, text))
}
