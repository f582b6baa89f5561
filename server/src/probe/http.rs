//! A request over HTTP or HTTPS, phase by phase.

mod request;
mod tls;
mod watched;

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use netloom_core::check::{Detail, Finding, Outcome, Phase, http::note, spec::HttpSpec};

pub(super) use self::request::{Answered, Asking, ask};
pub(super) use self::tls::trusted;
use super::steps::{Steps, seconds, us};
use crate::check::{Means, Told};

/// Bytes of the body that are read at most: this asks whether the server answers, not how fast it sends.
const BODY_MAX_BYTES: u64 = 1_048_576;

/// Runs the check.
pub async fn check(spec: &HttpSpec, _means: &Means, _told: Told<'_>) -> Finding {
    let timeout = Duration::from_millis(spec.timeout_ms);
    let asking = Asking { url: &spec.url, until: Instant::now() + timeout, timeout, trusted };
    run(&asking).await
}

async fn run(asking: &Asking<'_>) -> Finding {
    let mut steps = Steps::start();
    let begun = Instant::now();
    let Answered { mut body, status, version, location, connection: _connection } = match ask(asking, &mut steps).await
    {
        Ok(answered) => answered,
        Err(failed) => return failed,
    };
    let first_byte = begun.elapsed();
    let mut body_bytes = 0;
    let mut broken = None;
    while body_bytes < BODY_MAX_BYTES {
        match tokio::time::timeout_at(asking.until.into(), body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => body_bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Ok(Some(Err(_))) => {
                broken = Some("the connection ended in the middle of the answer".to_owned());
                break;
            }
            Err(_) => {
                let waited = seconds(asking.timeout);
                broken = Some(format!("the answer began, and was not over within {waited}"));
                break;
            }
        }
    }
    steps.end(Phase::Transfer);
    let mut finding = Finding::new(Outcome::Reply);
    if let Some(cause) = broken {
        let cure = "look at the server's log, and at what is between: a proxy, a small MTU".to_owned();
        finding.outcome = Outcome::Failed { phase: Phase::Transfer, cause, cure };
    }
    finding.figure("http_first_byte_us", us(first_byte));
    finding.figure("http_total_us", us(begun.elapsed()));
    note(status, location.as_deref()).into_iter().for_each(|note| finding.note(note));
    if body_bytes >= BODY_MAX_BYTES {
        finding.note("the answer is longer than 1 MiB; the rest was not read");
    }
    finding.detail = Some(Detail::Response { status, version, body_bytes });
    steps.close(finding)
}

#[cfg(all(test, feature = "hub"))]
mod tests;
