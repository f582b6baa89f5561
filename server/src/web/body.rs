//! JSON that clients send, and what is wrong with it, by field.

use axum::{body::Bytes, extract::rejection::BytesRejection, http::StatusCode};
use serde::de::DeserializeOwned;

use super::problem::ProblemReply;

/// Reads a body; an empty one is the empty object.
///
/// # Errors
/// 400 for what is not JSON, 422 with the field to blame for what does not fit; `kind` names that problem.
pub(super) fn read<T: DeserializeOwned>(
    body: Result<Bytes, BytesRejection>,
    kind: &'static str,
) -> Result<T, ProblemReply> {
    let body = body?;
    let text: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { &body };
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|why| {
        let (path, error) = (why.path().to_string(), why.into_inner());
        if !error.is_data() {
            return ProblemReply::new(StatusCode::BAD_REQUEST, "bad-json", format!("the body is not JSON: {error}"));
        }
        let message = error.to_string();
        let field = if path == "." { quoted(&message).unwrap_or_default().to_owned() } else { path };
        ProblemReply::new(StatusCode::UNPROCESSABLE_ENTITY, kind, format!("{field}: {message}")).at(field)
    })?;
    json.end().map_err(|error| {
        ProblemReply::new(StatusCode::BAD_REQUEST, "bad-json", format!("the body is not JSON: {error}"))
    })?;
    Ok(read)
}

/// What stands between back quotes: the name of a field that is missing.
fn quoted(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}
