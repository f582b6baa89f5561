//! The engine alone: a second of samples of every series goes in, and everything is judged.

use std::time::Instant;

use netloom_core::{
    rule::{
        Rule,
        spec::{Condition, RuleSpec, Side},
        view::Past,
    },
    sample::SeriesKey,
    series::{Draft, Row, SeriesId, SharedCatalog},
    stats::aggregate::Aggregation,
    time::Timestamp,
};
use netloom_server::{
    alert::{Engine, PastAnswer, PastSeries},
    incident_ids::IncidentIds,
};
use serde_json::{Value, json};

/// So many seconds go in before anything is measured: the longest window is full then.
const WARM_UP_S: i64 = 600;
/// One in so many figures is high, so that some rules have something to tell.
const HIGH_ONE_IN: u64 = 2_000;

/// Twenty rules as people would write them: windows of seconds for what is urgent, of minutes for what is not.
fn rules() -> Vec<Rule> {
    let threshold = |aggregation, window_s: f64| Condition::Threshold {
        side: Side::Above,
        limit: 5_000.0,
        recover: Some(4_000.0),
        aggregation,
        window_s,
    };
    let (side, limit) = (Side::Above, 5_000.0);
    let change = |against_s: f64| Condition::Change {
        side: Side::Either,
        percent: 200.0,
        against_s,
        aggregation: Aggregation::Avg,
        window_s: 30.0,
    };
    let deviation = |sigmas, aggregation| Condition::Deviation {
        side: Side::Either,
        sigmas,
        learn_s: 86_400.0,
        aggregation,
        window_s: 30.0,
    };
    let conditions = [
        threshold(Aggregation::P50, 5.0),
        threshold(Aggregation::P95, 60.0),
        threshold(Aggregation::P99, 120.0),
        threshold(Aggregation::Avg, 20.0),
        threshold(Aggregation::Avg, 60.0),
        threshold(Aggregation::Avg, 300.0),
        threshold(Aggregation::Avg, 600.0),
        threshold(Aggregation::Max, 10.0),
        threshold(Aggregation::Min, 30.0),
        threshold(Aggregation::Last, 5.0),
        threshold(Aggregation::Count, 60.0),
        Condition::Failures { side, limit, count: 3, of: 5 },
        Condition::Failures { side, limit, count: 8, of: 10 },
        Condition::Absent { after_s: 10.0 },
        Condition::Absent { after_s: 60.0 },
        change(120.0),
        change(86_400.0),
        deviation(4.0, Aggregation::Avg),
        deviation(6.0, Aggregation::P95),
        Condition::Budget { side, limit, percent: 5.0, period_s: 3_600.0 },
    ];
    let rule = |(at, condition): (usize, Condition)| {
        let (id, metric) = (format!("rule_{at}"), "rtt_us".into());
        RuleSpec { id, metric, condition, for_s: 10.0, ..RuleSpec::default() }.compile()
    };
    conditions.into_iter().enumerate().map(rule).collect()
}

fn catalog(series: usize) -> (SharedCatalog, Vec<SeriesId>) {
    let (shared, side) = (SharedCatalog::default(), (series as f64).sqrt().ceil() as usize);
    let ids = shared.write(|catalog| {
        let mut ids = Vec::new();
        for at in 0..series {
            let (src, dst) = (format!("n{}", at / side), format!("m{}", at % side));
            let key = SeriesKey::new("rtt_us", [("src", &*src), ("dst", &*dst), ("mode", "udp")]);
            let id = Draft::of(catalog, usize::MAX, usize::MAX).add(&key).expect("has room");
            catalog.insert(id, key);
            ids.push(id);
        }
        ids
    });
    (shared, ids)
}

/// Figures around a thousand, high now and then.
fn value(seed: u64) -> f64 {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20;
    if mixed.is_multiple_of(HIGH_ONE_IN) { 9_000.0 } else { 900.0 + (mixed % 200) as f64 }
}

pub fn run(series: usize, ticks: usize) -> Value {
    let (catalog, ids) = catalog(series);
    let rules = rules();
    let count = rules.len();
    let mut engine = Engine::new(rules, &[], IncidentIds::starting_at(1), Timestamp(0));
    let (mut totals_ms, mut judging_ms, mut busy_ms, mut told) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for second in 1..=WARM_UP_S + ticks as i64 {
        let now = Timestamp(second * 1_000);
        let row = |(at, series): (usize, &SeriesId)| Row {
            series: *series,
            ts_ms: second * 1_000,
            value: value((second as u64) << 20 | at as u64),
        };
        let rows: Vec<Row> = ids.iter().enumerate().map(row).collect();
        let (begun, busy) = (Instant::now(), busy());
        engine.take(&rows, &catalog);
        let taken = Instant::now();
        told += engine.evaluate(now).len();
        if second > WARM_UP_S {
            judging_ms.push(taken.elapsed().as_secs_f64() * 1e3);
            totals_ms.push(begun.elapsed().as_secs_f64() * 1e3);
            busy_ms.push((self::busy() - busy) * 1e3);
        }
        for question in engine.questions(now) {
            let known = |id: &SeriesId| {
                let past = match question.about {
                    netloom_server::alert::PastAbout::Figure(_) => PastSeries::Known(Past::Figure(1_000.0)),
                    netloom_server::alert::PastAbout::Usual => {
                        PastSeries::Known(Past::Usual { p50: 1_000.0, p95: 1_090.0, count: 10_000 })
                    }
                    netloom_server::alert::PastAbout::Course => PastSeries::Course(Vec::new()),
                };
                Some((catalog.key(*id)?.labels.clone(), past))
            };
            let series = ids.iter().filter_map(known).collect();
            engine.answer(PastAnswer { question, series }, now);
        }
    }
    totals_ms.sort_by(f64::total_cmp);
    judging_ms.sort_by(f64::total_cmp);
    busy_ms.sort_by(f64::total_cmp);
    let footprint = engine.footprint();
    json!({
        "series": series,
        "rules": count,
        "instances": footprint.instances,
        "ticks": ticks,
        "told": told,
        "median_ms": super::at_share(&totals_ms, 0.5),
        "max_ms": totals_ms.last(),
        "busy_median_ms": super::at_share(&busy_ms, 0.5),
        "busy_max_ms": busy_ms.last(),
        "judging_median_ms": super::at_share(&judging_ms, 0.5),
        "instance_bytes": footprint.instance_bytes,
        "memory_bytes": footprint.memory_bytes,
        "series_bytes": footprint.series_bytes,
        "window_bytes": footprint.window_values * 16 / series.max(1),
        "rss_bytes": rss_bytes(),
    })
}

/// How long this thread has had a core to itself, s, as the kernel notes it at each of its ticks (sched-stats.rst); 0 where
/// it does not tell.
fn busy() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0) as f64 / 1e9
}

/// What this process has in memory; 0 where the system does not tell.
fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1_024
}
