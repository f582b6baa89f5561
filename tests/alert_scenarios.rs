//! Goal: alerts fire when they should, once, and are over when they should be. Method: scenarios in `data/alerts` say what
//! series do and which incidents must come of it when; the real engine judges them in virtual time, with a real store to
//! answer what rules ask of the past. Told times may be off by one tick.

mod scenario;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    path::Path,
};

use netloom_core::{
    incident::{Incident, IncidentState},
    rule::{Rule, spec::RuleSpec},
    run::{Run, RunStatus},
    sample::SeriesKey,
    series::{Row, Rows, SeriesId},
    settings::alerts::AlertSettings,
    time::Timestamp,
};
use netloom_server::{
    alert::Engine,
    incident_ids::IncidentIds,
    rules::past,
    store::{self, Stores},
};

use self::scenario::{Expected, Scenario};

/// Older samples are history for ingest, and never reach the engine, ms.
const LATE_AFTER_MS: i64 = 60_000;
/// Hosts that are later than this make their rounds doubtful, ms.
const DOUBTFUL_AFTER_MS: f64 = 10.0;
/// Rows that are stored in one go.
const CHUNK: usize = 10_000;

/// A hub without its tasks: the engine, the store, and a clock that is turned by hand.
struct Hub<'a> {
    scenario: &'a Scenario,
    stores: Stores,
    engine: Engine,
    ids: IncidentIds,
    rules: Vec<RuleSpec>,
    /// Samples on their way, as (arrives, row), in order of arrival.
    coming: VecDeque<(i64, Row)>,
    unstored: Vec<Row>,
    /// Every incident as it was told last, and when it began to fire and was over, ms since the start.
    told: BTreeMap<u64, (Incident, Option<i64>, Option<i64>)>,
    fired_twice: usize,
    withdrawn: usize,
}

impl<'a> Hub<'a> {
    async fn new(scenario: &'a Scenario, folder: &Path) -> Self {
        let stores = store::open(folder).await.unwrap();
        let (keys, samples): (Vec<SeriesKey>, Vec<_>) = scenario.samples().into_iter().unzip();
        let series: Vec<SeriesId> = stores.samples.intern(&keys).await.unwrap();
        let start_ms = scenario.start_ms();
        let mut coming = Vec::new();
        for (series, samples) in series.into_iter().zip(samples) {
            let row = |(at_ms, ts_ms, value)| (at_ms, Row { series, ts_ms: start_ms + ts_ms, value });
            coming.extend(samples.into_iter().map(row));
        }
        coming.sort_by_key(|(at_ms, _)| *at_ms);
        let ids = IncidentIds::starting_at(1);
        let mut hub = Self {
            scenario,
            stores,
            engine: Engine::new(Vec::new(), &[], ids.clone(), Timestamp(start_ms)),
            ids,
            rules: scenario.rule.clone(),
            coming: coming.into(),
            unstored: Vec::new(),
            told: BTreeMap::new(),
            fired_twice: 0,
            withdrawn: 0,
        };
        hub.start(Timestamp(start_ms));
        hub
    }

    /// Starts the engine from what is known.
    fn start(&mut self, now: Timestamp) {
        let known: Vec<Incident> = self.told.values().map(|(incident, ..)| incident.clone()).collect();
        self.engine = Engine::new(self.compiled(), &known, self.ids.clone(), now);
        self.engine.set_doubtful_after_ms(DOUBTFUL_AFTER_MS);
        let counted = |node: &str| vec![(node.to_owned(), "eth0".to_owned())];
        for (node, interface) in ["a", "b", "c"].into_iter().flat_map(counted) {
            self.engine.set_counted(&node, std::iter::once(interface));
        }
    }

    fn compiled(&self) -> Vec<Rule> {
        for rule in &self.rules {
            assert_eq!(rule.validate("rule"), [], "{}", self.scenario.title);
        }
        let built_in = AlertSettings::default().rules().into_iter();
        let built_in = built_in.filter(|rule| self.scenario.built_in.iter().any(|id| **id == *rule.id));
        let for_ms = (self.scenario.built_in_for_s * 1_000.0) as i64;
        let built_in = built_in.map(|rule| Rule { for_ms, ..rule });
        built_in.chain(self.rules.iter().filter(|rule| rule.enabled).map(RuleSpec::compile)).collect()
    }

    async fn run(&mut self) {
        let scenario = self.scenario;
        let (mut clock_ms, mut down_until_ms) = (0, i64::MIN);
        let mut at_ms = 0;
        while at_ms <= scenario.seconds * 1_000 {
            let is_now = |at_s: i64| at_s * 1_000 == at_ms;
            clock_ms += scenario.clock.iter().filter(|set| is_now(set.at_s)).map(|set| set.by_s * 1_000).sum::<i64>();
            let now = Timestamp(scenario.start_ms() + at_ms + clock_ms);
            if let Some(restart) = scenario.restart.iter().find(|restart| is_now(restart.at_s)) {
                down_until_ms = (restart.at_s + restart.down_s) * 1_000;
                self.rules = restart.rule.clone().unwrap_or_else(|| self.rules.clone());
            }
            if at_ms == down_until_ms {
                self.start(now);
            }
            if at_ms >= down_until_ms {
                self.tick(at_ms, clock_ms, now).await;
            } else {
                self.deliver(at_ms, clock_ms);
            }
            at_ms += scenario.tick_ms;
        }
    }

    /// What the hub does four times a second.
    async fn tick(&mut self, at_ms: i64, clock_ms: i64, now: Timestamp) {
        let mut changed = Vec::new();
        if let Some(edit) = self.scenario.edit.iter().find(|edit| edit.at_s * 1_000 == at_ms) {
            self.rules.clone_from(&edit.rule);
            changed.extend(self.engine.set_rules(self.compiled(), now));
        }
        self.engine.set_runs(&self.runs(at_ms), now);
        for node in self.scenario.node.iter().filter(|_| at_ms % 1_000 == 0) {
            if node.up.iter().any(|(from_s, to_s)| (from_s * 1_000..to_s * 1_000).contains(&at_ms)) {
                self.engine.heard(&node.name, now);
            }
        }
        let rows = self.deliver(at_ms, clock_ms);
        let fresh: Vec<Row> =
            rows.into_iter().filter(|row| at_ms >= 0 && row.ts_ms >= now.ms() - LATE_AFTER_MS).collect();
        self.engine.take(&fresh, self.stores.samples.catalog());
        changed.extend(self.engine.evaluate(now));
        self.note(at_ms, changed);
        for question in self.engine.questions(now) {
            self.put_away().await;
            let answer = past::answer(&*self.stores.samples, &question).await.unwrap();
            self.engine.answer(answer, now);
        }
    }

    /// What arrived until a moment; samples carry the hub's time.
    fn deliver(&mut self, at_ms: i64, clock_ms: i64) -> Vec<Row> {
        let mut rows = Vec::new();
        while self.coming.front().is_some_and(|(arrives_ms, _)| *arrives_ms <= at_ms) {
            let Some((_, row)) = self.coming.pop_front() else { break };
            rows.push(Row { ts_ms: row.ts_ms + clock_ms, ..row });
        }
        self.unstored.extend_from_slice(&rows);
        rows
    }

    async fn put_away(&mut self) {
        for rows in self.unstored.chunks(CHUNK) {
            self.stores.samples.append(&[Rows { origin: None, rows: rows.to_vec() }]).await.unwrap();
        }
        self.unstored.clear();
    }

    fn runs(&self, at_ms: i64) -> Vec<Run> {
        let start = |s: i64| Timestamp(self.scenario.start_ms() + s * 1_000);
        let is_open =
            |run: &&scenario::Training| run.from_s * 1_000 <= at_ms && run.to_s.is_none_or(|to_s| at_ms < to_s * 1_000);
        let run = |(at, run): (usize, &scenario::Training)| Run {
            id: format!("run{at:05}"),
            name: run.name.clone(),
            tags: BTreeMap::new(),
            nodes: run.nodes.clone(),
            started_at: start(run.from_s),
            ended_at: None,
            status: RunStatus::Running,
            exit_code: None,
            notes: String::new(),
            command: None,
            host: None,
            heard_at: run.heard_s.map(start),
            events: 0,
        };
        self.scenario.run.iter().enumerate().filter(|(_, run)| is_open(run)).map(run).collect()
    }

    fn note(&mut self, at_ms: i64, changed: Vec<Incident>) {
        for incident in changed {
            let (_, fired, ended) = self.told.remove(&incident.id).unwrap_or((incident.clone(), None, None));
            match incident.state {
                IncidentState::Inactive => {
                    self.withdrawn += 1;
                    continue;
                }
                IncidentState::Firing if ended.is_some() => self.fired_twice += 1,
                _ => {}
            }
            let fired = fired.or((incident.state == IncidentState::Firing).then_some(at_ms));
            let ended = (incident.state == IncidentState::Resolved).then_some(at_ms);
            self.told.insert(incident.id, (incident, fired, ended));
        }
    }

    /// What is not as it should be, a line each.
    fn complaints(&self) -> String {
        let mut complaints = String::new();
        let mut left: Vec<_> = self.told.values().filter(|(_, fired, _)| fired.is_some()).collect();
        for expected in &self.scenario.expect {
            for _ in 0..expected.count {
                match left.iter().position(|told| self.is_it(expected, told)) {
                    Some(at) => _ = left.remove(at),
                    None => _ = writeln!(complaints, "  missing: {expected:?}"),
                }
            }
        }
        for (incident, fired, ended) in left {
            let seconds = |ms: &Option<i64>| ms.map(|ms| ms as f64 / 1_000.0);
            let (rule, subject, folded) = (&incident.rule, &incident.subject, incident.folded);
            let what = format!("{rule} {subject} fired {:?} over {:?}", seconds(fired), seconds(ended));
            let (worst, message) = (incident.worst, &incident.message);
            let _ = writeln!(complaints, "  not expected: {what} folded {folded} worst {worst:?}: {message}");
        }
        if self.withdrawn != self.scenario.withdrawn {
            let _ = writeln!(complaints, "  {} withdrawn instead of {}", self.withdrawn, self.scenario.withdrawn);
        }
        if self.fired_twice > 0 {
            let _ = writeln!(complaints, "  {} fired twice", self.fired_twice);
        }
        complaints
    }

    fn is_it(&self, expected: &Expected, (incident, fired, ended): &(Incident, Option<i64>, Option<i64>)) -> bool {
        let near = |told: Option<i64>, expected_s: Option<f64>| match (told, expected_s) {
            (Some(told), Some(expected_s)) => {
                (told as f64 - expected_s * 1_000.0).abs() <= self.scenario.tick_ms as f64
            }
            (told, expected_s) => told.is_none() == expected_s.is_none(),
        };
        let same = |worst: f64| incident.worst.is_some_and(|told| (told - worst).abs() <= worst.abs() * 1e-6);
        incident.rule == expected.rule
            && expected.subject.as_ref().is_none_or(|subject| *subject == incident.subject)
            && near(*fired, Some(expected.fired_s))
            && near(*ended, expected.resolved_s)
            && expected.severity.is_none_or(|severity| severity == incident.severity)
            && expected.worst.is_none_or(same)
            && expected.message.as_ref().is_none_or(|message| *message == incident.message)
            && expected.folded == incident.folded
    }
}

#[tokio::test]
async fn every_scenario_ends_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/data/alerts");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 32, "{} scenarios", files.len());
    let mut complaints = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let data = tempfile::tempdir().unwrap();
        let mut hub = Hub::new(&scenario, data.path()).await;
        hub.run().await;
        let found = hub.complaints();
        let fired = hub.told.values().filter(|(_, fired, _)| fired.is_some()).count();
        println!("{:<72} {fired:>4} fired, {} withdrawn", scenario.title, hub.withdrawn);
        if !found.is_empty() {
            let _ = writeln!(complaints, "{}\n{found}", file.display());
        }
        hub.stores.database.close().await;
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}
