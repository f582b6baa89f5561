//! The rate of a download over HTTP or HTTPS.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use netloom_core::check::{
    Detail, Figure, Finding, Outcome, Phase, Progress, limit::DOWNLOAD_START_MS, spec::DownloadSpec,
};

use super::{
    http::{Answered, Asking, ask, trusted},
    steps::{Steps, us},
    throughput::admit,
};
use crate::check::{Means, Told};

/// How often it is told how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(200);
/// A download that was over sooner says little about the line: TCP was still starting.
const SURE_AFTER: Duration = Duration::from_millis(500);

/// Runs the check. Waits for its turn: two tests of throughput at once would measure each other.
pub async fn check(spec: &DownloadSpec, means: &Means, told: Told<'_>) -> Finding {
    let _turn = match admit(means, spec.duration_ms, spec.bytes_max, None).await {
        Ok(turn) => turn,
        Err(refused) => return refused,
    };
    let mut steps = Steps::start();
    let begun = Instant::now();
    let timeout = Duration::from_millis(DOWNLOAD_START_MS);
    let asking = Asking { url: &spec.url, until: begun + timeout, timeout, trusted };
    let answered = match ask(&asking, &mut steps).await {
        Ok(answered) => answered,
        Err(failed) => return failed,
    };
    let first_byte = begun.elapsed();
    if !(200..300).contains(&answered.status) {
        let (cause, cure) = match &answered.location {
            Some(to) => (format!("it answers {} and points elsewhere", answered.status), format!("download {to}")),
            None => (format!("it answers {}", answered.status), "name a file that is there for everybody".to_owned()),
        };
        return steps.fail(Phase::Wait, cause, cure);
    }
    let (status, version) = (answered.status, answered.version.clone());
    let (flowed, ended) = flow(answered, spec, told).await;
    steps.end(Phase::Transfer);
    let mut finding = Finding::new(Outcome::Reply);
    finding.detail = Some(Detail::Response { status, version, body_bytes: flowed.bytes });
    if flowed.bytes > 0 {
        finding.figure("throughput_bps", flowed.bps());
        finding.figure("throughput_down_bps", flowed.bps());
    }
    finding.figure("http_first_byte_us", us(first_byte));
    match ended {
        Ended::Whole if flowed.took < SURE_AFTER => {
            finding.note("the file was over so soon that its rate says little: name a larger one");
        }
        Ended::Whole => {}
        Ended::Enough => finding.note("stopped at the budget of bytes"),
        Ended::Time => finding.note("stopped when its time was over"),
        Ended::Broken => {
            let cause = format!("the connection ended after {} bytes, in the middle of the file", flowed.bytes);
            let cure = "look at the server's log, and at what is between".to_owned();
            finding.outcome = Outcome::Failed { phase: Phase::Transfer, cause, cure };
        }
    }
    if flowed.bytes == 0 && finding.outcome == Outcome::Reply {
        let cause = "it sends nothing".to_owned();
        let cure = "name a file that is not empty".to_owned();
        finding.outcome = Outcome::Failed { phase: Phase::Transfer, cause, cure };
    }
    steps.close(finding)
}

/// What came, and in which time.
struct Flowed {
    bytes: u64,
    took: Duration,
}

impl Flowed {
    fn bps(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.took.max(Duration::from_micros(1)).as_secs_f64()
    }
}

/// How it ended.
enum Ended {
    Whole,
    Enough,
    Time,
    Broken,
}

async fn flow(mut answered: Answered, spec: &DownloadSpec, told: Told<'_>) -> (Flowed, Ended) {
    let begun = Instant::now();
    let until = begun + Duration::from_millis(spec.duration_ms);
    let mut flowed = Flowed { bytes: 0, took: Duration::ZERO };
    let mut told_at = begun;
    let ended = loop {
        let frame = match tokio::time::timeout_at(until.into(), answered.body.frame()).await {
            Ok(None) => break Ended::Whole,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => break Ended::Broken,
            Err(_) => break Ended::Time,
        };
        flowed.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        let now = Instant::now();
        flowed.took = now - begun;
        if flowed.bytes >= spec.bytes_max {
            break Ended::Enough;
        }
        if now >= until {
            break Ended::Time;
        }
        if now - told_at >= TOLD_EVERY {
            told_at = now;
            let of_time = flowed.took.as_secs_f64() * 1e3 / spec.duration_ms.max(1) as f64;
            let of_bytes = flowed.bytes as f64 / spec.bytes_max.max(1) as f64;
            let figure = Figure { name: "throughput_bps".to_owned(), value: flowed.bps() };
            told(Progress { done_ratio: of_time.max(of_bytes).min(1.0), figures: vec![figure] });
        }
    };
    if matches!(ended, Ended::Time) {
        // A server that stops sending in the middle has not been fast until then.
        flowed.took = begun.elapsed();
    }
    (flowed, ended)
}
