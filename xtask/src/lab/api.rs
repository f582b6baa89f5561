//! What the lab asks the hub.

use std::io::{BufRead, BufReader};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::Agent;

/// Pages and API of the hub, seen from its namespace.
const BASE: &str = "http://127.0.0.1:6385";
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// The API of the hub.
pub(crate) struct Api {
    agent: Agent,
}

/// One series: its labels and its points, ms and value.
pub(crate) type Series = (Value, Vec<(i64, f64)>);

impl Api {
    /// A client.
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder().proxy(None).http_status_as_error(false).timeout_global(Some(LIMIT));
        Self { agent: config.build().new_agent() }
    }

    /// The answer to a question.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let response = self.agent.get(format!("{BASE}{path}")).call();
        read(path, response)
    }

    /// The answer to a request without a body.
    pub(crate) fn post(&self, path: &str) -> Result<Value> {
        read(path, self.agent.post(format!("{BASE}{path}")).send_empty())
    }

    /// Changes some settings.
    pub(crate) fn set(&self, change: &Value) -> Result<()> {
        let path = "/api/v1/settings";
        let request = self.agent.put(format!("{BASE}{path}")).header("content-type", "application/json");
        read(path, request.send(change.to_string())).map(drop)
    }

    /// Raw points from a moment on; `labels` as in `&src=a&dst=b`.
    pub(crate) fn points(&self, metric: &str, labels: &str, from_ms: i64) -> Result<Vec<Series>> {
        let answer = self.get(&format!("/api/v1/query?metric={metric}{labels}&from={from_ms}&to=now"))?;
        let series = answer["series"].as_array().context("an answer without series")?;
        let points = |series: &Value| {
            let points = series["points"].as_array().into_iter().flatten();
            points.filter_map(|point| Some((point[0].as_i64()?, point[1].as_f64()?))).collect()
        };
        Ok(series.iter().map(|series| (series["labels"].clone(), points(series))).collect())
    }

    /// How many ordered pairs were measured in the last moments.
    pub(crate) fn pairs(&self) -> Result<usize> {
        let matrix = self.get("/api/v1/matrix?metric=rtt_us&mode=udp&window=5s")?;
        let rows = matrix["values"].as_array().context("a matrix without values")?;
        Ok(rows.iter().flat_map(|row| row.as_array().into_iter().flatten()).filter(|cell| !cell.is_null()).count())
    }
}

/// Verdicts from now on, each with the moment at which it came, until the receiver is gone.
pub(crate) fn verdicts() -> Result<mpsc::Receiver<(Instant, Value)>> {
    let config = Agent::config_builder().proxy(None).timeout_connect(Some(LIMIT));
    let path = "/api/v1/stream?topics=verdict";
    let response = config.build().new_agent().get(format!("{BASE}{path}")).call()?;
    let (send, receive) = mpsc::channel();
    std::thread::Builder::new().name("lab-verdicts".into()).spawn(move || {
        let lines = BufReader::new(response.into_body().into_reader()).lines();
        let mut event = String::new();
        for line in lines.map_while(Result::ok) {
            if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut event);
            } else if let Some(data) = line.strip_prefix("data:").filter(|_| event == "verdict") {
                let Ok(verdict) = serde_json::from_str(data) else { continue };
                if send.send((Instant::now(), verdict)).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(receive)
}

fn read(path: &str, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value> {
    let mut response = response.with_context(|| format!("{path} gives no answer"))?;
    let text = response.body_mut().read_to_string()?;
    if !response.status().is_success() {
        bail!("{path}: {} {}", response.status(), text.chars().take(300).collect::<String>());
    }
    if text.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_str(&text).with_context(|| format!("{path} answers no JSON"))
}

/// Now, as the hub counts: all namespaces have the clock of this machine.
pub(crate) fn now_ms() -> Result<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    ensure!(since.as_millis() > 0, "the clock stands");
    Ok(since.as_millis() as i64)
}
