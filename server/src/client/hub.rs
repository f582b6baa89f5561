//! A hub that is asked for samples, or given some.

use std::time::Duration;

use anyhow::{Context, bail};
use netloom_core::api::Problem;
use reqwest::{Client, Response, Url};

/// A hub that cannot be reached for this long is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A hub that says nothing for this long does not answer any more; it limits itself to half of that.
const SILENCE_LIMIT: Duration = Duration::from_mins(1);

/// A hub, over HTTP.
pub(super) struct Hub {
    pub(super) client: Client,
    base: Url,
}

impl Hub {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let base: Url = url.parse().with_context(|| format!("{url:?} is not the URL of a hub"))?;
        if base.scheme() != "http" {
            bail!("{url}: only http:// is understood");
        }
        // A proxy for the internet knows nothing of a hub on loopback.
        let client = Client::builder().no_proxy().connect_timeout(CONNECT_LIMIT).read_timeout(SILENCE_LIMIT).build()?;
        Ok(Self { client, base })
    }

    /// The URL of a route with parameters.
    pub(super) fn url<'a>(&self, path: &str, parameters: impl Iterator<Item = (&'static str, &'a str)>) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url.query_pairs_mut().clear().extend_pairs(parameters);
        url
    }

    /// What a failure to reach the hub means, in one line.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let base = self.base.as_str().trim_end_matches('/');
        let hint = if error.is_connect() { "; is netloom serve running there?" } else { "" };
        anyhow::anyhow!("the hub at {base} does not answer ({}){hint}", innermost(error))
    }
}

/// The last cause of an error, which is the one that says something.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// What the hub said against a request.
pub(super) async fn problem_of(response: Response) -> Problem {
    let status = response.status();
    let body = response.bytes().await.unwrap_or_default();
    serde_json::from_slice(&body).unwrap_or_else(|_| Problem {
        kind: "about:blank".into(),
        title: status.to_string(),
        status: status.as_u16(),
        detail: format!("the hub answered with {status}"),
        field: None,
        errors: Vec::new(),
    })
}
