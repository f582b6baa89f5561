//! Everything that is measured about one engine.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::engine::Engine;
use super::export::{self, Export};
use super::http;
use super::ingest::{self, Ingest};
use super::latency::{self, Latency};
use super::payload::Payload;
use super::procfs;
use super::question::Question;
use super::server::Server;
use super::strangers::Strangers;

/// Where Prometheus writes what it holds as finished blocks.
const SNAPSHOT: &str = "/api/v1/admin/tsdb/snapshot";

/// The figures of one engine.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// The engine.
    pub(crate) engine: Engine,
    /// Samples it was sent.
    pub(crate) samples: u64,
    /// How the writing went.
    pub(crate) ingest: Ingest,
    /// Time on a core from ready to settled, seconds.
    pub(crate) cpu_s: f64,
    /// The most resident memory until settled, bytes.
    pub(crate) peak_rss_bytes: u64,
    /// The most resident memory until the questions were answered and the export was read, bytes.
    pub(crate) peak_rss_after_bytes: Option<u64>,
    /// Resident memory when settled, bytes.
    pub(crate) rss_bytes: u64,
    /// What it wrote to the disk until settled, bytes.
    pub(crate) written_bytes: u64,
    /// What lay on the disk when settled, bytes.
    pub(crate) disk_bytes: u64,
    /// What the same takes in finished blocks, bytes, where an engine that has not made them can be asked to.
    pub(crate) block_bytes: Option<u64>,
    /// The questions that were answered.
    pub(crate) latencies: Vec<Latency>,
    /// The export, which only Netloom has in this form.
    pub(crate) export: Option<Export>,
    /// From the start of the process to its first ready answer, with all the data.
    pub(crate) restart: Option<Duration>,
    /// How busy the machine was with other programs meanwhile, as a part of one.
    pub(crate) others_ratio: Option<f64>,
    /// What could not be measured, and why.
    pub(crate) failures: Vec<String>,
}

impl Figures {
    /// Runs everything against one engine whose data lies below `home`.
    pub(crate) fn measure(engine: Engine, program: &Path, payload: &Payload, home: &Path) -> Result<Self> {
        let mut server = Server::start(engine, program, home)?;
        let strangers = Strangers::watch(&server)?;
        let mut figures = Self::write(&server, payload)?;
        ingest::finish(&server, payload)?;
        for question in Question::ALL {
            let latency = latency::measure(&server, payload, question);
            let answered = figures.noted(question.title(), latency);
            figures.latencies.extend(answered);
        }
        match engine {
            Engine::Netloom => figures.export = figures.noted("export", export::measure(&server, payload)),
            Engine::Victoria => {}
            Engine::Prometheus => figures.block_bytes = figures.noted("snapshot", snapshot(&server)),
        }
        figures.peak_rss_after_bytes = figures.noted("memory", server.process().peak_rss_bytes());
        figures.others_ratio = figures.noted("other load", strangers.ratio(&server));
        let restart = server.restart();
        figures.restart = figures.noted("restart", restart).map(|()| server.start);
        Ok(figures)
    }

    fn write(server: &Server, payload: &Payload) -> Result<Self> {
        let process = server.process();
        let idle_s = process.cpu_s()?;
        let ingest = ingest::run(server, payload)?;
        ingest::settle(server)?;
        Ok(Self {
            engine: server.engine,
            samples: payload.samples(),
            ingest,
            cpu_s: process.cpu_s()? - idle_s,
            peak_rss_bytes: process.peak_rss_bytes()?,
            peak_rss_after_bytes: None,
            rss_bytes: process.rss_bytes()?,
            written_bytes: process.written_bytes()?,
            disk_bytes: procfs::folder_bytes(&server.data()),
            block_bytes: None,
            latencies: Vec::new(),
            export: None,
            restart: None,
            others_ratio: None,
            failures: Vec::new(),
        })
    }

    /// One failed measurement must not take the others with it.
    fn noted<T>(&mut self, what: &str, outcome: Result<T>) -> Option<T> {
        let note = |error| self.failures.push(format!("{}, {what}: {error:#}", self.engine.name()));
        outcome.map_err(note).ok()
    }

    /// Samples written in a second.
    pub(crate) fn samples_per_s(&self) -> f64 {
        self.samples as f64 / self.ingest.wall.as_secs_f64()
    }

    /// Seconds of one core for a million samples.
    pub(crate) fn cpu_s_per_million(&self) -> f64 {
        self.cpu_s * 1e6 / self.samples as f64
    }

    /// Bytes on the disk for each sample.
    pub(crate) fn bytes_per_sample(&self) -> f64 {
        self.disk_bytes as f64 / self.samples as f64
    }

    /// What one question cost, if it was answered.
    pub(crate) fn latency(&self, question: Question) -> Option<&Latency> {
        self.latencies.iter().find(|latency| latency.question == question)
    }

    /// All figures for programs.
    pub(crate) fn json(&self) -> Value {
        let latency = |latency: &Latency| {
            let Latency { question, median_ms, answer } = latency;
            let figures = json!({ "median_ms": median_ms, "series": answer.size.series,
                "points": answer.size.points, "sum": answer.sum });
            (question.key().to_owned(), figures)
        };
        json!({
            "samples": self.samples,
            "ingest_wall_s": self.ingest.wall.as_secs_f64(),
            "ingest_samples_per_s": self.samples_per_s(),
            "requests_sent_again": self.ingest.again,
            "cpu_s": self.cpu_s,
            "cpu_s_per_million_samples": self.cpu_s_per_million(),
            "peak_rss_bytes": self.peak_rss_bytes,
            "peak_rss_after_queries_bytes": self.peak_rss_after_bytes,
            "rss_bytes": self.rss_bytes,
            "rss_bytes_per_10_min": self.ingest.rss_bytes,
            "written_bytes": self.written_bytes,
            "disk_bytes": self.disk_bytes,
            "disk_bytes_per_sample": self.bytes_per_sample(),
            "block_bytes": self.block_bytes,
            "queries": self.latencies.iter().map(latency).collect::<serde_json::Map<_, _>>(),
            "export": self.export.map(|export| json!({ "samples": export.samples,
                "samples_per_s": export.samples_per_s, "rss_growth_bytes": export.rss_growth_bytes })),
            "restart_ms": self.restart.map(|time| time.as_secs_f64() * 1e3),
            "other_load_ratio": self.others_ratio,
            "failures": self.failures,
        })
    }
}

/// Makes Prometheus write blocks of what it still keeps in its log and in memory, and returns their size, bytes.
fn snapshot(server: &Server) -> Result<u64> {
    let answer = server.client().post(SNAPSHOT, &[], &[])?;
    http::require_success(SNAPSHOT, &answer)?;
    let dir = server.data().join("snapshots");
    let bytes = procfs::folder_bytes(&dir);
    // They would count as data at the next start.
    std::fs::remove_dir_all(&dir).context("could not remove the snapshot")?;
    Ok(bytes)
}
