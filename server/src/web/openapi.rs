//! The OpenAPI document of everything that scripts may rely on.

use axum::{Json, Router, routing::get};
use utoipa::OpenApi;

use super::{
    WebState, agents, alerts, diagnoses, export, health, layout, marks, metrics, network, nodes, notify, paths, push,
    query, rules, runs, settings, silences, storage, stream, throughput, verdict,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Netloom",
        description = "Whether the network is holding distributed training back: where, since when.",
        license(identifier = "Apache-2.0")
    ),
    paths(
        health::alive,
        health::ready,
        metrics::metrics,
        network::network,
        network::alerts,
        network::health,
        nodes::nodes,
        agents::agents,
        agents::make_code,
        agents::revoke,
        alerts::alerts,
        alerts::raise,
        alerts::details,
        alerts::acknowledge,
        alerts::give_back,
        alerts::export::alerts,
        silences::silences,
        silences::create,
        silences::end,
        throughput::test,
        throughput::budget,
        query::metrics,
        query::query,
        query::matrix,
        export::export,
        push::samples,
        push::remote_write::write,
        diagnoses::diagnoses,
        diagnoses::create,
        diagnoses::read,
        diagnoses::report,
        diagnoses::items,
        diagnoses::delete,
        rules::rules,
        rules::preview,
        runs::list,
        runs::create,
        runs::read,
        runs::change,
        runs::end,
        runs::step::step,
        runs::events,
        runs::add_event,
        runs::compare::compare,
        settings::document,
        settings::details,
        settings::change,
        settings::history::history,
        settings::history::undo,
        settings::exchange::export,
        settings::exchange::import,
        notify::notifications,
        notify::test,
        storage::storage,
        layout::layout,
        layout::change,
        layout::clear,
        marks::marks,
        marks::create,
        paths::paths,
        verdict::verdict,
        stream::stream_events,
        stream::change_stream,
        document,
    )
)]
struct Document;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/openapi.json", get(document))
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "openapi", tag = "process", responses((status = 200, description = "OpenAPI 3.1")))]
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
