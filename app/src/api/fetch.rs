//! One request, answered by JSON or by a problem that people can read.

use netloom_core::api::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The type of most bodies.
pub(super) const JSON: &str = "application/json";

/// A body: method, type and text.
type Change = (&'static str, &'static str, String);

/// What to ask.
pub(super) struct Request<'a> {
    url: &'a str,
    change: Option<Change>,
    if_match: Option<&'a str>,
    #[cfg(feature = "hydrate")]
    stop: Option<web_sys::AbortSignal>,
}

/// Gives up a request that nobody waits for any more, so that the hub need not go on with it.
#[derive(Default)]
pub(crate) struct Stop {
    #[cfg(feature = "hydrate")]
    controller: Option<web_sys::AbortController>,
}

impl Stop {
    /// Gives up.
    #[cfg_attr(not(feature = "hydrate"), expect(clippy::unused_self, reason = "a server asks nothing"))]
    pub(crate) fn now(&self) {
        #[cfg(feature = "hydrate")]
        self.controller.iter().for_each(web_sys::AbortController::abort);
    }
}

impl<'a> Request<'a> {
    /// Asks for what is at a URL.
    pub(super) fn get(url: &'a str) -> Self {
        Self {
            url,
            change: None,
            if_match: None,
            #[cfg(feature = "hydrate")]
            stop: None,
        }
    }

    /// Puts something in the place of what is at a URL.
    pub(super) fn put(url: &'a str, body: &Value) -> Self {
        Self::with_text("PUT", url, JSON, body.to_string())
    }

    /// Changes a part of what is at a URL.
    pub(super) fn patch(url: &'a str, body: &Value) -> Self {
        Self::with_text("PATCH", url, JSON, body.to_string())
    }

    /// Adds something to what is at a URL.
    pub(super) fn post(url: &'a str, body: &Value) -> Self {
        Self::with_text("POST", url, JSON, body.to_string())
    }

    /// Sends a text of any type.
    pub(super) fn with_text(method: &'static str, url: &'a str, kind: &'static str, text: String) -> Self {
        Self { change: Some((method, kind, text)), ..Self::get(url) }
    }

    /// Only if the version is still the given `ETag`.
    pub(super) fn if_match(mut self, etag: &'a str) -> Self {
        self.if_match = Some(etag);
        self
    }

    /// Can be given up.
    #[cfg_attr(not(feature = "hydrate"), expect(unused_mut, reason = "a server asks nothing"))]
    pub(super) fn stoppable(mut self) -> (Self, Stop) {
        #[cfg(feature = "hydrate")]
        {
            let controller = web_sys::AbortController::new().ok();
            self.stop = controller.as_ref().map(web_sys::AbortController::signal);
            (self, Stop { controller })
        }
        #[cfg(not(feature = "hydrate"))]
        (self, Stop::default())
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

/// See [`send`].
#[cfg(not(feature = "hydrate"))]
pub(super) async fn send_only(_: Request<'_>) -> Result<(), Problem> {
    Err(unreachable("there is no browser to ask with"))
}

/// See [`send`].
#[cfg(not(feature = "hydrate"))]
pub(super) async fn send_text(_: Request<'_>) -> Result<String, Problem> {
    Err(unreachable("there is no browser to ask with"))
}

/// Sends a request whose answer is no JSON.
#[cfg(feature = "hydrate")]
pub(super) async fn send_text(request: Request<'_>) -> Result<String, Problem> {
    answered(request).await.map(|(_, text)| text)
}

/// Sends a request whose answer says no more than that it was done.
#[cfg(feature = "hydrate")]
pub(super) async fn send_only(request: Request<'_>) -> Result<(), Problem> {
    answered(request).await.map(|_| ())
}

/// Sends a request; returns `ETag` and text of a good answer.
#[cfg(feature = "hydrate")]
async fn answered(request: Request<'_>) -> Result<(Option<String>, String), Problem> {
    let (status, etag, text) = exchange(request)
        .await
        .map_err(|_| unreachable("the hub does not answer; it is asked again when it is back"))?;
    if !(200..300).contains(&status) {
        let unknown = Problem { status, ..unreachable(&format!("the hub answered with status {status}")) };
        return Err(serde_json::from_str(&text).unwrap_or(unknown));
    }
    Ok((etag, text))
}

/// Sends a request and reads the answer.
#[cfg(feature = "hydrate")]
pub(super) async fn send<T: DeserializeOwned>(request: Request<'_>) -> Result<Reply<T>, Problem> {
    let (etag, text) = answered(request).await?;
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
    if let Some((method, kind, body)) = request.change {
        let headers = web_sys::Headers::new()?;
        headers.set("content-type", kind)?;
        if let Some(etag) = request.if_match {
            headers.set("if-match", etag)?;
        }
        if let Some(name) = crate::browser::recall(crate::browser::USER) {
            // Headers take bytes, one in each character; the hub reads UTF-8. A name that is none is not sent.
            let _ = headers.set("netloom-user", &name.bytes().map(char::from).collect::<String>());
        }
        init.set_method(method);
        init.set_headers(&headers);
        init.set_body(&body.into());
    }
    init.set_signal(request.stop.as_ref());
    let response = JsFuture::from(window().fetch_with_str_and_init(request.url, &init)).await?;
    let response: web_sys::Response = response.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    Ok((response.status(), response.headers().get("etag")?, text))
}
