//! The client's files, embedded in the binary, compressed beforehand.
//!
//! Their folder is named after their content, so that browsers may keep them for ever and a new version is a new place.

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{Embed, EmbeddedFile};

use super::{WebState, problem};

#[derive(Embed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/pkg/{*path}", get(file)).route("/licenses/{*path}", get(license))
}

/// The folder of this build's client, `pkg/<hash>`; `None` when the server was built without a client.
pub fn pkg_dir() -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_slice(&Site::get("manifest.json")?.data).ok()?;
    Some(manifest.get("pkg_dir")?.as_str()?.to_owned())
}

async fn file(Path(path): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    serve(&format!("pkg/{path}"), &uri, &headers, "public, max-age=31536000, immutable")
}

async fn license(Path(path): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    serve(&format!("licenses/{path}"), &uri, &headers, "no-cache")
}

fn serve(path: &str, uri: &Uri, headers: &HeaderMap, caching: &'static str) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts =
        |coding: &str| accepted.split(',').any(|entry| entry.split(';').next().map(str::trim) == Some(coding));
    let compressed = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(coding))
        .find_map(|(coding, suffix)| Some((Some(coding), Site::get(&format!("{path}{suffix}"))?)));
    let Some((coding, file)) = compressed.or_else(|| Some((None, Site::get(path)?))) else {
        return problem::not_found(uri).into_response();
    };
    respond(path, coding, file, caching)
}

fn respond(path: &str, coding: Option<&'static str>, file: EmbeddedFile, caching: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type(path)),
        (header::CACHE_CONTROL, caching),
        (header::VARY, "accept-encoding"),
    ];
    let coding = coding.map(|coding| [(header::CONTENT_ENCODING, coding)]);
    // Borrowed in release builds: the bytes are sent from where the binary is mapped.
    let body = match file.data {
        std::borrow::Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => axum::body::Bytes::from(bytes),
    };
    match coding {
        Some(coding) => (headers, coding, body).into_response(),
        None => (headers, body).into_response(),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}
