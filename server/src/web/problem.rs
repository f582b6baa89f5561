//! Errors as clients get them: RFC 9457 problem documents that name the culprit and leak nothing.

use std::any::Any;

use axum::{
    Json,
    extract::rejection::{BytesRejection, QueryRejection},
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use netloom_core::{api::Problem, query::BadParameter, settings::FieldError};

use crate::{settings::ChangeError, store::StoreError};

/// A problem on its way to the client.
#[derive(Debug)]
pub struct ProblemReply(pub Box<Problem>);

impl ProblemReply {
    /// A problem of a kind; the kind is a lasting name, the detail tells what happened this time.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            kind: format!("urn:netloom:problem:{kind}"),
            title: kind.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            errors: Vec::new(),
        }))
    }

    /// A parameter that is wrong.
    pub fn bad_parameter(parameter: &str, message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-parameter", format!("{parameter}: {message}")).at(parameter)
    }

    /// A metric that nobody measures or pushes.
    pub fn unknown_metric(metric: &str) -> Self {
        let detail = format!("metric: no series is called {metric:?}");
        Self::new(StatusCode::NOT_FOUND, "unknown-metric", detail).at("metric")
    }

    /// Names the field or parameter to blame.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Names all fields that are wrong.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.field = errors.first().map(|error| error.field.clone());
        self.0.errors = errors;
        self
    }
}

impl IntoResponse for ProblemReply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(*self.0)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<BadParameter> for ProblemReply {
    fn from(bad: BadParameter) -> Self {
        Self::bad_parameter(bad.parameter, &bad.message)
    }
}

/// Parameters that are not understood at all.
impl From<QueryRejection> for ProblemReply {
    fn from(why: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-parameter", why.body_text())
    }
}

/// A body that cannot be read, or not in full.
impl From<BytesRejection> for ProblemReply {
    fn from(why: BytesRejection) -> Self {
        Self::new(why.status(), "bad-body", why.body_text())
    }
}

impl From<StoreError> for ProblemReply {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLarge => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too-large", error.to_string()).at("from")
            }
            StoreError::Full => Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", error.to_string()),
            StoreError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string()),
            error => {
                tracing::error!(%error, "the store failed");
                let detail = "the database cannot answer now; the hub's log says why";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", detail)
            }
        }
    }
}

impl From<ChangeError> for ProblemReply {
    fn from(error: ChangeError) -> Self {
        let detail = error.to_string();
        match error {
            ChangeError::Invalid(errors) => {
                let first = errors.first().map(|error| format!("{}: {}", error.field, error.message));
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-settings", first.unwrap_or(detail))
                    .with_errors(errors)
            }
            ChangeError::Conflict(_, fields) => {
                Self::new(StatusCode::PRECONDITION_FAILED, "settings-changed-in-between", detail).with_errors(fields)
            }
            ChangeError::ChangedAgain { fields, .. } => {
                Self::new(StatusCode::CONFLICT, "settings-changed-again", detail).with_errors(fields)
            }
            ChangeError::UnknownVersion(_) => Self::new(StatusCode::NOT_FOUND, "unknown-version", detail).at("version"),
            ChangeError::Store(error) => error.into(),
        }
    }
}

/// Nothing is at this place.
pub fn not_found(uri: &Uri) -> ProblemReply {
    let detail = format!("nothing is at {}; /api/v1/openapi.json lists what there is", uri.path());
    ProblemReply::new(StatusCode::NOT_FOUND, "not-found", detail)
}

/// The place is right, the method is not.
pub async fn method_not_allowed(method: Method, uri: Uri) -> ProblemReply {
    let detail = format!("{method} is not possible at {}", uri.path());
    ProblemReply::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

/// A handler broke. The panic hook has logged why; the client learns only that.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    let detail = "the hub made a mistake while answering; its log says which";
    ProblemReply::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}
