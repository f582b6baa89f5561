//! What the tests share: a hub in this process, on a free port and a folder of its own.

pub mod agents;
pub mod receivers;

use std::{net::SocketAddr, time::Duration};

use netloom_core::{
    sample::{Batch, Readings, SeriesKey},
    settings::{Settings, probe::TargetSpec},
};
use netloom_server::{clock, config::Config, hub};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

/// How long a condition may take on a machine that is busy with other things.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A running hub. Probes go to loopback only.
pub struct TestHub {
    pub address: SocketAddr,
    pub client: reqwest::Client,
    pub folder: TempDir,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl TestHub {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    pub async fn start_in(folder: TempDir) -> Self {
        Self::start_with(folder, |_| {}).await
    }

    /// A hub whose configuration is changed before it starts.
    pub async fn start_with(folder: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut config = config(folder.path());
        change(&mut config);
        let stop = shutdown.clone();
        let task = tokio::spawn(async move { hub::run(config, listener, stop, || {}).await.unwrap() });
        let client = reqwest::Client::new();
        let hub = Self { address, client, folder, shutdown, task };
        hub.until("the hub is ready", async || hub.get("/readyz").await.0 == 200).await;
        hub
    }

    /// Stops the hub as a service manager would, and returns its folder.
    pub async fn stop(self) -> TempDir {
        self.shutdown.cancel();
        self.task.await.unwrap();
        self.folder
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status and the JSON of an answer.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let Ok(response) = self.client.get(self.url(path)).send().await else { return (0, Value::Null) };
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    pub async fn put_settings(&self, body: &Value) -> (u16, Value) {
        let response = self.client.put(self.url("/api/v1/settings")).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    /// Waits for a condition.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        until(what, condition).await;
    }
}

/// Waits for a condition, and says which one did not come true.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "in vain: {what}");
}

/// A configuration that sends no packet past loopback.
pub fn config(folder: &std::path::Path) -> Config {
    let mut settings = Settings::default();
    settings.probe.default_targets = false;
    settings.probe.targets = vec![TargetSpec { name: "self".into(), address: "127.0.0.1".into(), port: None }];
    settings.probe.interval_ms = 200;
    settings.collect.interval_ms = 200;
    // Nothing fires because the disk of this machine is full.
    settings.alerts.disk.enabled = false;
    Config { data_dir: folder.to_owned(), node: "n1".into(), settings, ..Config::default() }
}

/// A batch with one sample of each given value, a millisecond apart, a few seconds ago; batches with other numbers have
/// other times.
pub fn batch(node: &str, seq: u64, metric: &str, values: &[f64]) -> Batch {
    let now_ms = clock::now().ms();
    let mut readings = Readings::default();
    readings.series.push(SeriesKey::new(metric, [("node", node)]));
    for (at, value) in values.iter().enumerate() {
        let ts_ms = now_ms - 5_000 + (seq as usize * values.len() + at) as i64;
        readings.samples.push((0, ts_ms, *value).into());
    }
    Batch { node: node.into(), epoch: 1, seq, readings, info: None }
}

/// A label set and its samples.
pub type Pushed<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64)]);

/// A request of Prometheus remote write 1.0: label sets with their samples.
pub fn remote_write(series: &[Pushed]) -> Vec<u8> {
    fn number(mut number: u64, into: &mut Vec<u8>) {
        while number >= 0x80 {
            into.push(number as u8 | 0x80);
            number >>= 7;
        }
        into.push(number as u8);
    }
    fn field(tag: u8, content: &[u8], into: &mut Vec<u8>) {
        into.push(tag << 3 | 2);
        number(content.len() as u64, into);
        into.extend_from_slice(content);
    }
    let mut request = Vec::new();
    for (labels, samples) in series {
        let mut content = Vec::new();
        for (name, value) in *labels {
            let mut label = Vec::new();
            field(1, name.as_bytes(), &mut label);
            field(2, value.as_bytes(), &mut label);
            field(1, &label, &mut content);
        }
        for (ts_ms, value) in *samples {
            let mut sample = vec![1 << 3 | 1];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(2 << 3);
            number(*ts_ms as u64, &mut sample);
            field(2, &sample, &mut content);
        }
        field(1, &content, &mut request);
    }
    snap::raw::Encoder::new().compress_vec(&request).unwrap()
}
