//! What a scenario says, and the samples that follow from it.

use std::collections::BTreeMap;

use netloom_core::{
    rule::{Severity, spec::RuleSpec},
    sample::{Labels, SeriesKey},
    time::Timestamp,
};
use serde::Deserialize;

/// Input series, rules, and the incidents that must come of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub title: String,
    #[serde(default = "usual_start")]
    pub start: String,
    /// How long it is judged, s; series may begin before, in what is stored already.
    pub seconds: i64,
    #[serde(default)]
    pub history_s: i64,
    /// How often the hub judges; also how far told times may be off.
    #[serde(default = "usual_tick_ms")]
    pub tick_ms: i64,
    /// Rules that came with Netloom and are in force, with their usual limits.
    #[serde(default)]
    pub built_in: Vec<String>,
    /// How long those must hold, s.
    #[serde(default)]
    pub built_in_for_s: f64,
    #[serde(default)]
    pub rule: Vec<RuleSpec>,
    /// Other rules from a moment on.
    #[serde(default)]
    pub edit: Vec<Edit>,
    #[serde(default)]
    pub series: Vec<Input>,
    #[serde(default)]
    pub node: Vec<Reports>,
    #[serde(default)]
    pub run: Vec<Training>,
    /// The hub stops at a moment, and is back some time later.
    #[serde(default)]
    pub restart: Vec<Restart>,
    /// Somebody sets the clock of the hub.
    #[serde(default)]
    pub clock: Vec<ClockSet>,
    /// Every incident that fires, in any order.
    #[serde(default)]
    pub expect: Vec<Expected>,
    /// How many are pending and go away before they fire.
    #[serde(default)]
    pub withdrawn: usize,
}

fn usual_start() -> String {
    "2026-07-01T12:00:00Z".into()
}

fn usual_tick_ms() -> i64 {
    250
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub at_s: i64,
    #[serde(default)]
    pub rule: Vec<RuleSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub metric: String,
    pub labels: Labels,
    /// So many of them, `{n}` in the labels standing for 1, 2 and so on.
    #[serde(default = "one")]
    pub count: usize,
    #[serde(default = "usual_every_ms")]
    pub every_ms: i64,
    /// Samples arrive so much later than they were taken.
    #[serde(default)]
    pub late_s: i64,
    pub course: Vec<Segment>,
}

fn one() -> usize {
    1
}

fn usual_every_ms() -> i64 {
    1_000
}

/// What a series does until a moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    pub until_s: i64,
    /// It stays there.
    #[serde(default)]
    pub value: f64,
    /// It ends there, having moved evenly from `value`.
    pub to: Option<f64>,
    /// It is up to this much more or less.
    #[serde(default)]
    pub noise: f64,
    /// It is at `value` for this long, then at `other`.
    pub each_s: Option<i64>,
    #[serde(default)]
    pub other: f64,
    /// It is up to this much more or less with the time of day, the most at six in the morning, of a clock so many hours
    /// ahead of UTC.
    #[serde(default)]
    pub daily: f64,
    #[serde(default)]
    pub zone_h: i64,
    /// There are no samples.
    #[serde(default)]
    pub gap: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    pub name: String,
    /// From when to when, s.
    pub up: Vec<(i64, i64)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub name: String,
    #[serde(default)]
    pub nodes: Vec<String>,
    pub from_s: i64,
    pub to_s: Option<i64>,
    /// It promised signs of life, and this was the last one.
    pub heard_s: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    pub at_s: i64,
    #[serde(default)]
    pub down_s: i64,
    /// The rules are others afterwards.
    pub rule: Option<Vec<RuleSpec>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSet {
    pub at_s: i64,
    pub by_s: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub rule: String,
    /// What it is about; anything when left out.
    pub subject: Option<String>,
    /// So many of them.
    #[serde(default = "one")]
    pub count: usize,
    pub fired_s: f64,
    /// It is still firing at the end when left out.
    pub resolved_s: Option<f64>,
    pub severity: Option<Severity>,
    pub worst: Option<f64>,
    pub message: Option<String>,
    #[serde(default)]
    pub folded: u32,
}

/// A sample: when it arrives, when it was taken, ms since the start, and its value.
pub type Sample = (i64, i64, f64);

/// `SplitMix64` (Steele, Lea, Flood, 2014): a number from -1 to 1 that follows from a seed.
fn dice(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

impl Scenario {
    pub fn start_ms(&self) -> i64 {
        Timestamp::parse_rfc3339(&self.start).expect("start is a moment").ms()
    }

    /// Every series with its samples, in order of arrival.
    pub fn samples(&self) -> Vec<(SeriesKey, Vec<Sample>)> {
        let mut all = Vec::new();
        for (at, course) in self.series.iter().enumerate() {
            for number in 1..=course.count {
                let label =
                    |(name, value): (&String, &String)| (name.clone(), value.replace("{n}", &number.to_string()));
                let labels: BTreeMap<_, _> = course.labels.iter().map(label).collect();
                let seed = (at * 100_000 + number) as u64;
                all.push((SeriesKey { metric: course.metric.clone(), labels }, self.course(course, seed)));
            }
        }
        all
    }

    fn course(&self, course: &Input, seed: u64) -> Vec<Sample> {
        let (mut samples, mut from_ms) = (Vec::new(), -self.history_s * 1_000);
        for segment in &course.course {
            let until_ms = segment.until_s * 1_000;
            let first = (from_ms + course.every_ms - 1).div_euclid(course.every_ms);
            for ts_ms in (first..).map(|step| step * course.every_ms).take_while(|ts_ms| *ts_ms < until_ms) {
                if !segment.gap {
                    let value = segment.value_at(ts_ms, (from_ms, until_ms), self.start_ms(), seed);
                    samples.push((ts_ms + course.late_s * 1_000, ts_ms, value));
                }
            }
            from_ms = until_ms;
        }
        samples
    }
}

impl Segment {
    fn value_at(&self, ts_ms: i64, (from_ms, until_ms): (i64, i64), start_ms: i64, seed: u64) -> f64 {
        let is_other = self.each_s.is_some_and(|each_s| (ts_ms - from_ms) / (each_s * 1_000) % 2 == 1);
        let base = if is_other { self.other } else { self.value };
        let share = (ts_ms - from_ms) as f64 / (until_ms - from_ms) as f64;
        let moved = self.to.map_or(base, |to| base + (to - base) * share);
        let of_day = (start_ms + ts_ms + self.zone_h * 3_600_000).rem_euclid(86_400_000) as f64 / 86_400_000.0;
        let noise = self.noise * dice(seed.wrapping_mul(1_000_003) ^ ts_ms as u64);
        moved + self.daily * (of_day * std::f64::consts::TAU).sin() + noise
    }
}
