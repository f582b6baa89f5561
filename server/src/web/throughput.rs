//! Tests of throughput between nodes.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::StatusCode,
    routing::{get, post},
};
use netloom_core::{
    api::Problem,
    check::{
        Finding,
        throughput::request::{TestBudget, TestRequest},
    },
};

use super::{WebState, body, problem::ProblemReply, user::User};
use crate::throughput::Refusal;

/// The kind of problem of a field that is wrong.
const INVALID: &str = "invalid-test";

/// The routes of this area. A test takes as long as it says, so the usual limit of answers does not hold.
pub fn router() -> Router<WebState> {
    Router::new().route("/api/v1/throughput", post(test)).route("/api/v1/throughput/budget", get(budget))
}

/// Tests throughput between two nodes, and answers when the test is over. Whoever hangs up gives it up.
#[utoipa::path(post, path = "/api/v1/throughput", operation_id = "test_throughput", tag = "diagnosis", request_body = TestRequest, responses(
    (status = 200, description = "what was found; a test that failed is found, too", body = Finding),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "a node is not known", body = Problem),
    (status = 409, description = "tests are switched off, a training run is active, or a node has a test already", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
    (status = 503, description = "a node does not do it", body = Problem),
))]
pub async fn test(
    State(state): State<WebState>,
    User(by): User,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Finding>, ProblemReply> {
    let request = named(&state, body::read::<TestRequest>(body, INVALID)?);
    Ok(Json(state.arranger.test(&by, &request).await?))
}

/// What a test would take, with the same fields as parameters.
#[utoipa::path(get, path = "/api/v1/throughput/budget", operation_id = "throughput_budget", tag = "diagnosis",
    params(
        ("src" = Option<String>, Query, description = "the node that asks for the test"),
        ("dst" = String, Query, description = "the node that it tests against"),
        ("protocol" = Option<String>, Query, description = "tcp or udp"),
        ("direction" = Option<String>, Query, description = "up, down or both"),
        ("streams" = Option<u16>, Query, description = "connections at once"),
        ("duration_s" = Option<f64>, Query, description = "how long is measured"),
        ("rate_bps" = Option<u64>, Query, description = "the rate of UDP"),
        ("during_run" = Option<bool>, Query, description = "says yes to a test while a training run is active"),
    ),
    responses(
        (status = 200, description = "time and bytes at most, and why it would be refused", body = TestBudget),
        (status = 400, description = "a parameter is wrong", body = Problem),
        (status = 422, description = "a field is wrong", body = Problem),
    ))]
pub async fn budget(
    State(state): State<WebState>,
    request: Result<Query<TestRequest>, QueryRejection>,
) -> Result<Json<TestBudget>, ProblemReply> {
    let Query(request) = request?;
    Ok(Json(state.arranger.budget(&named(&state, request))?))
}

/// A request that names no node means the hub's own.
fn named(state: &WebState, request: TestRequest) -> TestRequest {
    let src = if request.src.is_empty() { state.agents.own_node().to_owned() } else { request.src };
    TestRequest { src, ..request }
}

impl From<Refusal> for ProblemReply {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Off | Refusal::RunActive(_) | Refusal::Busy(_) => StatusCode::CONFLICT,
            Refusal::UnknownNode(_) => StatusCode::NOT_FOUND,
            Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::NotServed { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        let problem = Self::new(status, refusal.kind(), refusal.to_string());
        match refusal {
            Refusal::Invalid(wrong) => problem.with_errors(vec![wrong]),
            Refusal::RunActive(_) => problem.at("during_run"),
            _ => problem,
        }
    }
}
