//! The hub's API as far as these subcommands use it.

use std::time::Duration;

use anyhow::{Context, bail};
use netloom_core::{
    api::{NodeStatus, Problem},
    diagnosis::{Diagnosis, DiagnosisRequest},
    mark::NewMark,
    run::request::{ChangeRun, EndRun, NewRun},
};
use reqwest::{Method, Response, StatusCode, Url};
use serde::{Serialize, de::DeserializeOwned};

use super::hub::innermost;

/// The longest one request may take: a hub that answers at all answers at once.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// The same for a diagnosis: with throughput, the hub has two nodes agree before it answers.
const DIAGNOSE_LIMIT: Duration = Duration::from_secs(20);

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The hub did not answer, or not now: the same request may do later.
    #[error("{0}")]
    Away(String),
    /// The hub knows no such run.
    #[error("{0}")]
    Unknown(String),
    /// The hub will never take it.
    #[error("{0}")]
    Refused(String),
}

/// A hub.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    url: Url,
    client: reqwest::Client,
}

impl Hub {
    /// The hub at a URL; nothing is sent yet.
    ///
    /// # Errors
    /// When the URL is not one.
    pub(crate) fn at(url: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url).with_context(|| format!("--hub: {url:?} is not a URL"))?;
        if url.scheme() != "http" || url.host().is_none() {
            bail!("--hub: {url} is not of the form http://HOST:PORT");
        }
        // A proxy of the cluster leads to the outside, the hub is inside.
        let client = reqwest::Client::builder().no_proxy().timeout(REQUEST_LIMIT).build()?;
        Ok(Self { url, client })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Begins a run; doing it again changes nothing.
    pub(super) async fn create(&self, run: &NewRun) -> Result<(), CallError> {
        self.call(Method::POST, "/api/v1/runs", run).await
    }

    /// Gives a sign of life.
    pub(super) async fn heartbeat(&self, id: &str) -> Result<(), CallError> {
        let alive = ChangeRun { heartbeat: true, ..ChangeRun::default() };
        self.call(Method::PATCH, &format!("/api/v1/runs/{id}"), &alive).await
    }

    /// Ends a run; doing it again changes nothing.
    pub(super) async fn end(&self, id: &str, end: &EndRun) -> Result<(), CallError> {
        self.call(Method::POST, &format!("/api/v1/runs/{id}/end"), end).await
    }

    /// Sets a mark on the time axis.
    pub(crate) async fn mark(&self, mark: &NewMark) -> Result<(), CallError> {
        self.call(Method::POST, "/api/v1/marks", mark).await
    }

    /// The nodes; a hub that does not answer within `limit` is not asked again.
    pub(crate) async fn nodes(&self, limit: Duration) -> Result<Vec<NodeStatus>, CallError> {
        read(self.send_within(limit, Method::GET, "/api/v1/nodes", &()).await?).await
    }

    /// Has a node begin a diagnosis.
    pub(crate) async fn diagnose(&self, request: &DiagnosisRequest) -> Result<Diagnosis, CallError> {
        read(self.send_within(DIAGNOSE_LIMIT, Method::POST, "/api/v1/diagnoses", request).await?).await
    }

    /// A diagnosis as far as it is.
    pub(crate) async fn diagnosis(&self, id: &str) -> Result<Diagnosis, CallError> {
        read(self.send(Method::GET, &format!("/api/v1/diagnoses/{id}"), &()).await?).await
    }

    async fn call(&self, method: Method, path: &str, body: &impl Serialize) -> Result<(), CallError> {
        self.send(method, path, body).await.map(|_| ())
    }

    async fn send(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Response, CallError> {
        self.send_within(REQUEST_LIMIT, method, path, body).await
    }

    async fn send_within(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Response, CallError> {
        let request = self.client.request(method, format!("{}{path}", self.url())).timeout(limit);
        let sent = request.json(body).send().await;
        let reply = sent.map_err(|error| CallError::Away(innermost(&error)))?;
        let status = reply.status();
        if status.is_success() {
            return Ok(reply);
        }
        let problem = reply.json::<Problem>().await.map(|problem| problem.detail);
        let why = problem.unwrap_or_else(|_| format!("it answered with status {status}"));
        Err(match status {
            StatusCode::NOT_FOUND => CallError::Unknown(why),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => CallError::Away(why),
            status if status.is_server_error() => CallError::Away(why),
            _ => CallError::Refused(why),
        })
    }
}

async fn read<T: DeserializeOwned>(reply: Response) -> Result<T, CallError> {
    reply
        .json()
        .await
        .map_err(|error| CallError::Refused(format!("its answer is not understood: {}", innermost(&error))))
}
