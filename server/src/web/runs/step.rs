//! Steps of a run, and the rounds of probes that they ask for.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
};
use futures::future::join_all;
use netloom_core::{
    api::{NodeState, Problem},
    errand::{Errand, FETCH_WITHIN_MS},
    run::step::{Decision, NewStep, StepReply},
};
use tokio::time::timeout;

use super::{Body, INVALID};
use crate::{
    errands::Handed,
    web::{WebState, body, problem::ProblemReply},
};

/// Nobody waits for what nodes tell of a round; it is taken off their hands for this long.
const LISTEN: Duration = Duration::from_millis(FETCH_WITHIN_MS as u64 + 5_000);

/// A step was done. When it passes a multiple of `every`, the nodes of the run probe their targets once, at once, and leave
/// the clock's rounds out for a while. Any rank may tell it, or all of them, in any order; it costs no write.
#[utoipa::path(post, path = "/api/v1/runs/{id}/step", operation_id = "run_step", tag = "runs", request_body = NewStep, params(("id" = String, Path, description = "the run")), responses(
    (status = 200, description = "whether there is a round, and why", body = StepReply),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is no such run", body = Problem),
    (status = 409, description = "the run has ended", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn step(
    State(state): State<WebState>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<StepReply>, ProblemReply> {
    let new = body::read::<NewStep>(body, INVALID)?;
    Ok(Json(match state.runs.step(&id, new).await? {
        (Decision::Nothing(why), _) => StepReply::no(why),
        (Decision::Round(hold_ms), nodes) => round(&state, &nodes, new, hold_ms),
    }))
}

/// Has nodes probe; all that report when none is named.
fn round(state: &WebState, nodes: &[String], new: NewStep, hold_ms: u64) -> StepReply {
    let is_asked = |node: &String| nodes.is_empty() || nodes.contains(node);
    let known = state.board.nodes().into_iter().filter(|status| status.status != NodeState::Silent);
    let here: Vec<String> = known.map(|status| status.info.node).filter(is_asked).collect();
    if here.is_empty() {
        return StepReply::no("none of the nodes of the run reports");
    }
    // A node that is too busy for it probes by its clock.
    let given = here.iter().filter_map(|node| state.errands.give(node, Errand::Round { hold_ms }).ok());
    let given: Vec<Handed> = given.collect();
    let count = given.len();
    if count == 0 {
        return StepReply::no("the nodes of the run have too many errands to do already");
    }
    tokio::spawn(async move {
        let listen = |mut handed: Handed| async move { while handed.reports.recv().await.is_some() {} };
        // What is told later is counted as dropped, and no more.
        let _ = timeout(LISTEN, join_all(given.into_iter().map(listen))).await;
    });
    let probe = if count == 1 { "1 node probes".to_owned() } else { format!("{count} nodes probe") };
    StepReply { round: true, why: format!("step {} passed a multiple of {}: {probe}", new.step, new.every) }
}
