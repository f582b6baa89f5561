//! The pages, rendered on the server. The only file that knows the user interface.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use leptos::{config::LeptosOptions, nonce::Nonce, prelude::provide_context};
use netloom_app::{App, shell};
use netloom_core::{
    api::Boot,
    run::{Run, search::RunSearch},
};

use super::{WebState, assets, problem};
use crate::{clock, runs::Before};

/// The name under which the client's files are built.
const OUTPUT_NAME: &str = "netloom";
/// Runs that every page knows at first: a screenful of the list, and what people search for by name.
const RUNS_AT_FIRST: usize = 50;

/// Every page of the application, and for any other path the page that says so.
pub async fn router(state: &WebState) -> Router<WebState> {
    let boot = boot(state, "/").await;
    let context = move || provide_context(boot.clone());
    let (listing, _) = leptos_axum::generate_route_list_with_exclusions_and_ssg_and_context(App, None, context);
    let mut router = Router::new();
    for place in &listing {
        router = router.route(place.path(), get(page));
    }
    router.fallback(missing)
}

/// What the page at a path knows when it is first drawn.
async fn boot(state: &WebState, path: &str) -> Boot {
    Boot {
        cluster: state.cluster.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: clock::now(),
        nodes: state.board.nodes(),
        incidents: state.board.incidents(),
        health: state.board.health(),
        settings: state.keeper.details().await,
        storage_problem: state.board.storage_problem(),
        runs: runs(state, path).await,
        verdict: state.board.verdict(),
        demo: state.is_demo,
    }
}

/// The newest runs, and the one that the path names if it is older.
async fn runs(state: &WebState, path: &str) -> Vec<Run> {
    let newest = state.runs.search(&RunSearch::default(), Before::End, RUNS_AT_FIRST).await;
    let mut runs = newest.unwrap_or_else(|error| {
        tracing::error!(%error, "a page is drawn without runs");
        Vec::new()
    });
    let named = path.strip_prefix("/runs/").filter(|id| runs.iter().all(|run| run.id != *id));
    if let Some(id) = named {
        runs.extend(state.runs.run(id).await);
    }
    runs
}

async fn page(State(state): State<WebState>, request: Request) -> Response {
    render(&state, request).await
}

/// Programs get a problem document, people get a page.
async fn missing(State(state): State<WebState>, request: Request) -> Response {
    let path = request.uri().path();
    let is_page = request.method() == Method::GET && !path.starts_with("/api/");
    if !is_page {
        return problem::not_found(request.uri()).into_response();
    }
    let mut response = render(&state, request).await;
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

async fn render(state: &WebState, request: Request) -> Response {
    let boot = boot(state, request.uri().path()).await;
    let Some(pkg_dir) = assets::pkg_dir() else {
        let detail = "this netloom was built without its pages; build it with: cargo xtask run";
        return problem::ProblemReply::new(StatusCode::NOT_IMPLEMENTED, "no-pages", detail).into_response();
    };
    let options = LeptosOptions::builder().output_name(OUTPUT_NAME).site_pkg_dir(pkg_dir).build();
    let nonce = Nonce::new();
    let policy = policy(&nonce);
    let boot_json: Arc<str> = serde_json::to_string(&boot).unwrap_or_default().into();
    let context = {
        let nonce = nonce.clone();
        move || {
            provide_context(nonce.clone());
            provide_context(boot.clone());
        }
    };
    let document = move || shell(options.clone(), &boot_json, Some(nonce.clone()));
    let mut response = leptos_axum::render_app_async_with_context(context, document)(request).await;
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // The page carries figures of the moment.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Scripts come from this hub only; styles may stand in attributes, because chart tooltips are built that way.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}
