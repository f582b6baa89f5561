//! The schedule in virtual time. Checks are run by one that answers after a while, as the test says.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use netloom_core::{
    api::Measurement,
    check::{Outcome, path::PathTrace},
    probe::ProbeMode,
    settings::Settings,
    time::Timestamp,
};
use tokio::time::Instant;

use super::*;

/// What was run: the address or host, when it began, when it ended.
type Log = Arc<Mutex<Vec<(String, Instant, Instant)>>>;

struct Stage {
    log: Log,
    most_at_once: Arc<AtomicUsize>,
    orders: watch::Sender<AgentConfig>,
    status: StatusBoard,
    figures: mpsc::Receiver<Readings>,
    reports: mpsc::Receiver<Report>,
}

fn name(check: &Check) -> String {
    match check {
        Check::Redis(spec) => spec.host.clone(),
        Check::Tcp(spec) => spec.host.clone(),
        Check::Path(spec) => format!("way to {}", spec.host),
        check => check.mode().to_owned(),
    }
}

/// Starts a schedule whose checks take so long and find this.
fn stage(settings: Settings, takes: Duration, found: impl Fn(&Check) -> Finding + Send + Sync + 'static) -> Stage {
    let (log, most_at_once, at_once) = (Log::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (logged, most, found) = (log.clone(), most_at_once.clone(), Arc::new(found));
    let runner: Runner = Arc::new(move |check| {
        let (log, most, at_once, found) = (logged.clone(), most.clone(), at_once.clone(), found.clone());
        Box::pin(async move {
            let began = Instant::now();
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(takes).await;
            at_once.fetch_sub(1, Ordering::SeqCst);
            log.lock().expect("not poisoned").push((name(&check), began, Instant::now()));
            found(&check)
        })
    });
    let hub = ([10, 9, 9, 9], 1).into();
    let (orders, config) = watch::channel(AgentConfig { settings, hub, mesh: None, run_active: false });
    let ((bursts, figures), (reports, told)) = (mpsc::channel(10_000), mpsc::channel(10_000));
    let (status, clock) = (StatusBoard::new("n1", Timestamp(0)), HubClock::local());
    let scheduler = Scheduler { node: "n1".into(), config, runner, status: status.clone(), clock, bursts, reports };
    tokio::spawn(scheduler.run());
    Stage { log, most_at_once, orders, status, figures, reports: told }
}

impl Stage {
    fn begun(&self, name: &str) -> Vec<Instant> {
        let log = self.log.lock().expect("not poisoned");
        log.iter().filter(|(run, ..)| run == name).map(|(_, began, _)| *began).collect()
    }

    fn row(&self, name: &str) -> Option<Measurement> {
        self.status.put_back();
        let info = self.status.take_change()?;
        info.measurements.into_iter().find(|row| row.name == name)
    }
}

fn settings(lines: &[&str]) -> Settings {
    let mut settings = Settings::default();
    settings.probe.default_targets = false;
    settings.checks.path_interval_s = 0;
    settings.checks.scheduled = lines.iter().map(|&line| line.to_owned()).collect();
    settings
}

fn reply(_: &Check) -> Finding {
    let mut finding = Finding::new(Outcome::Reply);
    finding.figure("redis_ping_us", 80.0);
    finding
}

#[tokio::test(start_paused = true)]
async fn checks_run_at_their_interval_and_become_series() {
    let lines = ["redis://db:6379 every 30s", "tcp://far:1 every 10s on n2"];
    let mut stage = stage(settings(&lines), Duration::from_millis(5), reply);
    sleep(Duration::from_secs(305)).await;
    let begun = stage.begun("db");
    assert!((10..=11).contains(&begun.len()), "{}", begun.len());
    assert!(begun.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_secs(30)));
    assert!(stage.begun("far").is_empty(), "it is for another node");
    let readings = stage.figures.recv().await.expect("figures");
    let (series, reading) = readings.iter().next().expect("one");
    let labels = ["src", "dst", "mode"].map(|name| series.label(name).to_owned());
    assert_eq!((series.metric.as_str(), reading.value), ("redis_ping_us", 80.0));
    assert_eq!(labels, ["n1", "db:6379", "redis"]);
    assert_eq!(stage.row("check redis://db:6379").expect("a row").state, MeasurementState::Working);
    let off = ["dns", "path"].map(|name| stage.row(name).expect("a row").state);
    assert_eq!(off, [MeasurementState::Off; 2]);
    assert_eq!(stage.row("checks"), None);
}

#[tokio::test(start_paused = true)]
async fn a_slow_check_never_overlaps_itself_and_few_run_at_once() {
    let lines: Vec<String> = (0..40).map(|at| format!("redis://h{at}:1 every 5s")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let stage = stage(settings(&lines), Duration::from_secs(7), reply);
    sleep(Duration::from_mins(10)).await;
    assert_eq!(stage.most_at_once.load(Ordering::SeqCst), AT_ONCE_MAX);
    for at in 0..40 {
        let log = stage.log.lock().expect("not poisoned");
        let runs: Vec<_> = log.iter().filter(|(name, ..)| *name == format!("h{at}")).collect();
        assert!(runs.len() >= 10, "everybody has a turn: {}", runs.len());
        assert!(runs.windows(2).all(|pair| pair[1].1 >= pair[0].2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_restarts_what_changed_and_nothing_else() {
    let stage = stage(settings(&["redis://a:1 every 20s", "redis://b:1 every 20s"]), Duration::ZERO, reply);
    sleep(Duration::from_secs(100)).await;
    let before = (stage.begun("a").len(), stage.begun("b").len());
    stage.orders.send_modify(|orders| {
        orders.settings = settings(&["redis://a:1 every 20s", "redis://b:1 every 60s", "redis://c:1 every 20s"]);
    });
    sleep(Duration::from_mins(5)).await;
    let (a, b, c) = (stage.begun("a"), stage.begun("b"), stage.begun("c"));
    assert!(a.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_secs(20)), "it went on as it was");
    assert_eq!(a.len(), before.0 + 15);
    assert!(b[before.1..].windows(2).all(|pair| pair[1] - pair[0] == Duration::from_mins(1)));
    assert!(b.len() - before.1 <= 5 && c.len() >= 14);
    stage.orders.send_modify(|orders| orders.settings = settings(&[]));
    sleep(Duration::from_secs(1)).await;
    let after = stage.log.lock().expect("not poisoned").len();
    sleep(Duration::from_mins(5)).await;
    assert_eq!(stage.log.lock().expect("not poisoned").len(), after);
    assert_eq!(stage.row("check redis://a:1"), None);
    assert_eq!(stage.row("checks").expect("a row").state, MeasurementState::Off);
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_a_loss_and_what_fails_is_a_row() {
    let found = |check: &Check| match check {
        Check::Tcp(_) => Finding::new(Outcome::Lost),
        _ => Finding::failed(Phase::Authenticate, "NOAUTH", "set NETLOOM_REDIS_PASSWORD"),
    };
    let mut stage = stage(settings(&["redis://a:1 every 20s", "tcp://b:1 every 20s"]), Duration::ZERO, found);
    sleep(Duration::from_mins(1)).await;
    let row = stage.row("check redis://a:1").expect("a row");
    assert_eq!(
        (row.state, row.detail.as_str()),
        (MeasurementState::Failing, "authenticate: NOAUTH; set NETLOOM_REDIS_PASSWORD")
    );
    assert_eq!(stage.row("check tcp://b:1").expect("a row").state, MeasurementState::Degraded);
    while let Ok(readings) = stage.figures.try_recv() {
        for (series, reading) in readings.iter() {
            assert_eq!((series.metric.as_str(), series.label("mode"), reading.value), ("loss_ratio", "tcp", 1.0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_way_to_the_hub_is_looked_at_and_told() {
    let mut settings = settings(&[]);
    settings.probe.default_targets = true;
    (settings.checks.dns_interval_s, settings.checks.path_interval_s) = (0, 300);
    let trace = |check: &Check| {
        let mut finding = Finding::new(Outcome::Reply);
        finding.figure("path_hops", 3.0);
        let address = [10, 9, 9, 9].into();
        if matches!(check, Check::Path(_)) {
            let trace = PathTrace { mode: ProbeMode::Icmp, address, is_reached: true, flows: Vec::new() };
            finding.detail = Some(netloom_core::check::Detail::Path(trace));
        }
        finding
    };
    let mut stage = stage(settings, Duration::from_secs(2), trace);
    sleep(Duration::from_secs(1_000)).await;
    let begun = stage.begun("way to 10.9.9.9");
    assert_eq!(begun.len(), 4);
    assert!(begun.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_mins(5)));
    let Some(Report::Path { dst, trace, .. }) = stage.reports.recv().await else { panic!("a way is told") };
    assert_eq!((dst.as_str(), trace.is_reached), ("hub", true));
    let readings = stage.figures.recv().await.expect("figures");
    assert!(readings.iter().all(|(series, _)| series.label("dst") == "hub" && series.label("mode") == "path"));
    assert_eq!(stage.row("path").expect("a row").state, MeasurementState::Working);
    stage.orders.send_modify(|orders| orders.hub = ([127, 0, 0, 1], 1).into());
    sleep(Duration::from_secs(20)).await;
    assert_eq!(stage.row("path").expect("a row").state, MeasurementState::Off);
}
