//! Incidents: what is and was wrong, who takes it on, and what jobs raise.

pub(super) mod export;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use netloom_core::{
    api::Problem,
    incident::{
        AcknowledgeRequest, Acknowledgement, Incident, IncidentDetails, IncidentState, RaiseRequest, TimelineEntry,
        TimelineKind,
        raise::check_text,
        search::{IncidentSearch, IncidentText},
    },
    settings::FieldError,
    silence::{NAME_MAX_CHARS, WHY_MAX_CHARS},
};

use super::{WebState, body, problem::ProblemReply, user::User};
use crate::{clock, desk::DeskError, store::StoreError};

/// Incidents in one answer, when the client names no number: as many as pages have at hand.
const LIMIT_USUAL: usize = 500;
/// Incidents in one answer at most: a megabyte.
const LIMIT_MOST: usize = 1_000;
/// Incidents that are read at once while searching.
const READ_INCIDENTS: usize = 500;
/// How far apart others may begin that are related, ms.
const RELATED_MS: i64 = 10 * 60_000;
/// Incidents of about the same time that are looked at, and those of them that are shown: a page of them is readable.
const RELATED_LOOKED_AT: usize = 2_000;
const RELATED_MAX: usize = 50;
/// How long a job should wait when too many incidents are open, s.
const TOO_MANY_RETRY_S: u64 = 60;

/// The kind of problem of a field that is wrong.
const INVALID: &str = "invalid-alert";

type Body = Result<Bytes, BytesRejection>;
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new()
        .route("/api/v1/alerts", get(alerts).post(raise))
        .route("/api/v1/alerts/{id}", get(details))
        .route("/api/v1/alerts/{id}/acknowledgement", put(acknowledge).delete(give_back))
}

/// Which part of the list is wanted.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by hand, described here")]
pub struct PageText {
    /// The number of an incident, for those behind it in the list.
    before: Option<u64>,
    /// At most this many, 500 when left out, 1,000 at most.
    limit: Option<usize>,
}

/// What of the list is wanted.
struct Page {
    search: IncidentSearch,
    before: u64,
    limit: usize,
}

/// Incidents, newest first: pending, firing and resolved. Without parameters, those that pages show at first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(IncidentText, PageText), responses(
    (status = 200, description = "incidents, newest first", body = Vec<Incident>),
    (status = 400, description = "a parameter is wrong", body = Problem),
))]
pub async fn alerts(State(state): State<WebState>, pairs: Pairs) -> Result<Json<Vec<Incident>>, ProblemReply> {
    let Query(pairs) = pairs?;
    if pairs.is_empty() {
        return Ok(Json(state.board.incidents()));
    }
    let Page { search, mut before, limit } = page(pairs)?;
    // What is pending is not in the ledger.
    let mut found = state.board.incidents();
    found.retain(|one| one.state == IncidentState::Pending && one.id < before && search.finds(one));
    let mut kept = 0;
    while kept < limit {
        let to_ms = search.to_ms.unwrap_or(i64::MAX);
        let incidents =
            state.stores.ledger.incidents_before(before, to_ms, search.is_of_open(), READ_INCIDENTS).await?;
        let Some(last) = incidents.last() else { break };
        before = last.id;
        let wanted = incidents.into_iter().filter(|incident| search.finds(incident));
        let count = found.len();
        found.extend(wanted.take(limit - kept));
        kept += found.len() - count;
    }
    found.sort_by_key(|incident| std::cmp::Reverse(incident.id));
    found.truncate(limit);
    Ok(Json(found))
}

fn page(pairs: Vec<(String, String)>) -> Result<Page, ProblemReply> {
    let number = |name: &str, value: &str, most: u64| {
        let number = value.parse::<u64>().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| ProblemReply::bad_parameter(name, &format!("{value:?} is not a number from 1 to {most}")))
    };
    let (mut text, mut before, mut limit) = (IncidentText::default(), u64::MAX, LIMIT_USUAL);
    for (name, value) in pairs {
        match name.as_str() {
            "before" | "limit" if value.is_empty() => {}
            "before" => before = number(&name, &value, i64::MAX as u64)?,
            "limit" => limit = number(&name, &value, LIMIT_MOST as u64)? as usize,
            _ => text.set(&name, value).map_err(|why| ProblemReply::bad_parameter(&name, &why))?,
        }
    }
    Ok(Page { search: text.parse(clock::now())?, before, limit })
}

/// One incident with its timeline, and others of about the same time and the same nodes.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", operation_id = "alert", tag = "alerts", params(("id" = u64, Path, description = "the incident")), responses(
    (status = 200, description = "the incident", body = IncidentDetails),
    (status = 404, description = "there is no such incident", body = Problem),
))]
pub async fn details(
    State(state): State<WebState>,
    Path(id): Path<String>,
) -> Result<Json<IncidentDetails>, ProblemReply> {
    let id = number_of(&id)?;
    let ledger = &state.stores.ledger;
    let kept = match state.board.incident(id) {
        Some(incident) => Some(incident),
        None => ledger.incident(id).await?,
    };
    let incident = kept.ok_or(DeskError::UnknownIncident(id))?;
    let mut timeline = ledger.incident_steps(id).await?;
    if timeline.is_empty() {
        // Pending, or kept before there were timelines.
        let text = incident.message.clone();
        timeline.push(TimelineEntry { at: incident.started_at, kind: TimelineKind::Began, text });
    }
    let related = related(&state, &incident).await?;
    Ok(Json(IncidentDetails { incident, timeline, related }))
}

async fn related(state: &WebState, incident: &Incident) -> Result<Vec<Incident>, StoreError> {
    let around = incident.started_at.ms();
    let (from_ms, to_ms) = (around - RELATED_MS, around + RELATED_MS);
    let mut related = state.stores.ledger.incidents_within(from_ms, to_ms, RELATED_LOOKED_AT).await?;
    let shares = |other: &Incident| other.nodes().any(|name| incident.nodes().any(|own| own == name));
    related.retain(|other| other.id != incident.id && shares(other));
    related.sort_by_key(|incident| std::cmp::Reverse(incident.id));
    related.truncate(RELATED_MAX);
    Ok(related)
}

/// Raises an incident. The same type with the same labels is the same incident as long as it is open; `firing: false` ends
/// it.
#[utoipa::path(post, path = "/api/v1/alerts", operation_id = "raise_alert", tag = "alerts", request_body = RaiseRequest, responses(
    (status = 201, description = "it fires; `Location` is its address", body = Incident),
    (status = 200, description = "it was open already, and is as it was said now", body = Incident),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is none to end", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
    (status = 429, description = "too many, `Retry-After` says when to try again", body = Problem),
))]
pub async fn raise(State(state): State<WebState>, User(who): User, body: Body) -> Result<Response, Response> {
    let request = body::read::<RaiseRequest>(body, INVALID).map_err(IntoResponse::into_response)?;
    let (incident, is_new) = state.desk.raise(request, who).await.map_err(refused)?;
    if is_new {
        let location = [(header::LOCATION, format!("/api/v1/alerts/{}", incident.id))];
        return Ok((StatusCode::CREATED, location, Json(incident)).into_response());
    }
    Ok(Json(incident).into_response())
}

/// A refusal, with the time after which to try again where there is one.
fn refused(error: DeskError) -> Response {
    let after_s = match error {
        DeskError::TooFast { after_s } => Some(after_s),
        DeskError::TooManyRaised => Some(TOO_MANY_RETRY_S),
        _ => None,
    };
    let reply = ProblemReply::from(error);
    match after_s {
        Some(after_s) => ([(header::RETRY_AFTER, after_s.to_string())], reply).into_response(),
        None => reply.into_response(),
    }
}

/// Takes an incident on: it is shown, and nobody is reminded any more. The same request may be sent again.
#[utoipa::path(put, path = "/api/v1/alerts/{id}/acknowledgement", operation_id = "acknowledge_alert", tag = "alerts", request_body = AcknowledgeRequest, params(("id" = u64, Path, description = "the incident")), responses(
    (status = 200, description = "the incident as it is now", body = Incident),
    (status = 400, description = "not JSON", body = Problem),
    (status = 404, description = "there is no such incident", body = Problem),
    (status = 409, description = "it does not fire", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn acknowledge(
    State(state): State<WebState>,
    Path(id): Path<String>,
    User(who): User,
    body: Body,
) -> Result<Json<Incident>, ProblemReply> {
    let (id, request) = (number_of(&id)?, said(body, who)?);
    let acknowledgement = Acknowledgement { by: request.by, at: clock::now(), note: request.note };
    Ok(Json(state.desk.acknowledge(id, acknowledgement).await?))
}

/// Gives an incident back. The same request may be sent again.
#[utoipa::path(delete, path = "/api/v1/alerts/{id}/acknowledgement", operation_id = "give_back_alert", tag = "alerts", request_body = AcknowledgeRequest, params(("id" = u64, Path, description = "the incident")), responses(
    (status = 200, description = "the incident as it is now", body = Incident),
    (status = 404, description = "there is no such incident", body = Problem),
    (status = 409, description = "it does not fire", body = Problem),
    (status = 422, description = "a field is wrong", body = Problem),
))]
pub async fn give_back(
    State(state): State<WebState>,
    Path(id): Path<String>,
    User(who): User,
    body: Body,
) -> Result<Json<Incident>, ProblemReply> {
    let (id, request) = (number_of(&id)?, said(body, who)?);
    Ok(Json(state.desk.give_back(id, request.by).await?))
}

/// What somebody says who takes an incident on; `who` says it, when the request does not tell.
fn said(body: Body, who: String) -> Result<AcknowledgeRequest, ProblemReply> {
    let AcknowledgeRequest { by, note } = body::read(body, INVALID)?;
    let by = if by.trim().is_empty() { who } else { by.trim().to_owned() };
    let wrong = [check_text("by", &by, NAME_MAX_CHARS), check_text("note", &note, WHY_MAX_CHARS)];
    let errors: Vec<FieldError> = wrong.into_iter().flatten().collect();
    if errors.is_empty() {
        return Ok(AcknowledgeRequest { by, note: note.trim().to_owned() });
    }
    Err(DeskError::Invalid(errors).into())
}

fn number_of(id: &str) -> Result<u64, ProblemReply> {
    let number = id.parse::<u64>().ok().filter(|id| i64::try_from(*id).is_ok());
    number.ok_or_else(|| {
        let detail = format!("no incident has the number {id:?}");
        ProblemReply::new(StatusCode::NOT_FOUND, "unknown-alert", detail).at("id")
    })
}

impl From<DeskError> for ProblemReply {
    fn from(error: DeskError) -> Self {
        let detail = error.to_string();
        let of = |status, kind| Self::new(status, kind, detail);
        match error {
            DeskError::Invalid(errors) => of(StatusCode::UNPROCESSABLE_ENTITY, INVALID).with_errors(errors),
            DeskError::UnknownIncident(_) => of(StatusCode::NOT_FOUND, "unknown-alert").at("id"),
            DeskError::UnknownSilence(_) => of(StatusCode::NOT_FOUND, "unknown-silence").at("id"),
            DeskError::NotFiring(_) => of(StatusCode::CONFLICT, "alert-not-firing").at("id"),
            DeskError::NotRaised(_) => of(StatusCode::NOT_FOUND, "alert-not-raised").at("type"),
            DeskError::TooManyRaised => of(StatusCode::TOO_MANY_REQUESTS, "too-many-alerts").at("labels"),
            DeskError::TooManySilences => of(StatusCode::CONFLICT, "too-many-silences").at("matcher"),
            DeskError::TooFast { .. } => of(StatusCode::TOO_MANY_REQUESTS, "too-many-requests"),
            DeskError::Stopping => of(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            DeskError::Store(error) => error.into(),
        }
    }
}
