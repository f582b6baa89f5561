//! Incidents for other programs: as many as there are, in constant memory.

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures::stream;
use netloom_core::{
    api::Problem,
    export::{ExportFormat, file_stamp},
    incident::{
        export,
        search::{IncidentSearch, IncidentText},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    super::{WebState, problem::ProblemReply},
    Pairs,
};
use crate::{
    clock,
    store::{StoreError, ledger::Ledger},
};

/// Exports at once. Each takes a part of the readers' time.
const EXPORTS_MAX: usize = 4;
/// Incidents that are read at once, and so held in memory: a few hundred kilobytes.
const PAGE_INCIDENTS: usize = 500;

/// A place for each export that may run.
#[derive(Clone)]
pub struct Places(Arc<Semaphore>);

/// The routes of this area.
pub fn router() -> Router<WebState> {
    let places = Places(Arc::new(Semaphore::new(EXPORTS_MAX)));
    Router::new().route("/api/v1/alerts/export", get(alerts)).layer(Extension(places))
}

/// How incidents are written.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by hand, described here")]
pub struct FormatText {
    /// `csv` or `jsonl`; `jsonl` when left out.
    format: Option<String>,
}

/// All incidents that fired and match, oldest first. A connection that ends early has not delivered everything.
#[utoipa::path(get, path = "/api/v1/alerts/export", operation_id = "export_alerts", tag = "alerts", params(FormatText, IncidentText), responses(
    (status = 200, description = "comma-separated values with a header, or one incident a line", content(
        (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, description = "a parameter is wrong", body = Problem),
    (status = 503, description = "too many exports", body = Problem),
))]
pub async fn alerts(
    State(state): State<WebState>,
    Extension(places): Extension<Places>,
    pairs: Pairs,
) -> Result<Response, ProblemReply> {
    let Query(pairs) = pairs?;
    let (format, search) = read(pairs)?;
    let place = places.0.try_acquire_owned().map_err(|_| {
        let detail = format!("{EXPORTS_MAX} exports of alerts are running already: wait until one is done");
        ProblemReply::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-exports", detail)
    })?;
    let ledger = state.stores.ledger;
    let last = ledger.last_incident().await?;
    let head = Bytes::from_static(export::head(format).as_bytes());
    let lines = Lines { format, search, ledger, after: 0, last, head, shutdown: state.shutdown, _place: place };
    let body = stream::try_unfold(lines, |mut lines| async move {
        let chunk = lines.next().await.inspect_err(|error| tracing::warn!(%error, "an export of alerts broke off"))?;
        Ok::<_, StoreError>(chunk.map(|chunk| (chunk, lines)))
    });
    Ok((headers(format), Body::from_stream(body)).into_response())
}

fn read(pairs: Vec<(String, String)>) -> Result<(ExportFormat, IncidentSearch), ProblemReply> {
    let (mut text, mut format) = (IncidentText::default(), ExportFormat::JsonLines);
    for (name, value) in pairs {
        if name != "format" {
            text.set(&name, value).map_err(|why| ProblemReply::bad_parameter(&name, &why))?;
        } else if !value.is_empty() {
            format = ExportFormat::parse(&value).ok_or_else(|| {
                let known = ExportFormat::ALL.map(|(name, _)| name).join(", ");
                ProblemReply::bad_parameter("format", &format!("{value:?} is not one of {known}"))
            })?;
        }
    }
    Ok((format, text.parse(clock::now())?))
}

fn headers(format: ExportFormat) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = format!("netloom-alerts-{}.{}", file_stamp(clock::now()), format.name());
    if let Ok(disposition) = format!("attachment; filename=\"{name}\"").parse() {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    headers
}

/// The lines of an export, made as they are sent. Between two pages nothing of the database is held, however slow the
/// client is.
struct Lines {
    format: ExportFormat,
    search: IncidentSearch,
    ledger: Arc<Ledger>,
    after: u64,
    /// The newest incident when the export began: what comes later is not in it.
    last: u64,
    head: Bytes,
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Lines {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if !self.head.is_empty() {
            return Ok(Some(std::mem::take(&mut self.head)));
        }
        loop {
            if self.shutdown.is_cancelled() {
                return Err(StoreError::Unusable("the hub is stopping".into()));
            }
            let incidents = self.ledger.incidents_after(self.after, self.last, PAGE_INCIDENTS).await?;
            let Some(last) = incidents.last() else { return Ok(None) };
            self.after = last.id;
            let mut chunk = Vec::new();
            let wanted = incidents.iter().filter(|incident| self.search.finds(incident));
            wanted.for_each(|incident| export::write(self.format, incident, &mut chunk));
            if !chunk.is_empty() {
                return Ok(Some(chunk.into()));
            }
        }
    }
}
