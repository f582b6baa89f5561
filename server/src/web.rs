//! The hub over HTTP: the router, and what holds for every request. Each module owns the routes of its area.

mod agents;
mod alerts;
mod assets;
mod body;
mod diagnoses;
mod export;
mod guard;
mod health;
mod layout;
mod marks;
mod metrics;
mod network;
mod nodes;
mod notify;
mod openapi;
mod pages;
mod paths;
pub(crate) mod problem;
mod push;
mod query;
mod rules;
mod runs;
mod settings;
mod silences;
mod storage;
mod stream;
mod throughput;
mod user;
mod verdict;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
};
use netloom_core::time::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer, timeout::TimeoutLayer};

use crate::{
    agents::AgentKeeper,
    board::Board,
    desk::DeskHandle,
    diagnoses::DiagnosisKeeper,
    errands::ErrandDesk,
    ingest::{IngestCounts, IngestHandle},
    layout::LayoutKeeper,
    live::Live,
    marks::MarkKeeper,
    matrix::MatrixFeed,
    notify::NotifierHandle,
    paths::PathKeeper,
    rules::{RuleCount, preview::Previewer},
    runs::RunKeeper,
    settings::SettingsKeeper,
    store::Stores,
    throughput::Arranger,
    uplink::UplinkPlace,
    watcher::WatchCounts,
};

pub use stream::Connections;

/// The largest request body: a settings document with every target is a hundredth of it.
const BODY_MAX_BYTES: usize = 1_024 * 1_024;
/// The longest any answer may take, the live stream and exports apart.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub struct WebState {
    /// The cluster's name.
    pub cluster: Arc<str>,
    /// Whether this is a demo.
    pub is_demo: bool,
    /// When the hub started.
    pub started: Timestamp,
    /// Where history is.
    pub stores: Stores,
    /// What is known now.
    pub board: Arc<Board>,
    /// What happens.
    pub live: Arc<Live>,
    /// Who has to do with incidents.
    pub desk: DeskHandle,
    /// The matrices that are looked at.
    pub matrices: Arc<MatrixFeed>,
    /// The open streams.
    pub connections: Connections,
    /// The settings.
    pub keeper: Arc<SettingsKeeper>,
    /// The training runs.
    pub runs: Arc<RunKeeper>,
    /// Which nodes stand together.
    pub layout: Arc<LayoutKeeper>,
    /// Who joined.
    pub agents: Arc<AgentKeeper>,
    /// What nodes are to do once.
    pub errands: Arc<ErrandDesk>,
    /// What nodes checked on demand.
    pub diagnoses: Arc<DiagnosisKeeper>,
    /// Who has nodes test throughput.
    pub arranger: Arc<Arranger>,
    /// The marks on the time axis.
    pub marks: Arc<MarkKeeper>,
    /// The ways of packets.
    pub paths: Arc<PathKeeper>,
    /// Where others may join, if they may.
    pub uplink: Option<UplinkPlace>,
    /// What ingest did.
    pub counts: watch::Receiver<IngestCounts>,
    /// How the rules fare.
    pub census: watch::Receiver<Vec<RuleCount>>,
    /// Tries rules over the past.
    pub previewer: Arc<Previewer>,
    /// What the watcher of the mesh did.
    pub watched: Arc<WatchCounts>,
    /// Who tells people of incidents.
    pub notifier: NotifierHandle,
    /// Where samples are handed in.
    pub ingest: IngestHandle,
    /// Ends open streams.
    pub shutdown: CancellationToken,
}

/// All routes.
pub async fn router(state: WebState) -> Router {
    let answers = Router::new()
        .merge(health::router())
        .merge(metrics::router())
        .merge(network::router())
        .merge(nodes::router())
        .merge(alerts::router())
        .merge(silences::router())
        .merge(agents::router())
        .merge(query::router())
        .merge(push::router())
        .merge(diagnoses::router())
        .merge(rules::router())
        .merge(runs::router())
        .merge(settings::router())
        .merge(notify::router())
        .merge(storage::router())
        .merge(layout::router())
        .merge(marks::router())
        .merge(paths::router())
        .merge(verdict::router())
        .merge(openapi::router())
        .merge(assets::router())
        .merge(pages::router(&state).await)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_LIMIT));
    answers
        .merge(stream::router())
        .merge(export::router())
        .merge(throughput::router())
        .merge(alerts::export::router())
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(middleware::from_fn(guard::check))
        .layer(header_of(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_of(header::REFERRER_POLICY, "same-origin"))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .with_state(state)
}

fn header_of(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
