//! Samples as they were taken, for other programs: as many as there are, in constant memory.

use std::{sync::Arc, vec::IntoIter};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Query as UrlQuery, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures::stream;
use netloom_core::{
    api::Problem,
    export::{Export, ExportFormat, ExportText, LineWriter, file_stamp},
    series::{Catalog, SeriesId},
    time::Timestamp,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{WebState, problem::ProblemReply};
use crate::{
    clock,
    store::{Scan, ScanPage, ScanPlace, Store, StoreError},
};

/// Exports at once. Each holds a page of a few megabytes and takes a part of the readers' time.
const EXPORTS_MAX: usize = 8;
/// Bytes written at once: some hundred lines, a fraction of a millisecond of work.
const CHUNK_BYTES: usize = 64 * 1_024;

/// How many samples come, where that is known without counting.
const SAMPLES: HeaderName = HeaderName::from_static("x-netloom-samples");
/// The time that the samples come from, ms: they come window by window in order of time, so that it tells how far one is.
const FROM: HeaderName = HeaderName::from_static("x-netloom-from");
const TO: HeaderName = HeaderName::from_static("x-netloom-to");

/// A place for each export that may run.
#[derive(Clone)]
pub struct Places(Arc<Semaphore>);

/// The routes of this area.
pub fn router() -> Router<WebState> {
    let places = Places(Arc::new(Semaphore::new(EXPORTS_MAX)));
    Router::new().route("/api/v1/export", get(export)).layer(Extension(places))
}

/// All samples that match, as they were taken: window by window in order of time, series by series in each. A connection
/// that ends early has not delivered everything.
#[utoipa::path(get, path = "/api/v1/export", tag = "query", params(ExportText), responses(
    (status = 200, description = "comma-separated values, or lines of JSON as POST /api/v1/samples takes them", content(
        (String = "text/csv"), (String = "application/x-ndjson"),
    ), headers(
        ("X-Netloom-From" = i64, description = "start of the range, ms"),
        ("X-Netloom-To" = i64, description = "end of the range, ms"),
        ("X-Netloom-Samples" = u64, description = "about how many samples come; only when everything is asked for"),
    )),
    (status = 400, description = "a parameter is wrong", body = Problem),
    (status = 404, description = "there is no such metric or run", body = Problem),
    (status = 503, description = "too many exports", body = Problem),
))]
pub async fn export(
    State(state): State<WebState>,
    Extension(places): Extension<Places>,
    pairs: Result<UrlQuery<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, ProblemReply> {
    let text = read(pairs)?;
    let mut export = text.parse(clock::now())?;
    let mut nodes = Vec::new();
    if let Some(id) = &text.run {
        let (from_ms, to_ms, of_run) = run_window(&state, id).await?;
        (export.from_ms, export.to_ms) = (export.from_ms.max(from_ms), export.to_ms.min(to_ms));
        nodes = of_run;
    }
    let size = state.stores.samples.size().await?;
    export.from_ms = export.from_ms.max(size.oldest_ms.unwrap_or(0).min(export.to_ms));
    let is_everything = export.metrics.is_empty() && export.labels.is_empty() && text.run.is_none();
    let is_always = text.from.is_none() && text.to.is_none();
    let raw = size.tiers.first().map_or(0, |tier| tier.samples);
    let samples = (is_everything && is_always).then_some(raw + size.unsealed);

    let series = state.stores.samples.catalog().read(|catalog| select(catalog, &export, &nodes))?;
    let place = places.0.try_acquire_owned().map_err(|_| {
        let detail = format!("{EXPORTS_MAX} exports are running already: wait until one is done");
        ProblemReply::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-exports", detail)
    })?;
    let headers = headers(&export, samples);
    let scan = Scan { series, from_ms: export.from_ms, to_ms: export.to_ms };
    let (store, shutdown) = (state.stores.samples, state.shutdown);
    // The first page before the answer begins: when the store fails, it can still be said.
    let first = store.scan(&scan, ScanPlace::default()).await?;
    let lines = Lines::new(export.format, Source { store, scan, shutdown, _place: place }, first);
    let body = stream::try_unfold(lines, |mut lines| async move {
        let chunk = lines.next().await.inspect_err(|error| tracing::warn!(%error, "an export broke off"))?;
        Ok::<_, StoreError>(chunk.map(|chunk| (chunk, lines)))
    });
    Ok((headers, Body::from_stream(body)).into_response())
}

fn read(pairs: Result<UrlQuery<Vec<(String, String)>>, QueryRejection>) -> Result<ExportText, ProblemReply> {
    let UrlQuery(pairs) = pairs?;
    let mut text = ExportText::default();
    for (name, value) in pairs {
        text.set(&name, value).map_err(|why| ProblemReply::bad_parameter(&name, &why))?;
    }
    Ok(text)
}

/// When a training run was, ms, and on which nodes; all when there are none.
async fn run_window(state: &WebState, id: &str) -> Result<(i64, i64, Vec<String>), ProblemReply> {
    let run = state.runs.run(id).await.map_err(|error| ProblemReply::from(error).at("run"))?;
    let (from_ms, to_ms) = run.interval(clock::now());
    Ok((from_ms, to_ms, run.nodes))
}

/// The series that are asked for, in order of their numbers.
fn select(catalog: &Catalog, export: &Export, nodes: &[String]) -> Result<Vec<SeriesId>, ProblemReply> {
    if let Some(metric) = export.metrics.iter().find(|metric| !catalog.knows(metric)) {
        return Err(ProblemReply::unknown_metric(metric));
    }
    let mut series: Vec<SeriesId> = if export.metrics.is_empty() {
        catalog.all().filter(|(_, key)| key.carries(&export.labels)).map(|(id, _)| id).collect()
    } else {
        export.metrics.iter().flat_map(|metric| catalog.select(metric, &export.labels)).collect()
    };
    if !nodes.is_empty() {
        series.retain(|id| catalog.key(*id).is_some_and(|key| nodes.iter().any(|node| node == key.node())));
    }
    series.sort_unstable();
    Ok(series)
}

fn headers(export: &Export, samples: Option<u64>) -> HeaderMap {
    let format = export.format;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(FROM, export.from_ms.into());
    headers.insert(TO, export.to_ms.into());
    if let Some(samples) = samples {
        headers.insert(SAMPLES, samples.into());
    }
    let stamp = file_stamp(Timestamp(export.to_ms));
    let disposition = format!("attachment; filename=\"netloom-{stamp}.{}\"", format.name());
    if let Ok(disposition) = disposition.parse() {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    headers
}

/// Where pages come from.
struct Source {
    store: Arc<dyn Store>,
    scan: Scan,
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// The lines of an export, made as they are sent. Between two pages nothing of the database is held, however slow the
/// client is.
struct Lines {
    format: ExportFormat,
    source: Source,
    series: IntoIter<(SeriesId, Vec<(i64, f64)>)>,
    current: Option<(LineWriter, IntoIter<(i64, f64)>)>,
    next: Option<ScanPlace>,
    chunk: Vec<u8>,
}

impl Lines {
    fn new(format: ExportFormat, source: Source, first: ScanPage) -> Self {
        let (series, next) = (first.series.into_iter(), first.next);
        Self { format, source, series, current: None, next, chunk: format.head().as_bytes().to_vec() }
    }

    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            self.fill();
            if !self.chunk.is_empty() {
                return Ok(Some(std::mem::take(&mut self.chunk).into()));
            }
            let Some(place) = self.next.take() else { return Ok(None) };
            let page = tokio::select! {
                // Looked at first: pages that are always at hand must not outrun the end.
                biased;
                () = self.source.shutdown.cancelled() => {
                    return Err(StoreError::Unusable("the hub is stopping".into()));
                }
                page = self.source.store.scan(&self.source.scan, place) => page?,
            };
            (self.series, self.next) = (page.series.into_iter(), page.next);
        }
    }

    /// Writes lines of this page until there are enough.
    fn fill(&mut self) {
        while self.chunk.len() < CHUNK_BYTES {
            let sample = self.current.as_mut().and_then(|(_, samples)| samples.next());
            if let (Some((ts_ms, value)), Some((writer, _))) = (sample, &self.current) {
                writer.write(ts_ms, value, &mut self.chunk);
                continue;
            }
            let Some((id, samples)) = self.series.next() else { return };
            let key = self.source.store.catalog().key(id);
            self.current = key.map(|key| (LineWriter::new(self.format, &key), samples.into_iter()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use netloom_core::{
        api::StoreSize,
        query::{Query, SeriesPoints},
        sample::SeriesKey,
        series::{Rows, SharedCatalog},
    };

    use super::*;
    use crate::store::Keep;

    const PAGES: usize = 6;
    const PAGE_SAMPLES: usize = 50_000;

    /// Counts the pages that were read from it.
    #[derive(Default)]
    struct Counting {
        catalog: SharedCatalog,
        pages: AtomicUsize,
    }

    #[async_trait]
    impl Store for Counting {
        fn catalog(&self) -> &SharedCatalog {
            &self.catalog
        }

        async fn scan(&self, scan: &Scan, place: ScanPlace) -> Result<ScanPage, StoreError> {
            self.pages.fetch_add(1, Ordering::Relaxed);
            let samples = (0..PAGE_SAMPLES as i64).map(|at| (at, 1.0)).collect();
            let next = (place.1 + 1 < PAGES).then_some(ScanPlace(0, place.1 + 1));
            Ok(ScanPage { series: vec![(scan.series[0], samples)], next })
        }

        fn takes_from_ms(&self) -> i64 {
            0
        }

        async fn intern(&self, _: &[SeriesKey]) -> Result<Vec<SeriesId>, StoreError> {
            Err(StoreError::Busy)
        }

        async fn append(&self, _: &[Rows]) -> Result<Vec<bool>, StoreError> {
            Err(StoreError::Busy)
        }

        async fn query(&self, _: &Query) -> Result<Vec<SeriesPoints>, StoreError> {
            Err(StoreError::Busy)
        }

        async fn maintain(&self, _: &Keep, _: i64) -> Result<bool, StoreError> {
            Err(StoreError::Busy)
        }

        async fn size(&self) -> Result<StoreSize, StoreError> {
            Err(StoreError::Busy)
        }
    }

    async fn lines(shutdown: &CancellationToken) -> (Arc<Counting>, Lines) {
        let store = Arc::new(Counting::default());
        let id = store.catalog.write(|catalog| {
            catalog.insert(SeriesId(0), SeriesKey::new("rtt_us", [("src", "a")]));
            SeriesId(0)
        });
        let scan = Scan { series: vec![id], from_ms: 0, to_ms: i64::MAX };
        let first = store.scan(&scan, ScanPlace::default()).await.expect("a page");
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a place");
        let source = Source { store: store.clone(), scan, shutdown: shutdown.clone(), _place: place };
        (store, Lines::new(ExportFormat::Csv, source, first))
    }

    #[tokio::test]
    async fn pages_are_read_as_the_client_reads_and_chunks_stay_small() {
        let (store, mut lines) = lines(&CancellationToken::new()).await;
        let mut written = 0;
        while let Some(chunk) = lines.next().await.expect("goes on") {
            assert!(chunk.len() < CHUNK_BYTES + 1_024 && chunk.ends_with(b"\n"));
            written += chunk.split(|byte| *byte == b'\n').count() - 1;
            // Never more than the page that these lines are from.
            assert_eq!(store.pages.load(Ordering::Relaxed), (written - 2) / PAGE_SAMPLES + 1);
        }
        assert_eq!(written, PAGES * PAGE_SAMPLES + 1);
    }

    #[tokio::test]
    async fn an_export_that_the_end_of_the_hub_cuts_is_no_whole_one() {
        let shutdown = CancellationToken::new();
        let (_, mut lines) = lines(&shutdown).await;
        shutdown.cancel();
        while let Ok(chunk) = lines.next().await {
            assert!(chunk.is_some(), "it ends like a whole one");
        }
    }
}
