//! The newest figures for Prometheus, in base units, and the hub's own counts.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use netloom_core::{metric, network::Newest, notify::Outcome, unit::Unit};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{WebState, problem::ProblemReply};
use crate::{
    ingest::IngestCounts,
    store::{StoreSize, TierSize},
};

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new().route("/metrics", get(metrics))
}

/// The newest value of every series and the hub's own counts, as OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "process", responses(
    (status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text"),
))]
pub async fn metrics(State(state): State<WebState>) -> Result<Response, ProblemReply> {
    let size = state.stores.samples.size().await?;
    let exposition = Exposition {
        newest: state.board.newest(),
        counts: *state.counts.borrow(),
        refused: [
            state.ingest.refused().invalid.load(Ordering::Relaxed),
            state.ingest.refused().too_many_series.load(Ordering::Relaxed),
        ],
        refused_layouts: state.layout.refused.load(Ordering::Relaxed),
        uplink: [uplink_counts(&state), desk_counts(&state), told_counts(&state)].concat(),
        size,
        culprits: state.board.verdict().culprits.len(),
        watched: [&state.watched.dropped, &state.watched.unjudged, &state.watched.stale]
            .map(|count| count.load(Ordering::Relaxed)),
        notified: state.notifier.counts.outcomes().to_vec(),
        unnotified: [
            state.notifier.counts.unqueued.load(Ordering::Relaxed),
            state.notifier.counts.overlooked.load(Ordering::Relaxed),
        ],
        listeners: state.live.listeners(),
        lagged: state.live.lagged(),
        published: state.live.published(),
        started_ms: state.started.ms(),
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(exposition));
    let mut body = String::new();
    // Writing into a string cannot fail.
    let _ = text::encode(&mut body, &registry);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// What was refused to agents elsewhere: name, help, count.
fn uplink_counts(state: &WebState) -> Vec<(&'static str, &'static str, u64)> {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let agents = &state.agents.counts;
    let mut counts = vec![
        (
            "netloom_uplink_bad_codes",
            "Codes to join with that were wrong, used or expired, or one too many of those from one address",
            read(&agents.bad_codes),
        ),
        (
            "netloom_uplink_bad_tokens",
            "Requests of agents with a token that is not good, or with none",
            read(&agents.bad_tokens),
        ),
    ];
    if let Some(place) = &state.uplink {
        counts.extend([
            (
                "netloom_uplink_refused_connections",
                "Connections of agents refused because there were too many",
                read(&place.counts.refused),
            ),
            (
                "netloom_uplink_failed_handshakes",
                "Connections to the agents' listener that did not get past the handshake",
                read(&place.counts.handshakes),
            ),
            (
                "netloom_uplink_silent_connections",
                "Connections to the agents' listener that were closed without a byte, as probes of the port are",
                read(&place.counts.silent),
            ),
            (
                "netloom_uplink_refused_places",
                "Places at which agents said that they answer probes, and that are not theirs",
                read(&place.counts.places),
            ),
            ("netloom_uplink_refused_batches", "Batches of agents that were refused", read(&place.counts.batches)),
        ]);
    }
    counts
}

/// What the desk refused or left out: name, help, count.
fn desk_counts(state: &WebState) -> Vec<(&'static str, &'static str, u64)> {
    let counts = state.desk.counts();
    vec![
        (
            "netloom_incident_refused",
            "Requests of jobs to raise or end an incident that were refused",
            counts.refused(),
        ),
        ("netloom_incident_left_out", "Changes of incidents that could not be kept", counts.left_out()),
    ]
}

/// What nodes told and was not kept: name, help, count.
fn told_counts(state: &WebState) -> Vec<(&'static str, &'static str, u64)> {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    vec![
        (
            "netloom_errand_dropped_reports",
            "Reports of nodes for which nobody waits, or for which there was no room",
            read(&state.errands.dropped),
        ),
        ("netloom_path_dropped", "Ways of packets that were not recorded", read(&state.paths.dropped)),
        ("netloom_mark_refused", "Marks on the time axis that were refused or not kept", read(&state.marks.refused)),
    ]
}

/// One figure of a tier.
type TierFigure = fn(&TierSize) -> u64;

/// Counters carry no exemplars, but the encoder wants to know their labels' type.
type NoLabels = [(&'static str, &'static str); 0];

#[derive(Debug)]
struct Exposition {
    newest: Vec<Newest>,
    counts: IngestCounts,
    /// Requests refused because something is wrong, and because there are too many series.
    refused: [u64; 2],
    /// Descriptions of racks that were refused.
    refused_layouts: u64,
    /// What was refused to agents elsewhere and to jobs.
    uplink: Vec<(&'static str, &'static str, u64)>,
    size: StoreSize,
    culprits: usize,
    /// Samples that the watcher of the mesh did not look at, and those of pairs beyond its limit.
    watched: [u64; 3],
    /// Attempts to tell somebody of incidents, by what came of them.
    notified: Vec<(Outcome, u64)>,
    /// Incidents that were looked up instead of queued, and those that nobody is told of because there are too many.
    unnotified: [u64; 2],
    listeners: usize,
    lagged: u64,
    published: u64,
    started_ms: i64,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut names: Vec<&str> = self.newest.iter().map(|newest| newest.series.metric.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.encode_metric(&mut encoder, name)?;
        }
        self.encode_notifications(&mut encoder)?;
        self.encode_own(&mut encoder)
    }
}

impl Exposition {
    fn encode_metric(&self, encoder: &mut DescriptorEncoder, name: &str) -> Result<(), fmt::Error> {
        let unit = metric::unit_of(name);
        let help = metric::find(name).map_or("Pushed by a job.", |metric| metric.help);
        let (exported, factor) = (exported_name(name, unit), unit.prometheus().1);
        let mut family = encoder.encode_descriptor(&exported, help.trim_end_matches('.'), None, MetricType::Gauge)?;
        for newest in self.newest.iter().filter(|newest| newest.series.metric == name) {
            let labels: Vec<(&str, &str)> =
                newest.series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            family.encode_family(&labels)?.encode_gauge(&(newest.value * factor))?;
        }
        Ok(())
    }

    fn encode_notifications(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Attempts to tell somebody of incidents";
        let mut family = encoder.encode_descriptor("netloom_notifications", help, None, MetricType::Counter)?;
        for (outcome, count) in &self.notified {
            let labels = [("outcome", outcome.word())];
            family.encode_family(&labels)?.encode_counter::<NoLabels, u64, u64>(count, None)?;
        }
        let [unqueued, overlooked] = self.unnotified;
        for (name, help, value) in [
            ("netloom_notify_unqueued", "Incidents that were looked up, because too many came at once", unqueued),
            ("netloom_notify_overlooked", "Incidents that nobody was told of, because too many fire", overlooked),
        ] {
            let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter.encode_counter::<NoLabels, u64, u64>(&value, None)?;
        }
        Ok(())
    }

    fn encode_own(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let counters = [
            ("netloom_ingest_samples", "Samples stored", self.counts.samples),
            ("netloom_ingest_batches", "Batches stored", self.counts.batches),
            ("netloom_ingest_duplicates", "Batches that had been stored before", self.counts.duplicates),
            (
                "netloom_ingest_invalid",
                "Requests refused because something in them is wrong; batches of agents elsewhere have a count of their own",
                self.refused[0],
            ),
            ("netloom_ingest_too_many_series", "Requests refused because of a limit of series", self.refused[1]),
            ("netloom_ingest_failed", "Batches that could not be stored", self.counts.failed),
            (
                "netloom_ingest_late",
                "Samples stored but neither judged nor shown live, because they came late",
                self.counts.late,
            ),
            (
                "netloom_ingest_unstreamed",
                "Samples not shown live, because too many came at once",
                self.counts.unstreamed,
            ),
            (
                "netloom_jsonl_dropped_samples",
                "Samples stored but not written to the JSONL log, because the disk did not keep up",
                self.counts.unlogged,
            ),
            ("netloom_alert_unwatched", "Samples of subjects beyond the limit of a rule", self.counts.unwatched),
            (
                "netloom_alert_doubtful",
                "Samples not judged, because the host that probed was starved",
                self.counts.doubtful,
            ),
            (
                "netloom_verdict_dropped_samples",
                "Samples the verdict did without, because it was behind",
                self.watched[0],
            ),
            ("netloom_verdict_unjudged", "Series of pairs beyond the limit of the verdict", self.watched[1]),
            ("netloom_verdict_stale", "Samples that came too late to say anything about now", self.watched[2]),
            ("netloom_layout_refused", "Descriptions of racks that were refused", self.refused_layouts),
            ("netloom_stream_events", "Events published", self.published),
            ("netloom_stream_lagged", "Listeners that were too slow and had to start anew", self.lagged),
        ];
        for (name, help, value) in counters.into_iter().chain(self.uplink.iter().copied()) {
            let mut counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter.encode_counter::<NoLabels, u64, u64>(&value, None)?;
        }
        let gauges = [
            ("netloom_verdict_culprits", "Things that are wrong in the mesh", self.culprits as f64),
            ("netloom_stream_listeners", "Open streams", self.listeners as f64),
            ("netloom_store_size_bytes", "Bytes of the database", self.size.bytes as f64),
            ("netloom_store_series", "Different series", self.size.series as f64),
            ("netloom_store_unsealed_samples", "Samples that are in no block yet", self.size.unsealed as f64),
            ("netloom_start_time_seconds", "When the hub started", self.started_ms as f64 / 1_000.0),
        ];
        for (name, help, value) in gauges {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
        let (bytes, samples): (TierFigure, TierFigure) = (|tier| tier.bytes, |tier| tier.samples);
        for (name, help, figure) in [
            ("netloom_store_tier_bytes", "Bytes of data of a tier", bytes),
            ("netloom_store_tier_samples", "Samples or summaries of a tier", samples),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for tier in &self.size.tiers {
                family.encode_family(&[("tier", tier.tier.as_str())])?.encode_gauge(&(figure(tier) as f64))?;
            }
        }
        Ok(())
    }
}

/// `rtt_us` as `netloom_rtt_seconds`: the unit's word is replaced by that of the base unit.
fn exported_name(name: &str, unit: Unit) -> String {
    let stem = name.strip_suffix(unit.suffix()).unwrap_or(name);
    format!("netloom_{stem}{}", unit.prometheus().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_with_base_units() {
        let cases = [
            ("rtt_us", "netloom_rtt_seconds"),
            ("if_rx_bps", "netloom_if_rx_bytes_per_second"),
            ("if_rx_errors_ps", "netloom_if_rx_errors_per_second"),
            ("loss_ratio", "netloom_loss_ratio"),
            ("sock_udp_total", "netloom_sock_udp_total"),
        ];
        for (name, expected) in cases {
            assert_eq!(exported_name(name, metric::unit_of(name)), expected);
        }
    }
}
