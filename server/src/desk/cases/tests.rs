use netloom_core::{
    incident::{Handling, RaiseRequest, raise::RAISED_OPEN_MAX},
    rule::Severity,
    sample::Labels,
    silence::{Maintenance, Matcher},
    unit::Unit,
};

use super::*;
use crate::desk::raised::Refusal;

const START: i64 = 1_700_000_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp(START + second * 1_000)
}

fn incident(id: u64, node: &str, state: IncidentState) -> Incident {
    let is_over = state == IncidentState::Resolved;
    Incident {
        id,
        rule: "latency_high".into(),
        title: "High latency".into(),
        severity: Severity::Warning,
        state,
        subject: node.into(),
        labels: Labels::from([("node".into(), node.into())]),
        value: 2.0,
        limit: 1.0,
        unit: Unit::Microseconds,
        message: format!("{node} is slow"),
        started_at: at(0),
        fired_at: (state != IncidentState::Pending).then_some(at(10)),
        resolved_at: is_over.then_some(at(70)),
        folded: 0,
        metric: "rtt_us".into(),
        worst: None,
        runbook: String::new(),
        handling: Handling::default(),
    }
}

fn silence(id: &str, node: &str, from: i64, to: i64) -> Silence {
    let matcher = Matcher { nodes: vec![node.into()], ..Matcher::default() };
    Silence {
        id: id.into(), matcher, starts_at: at(from), ends_at: at(to), by: "Zoë".into(), why: "new switch".into()
    }
}

/// What the engine says, laid and put in force.
fn told(cases: &mut Cases, incident: Incident, now: Timestamp) -> Change {
    let change = cases.lay(incident, now).expect("is news");
    cases.apply(&change);
    change
}

fn kinds(steps: &[TimelineEntry]) -> Vec<TimelineKind> {
    steps.iter().map(|step| step.kind).collect()
}

fn taken_on(by: &str, second: i64) -> Acknowledgement {
    Acknowledgement { by: by.into(), at: at(second), note: String::new() }
}

fn acknowledged(cases: &mut Cases, wanted: Option<Acknowledgement>) -> Outcome {
    let outcome = cases.acknowledge(1, wanted, "Zoë", at(20)).expect("fires");
    if let Outcome::Changed(change) = &outcome {
        cases.apply(change);
    }
    outcome
}

#[test]
fn an_incident_has_its_steps_once() {
    let mut cases = Cases::default();
    let pending = told(&mut cases, incident(1, "a", IncidentState::Pending), at(0));
    assert!(!pending.is_kept() && pending.steps.is_empty());
    let fires = told(&mut cases, incident(1, "a", IncidentState::Firing), at(10));
    assert_eq!(kinds(&fires.steps), [TimelineKind::Began, TimelineKind::Fired]);
    assert_eq!((fires.steps[0].at, fires.steps[1].at), (at(0), at(10)));
    let mut again = incident(1, "a", IncidentState::Firing);
    again.folded = 1;
    assert_eq!(kinds(&told(&mut cases, again.clone(), at(20)).steps), [TimelineKind::Folded]);
    again.folded = 3;
    assert_eq!(told(&mut cases, again.clone(), at(21)).steps[0].text, "It stands for 3 links.");
    assert_eq!(told(&mut cases, again, at(22)).steps, []);
    let over = told(&mut cases, incident(1, "a", IncidentState::Resolved), at(70));
    assert_eq!((kinds(&over.steps), over.steps[0].text.as_str()), (vec![TimelineKind::Resolved], "Over after 70 s."));
    assert_eq!(cases.lay(incident(1, "a", IncidentState::Resolved), at(71)), None, "it is over already");
    assert_eq!(cases.lay(incident(2, "a", IncidentState::Inactive), at(71)), None, "nobody was told of it");
}

#[test]
fn an_acknowledgement_survives_the_engine_and_a_restart_and_goes_at_the_end() {
    let mut cases = Cases::default();
    told(&mut cases, incident(1, "a", IncidentState::Firing), at(10));
    let Outcome::Changed(change) = acknowledged(&mut cases, Some(taken_on("Zoë", 20))) else { panic!("is new") };
    assert_eq!(change.steps[0].text, "Zoë took it on.");
    let again = acknowledged(&mut cases, Some(taken_on("Zoë", 25)));
    assert!(matches!(&again, Outcome::Same(same) if same.handling.acknowledged == Some(taken_on("Zoë", 20))));
    let updated = told(&mut cases, incident(1, "a", IncidentState::Firing), at(30)).incident;
    assert_eq!(updated.handling.acknowledged, Some(taken_on("Zoë", 20)));

    let mut after = Cases::new(&[updated], Vec::new());
    assert_eq!(after.settle(at(40)), []);
    let same = told(&mut after, incident(1, "a", IncidentState::Firing), at(41));
    assert_eq!((same.steps, same.incident.handling.acknowledged), (vec![], Some(taken_on("Zoë", 20))));
    let over = told(&mut after, incident(1, "a", IncidentState::Resolved), at(70)).incident;
    assert_eq!(over.handling, Handling::default());
    assert_eq!(after.acknowledge(1, None, "Zoë", at(71)), None);
}

#[test]
fn an_incident_is_given_back_once() {
    let mut cases = Cases::default();
    told(&mut cases, incident(1, "a", IncidentState::Firing), at(10));
    acknowledged(&mut cases, Some(taken_on("Zoë", 20)));
    let Outcome::Changed(change) = acknowledged(&mut cases, None) else { panic!("is new") };
    assert_eq!((change.steps[0].kind, change.incident.handling.acknowledged), (TimelineKind::Unacknowledged, None));
    assert!(matches!(acknowledged(&mut cases, None), Outcome::Same(_)));
    told(&mut cases, incident(2, "a", IncidentState::Pending), at(10));
    assert_eq!(cases.acknowledge(2, None, "Zoë", at(20)), None, "it does not fire");
}

#[test]
fn a_silence_begins_and_ends_at_its_time() {
    let mut cases = Cases::default();
    for (id, node) in [(1, "a"), (2, "b")] {
        told(&mut cases, incident(id, node, IncidentState::Firing), at(10));
    }
    cases.put_silence(silence("s1", "a", 20, 40));
    assert_eq!(cases.settle(at(19)), []);
    let begins = cases.settle(at(20));
    assert_eq!((begins.len(), begins[0].incident.handling.silenced_by.as_deref()), (1, Some("s1")));
    assert_eq!(begins[0].steps, [step(at(20), TimelineKind::Silenced, "Silenced by Zoë: new switch")]);
    assert_eq!(cases.settle(at(21)), [], "once");
    cases.put_silence(silence("s2", "a", 20, 50));
    assert_eq!(cases.settle(at(22)), [], "the one that holds stays the one");
    let other = cases.settle(at(40));
    assert_eq!(other[0].incident.handling.silenced_by.as_deref(), Some("s2"));
    assert_eq!(kinds(&other[0].steps), [TimelineKind::Silenced]);
    let ends = cases.settle(at(50));
    assert_eq!(ends[0].steps, [step(at(50), TimelineKind::Unsilenced, "The silence by Zoë is over.")]);
    assert!(cases.forget_silences(at(45)) && !cases.forget_silences(at(45)));
    assert_eq!(cases.silences().count(), 1);
}

#[test]
fn what_fires_under_a_silence_is_silenced_from_the_start_and_stays_so_at_its_end() {
    let mut cases = Cases::default();
    cases.put_silence(silence("s1", "a", 0, 90));
    assert_eq!(cases.settle(at(0)), []);
    let pending = told(&mut cases, incident(1, "a", IncidentState::Pending), at(0));
    assert_eq!((pending.incident.handling.silenced_by.as_deref(), pending.steps.len()), (Some("s1"), 0));
    // The timeline begins when it fires; what it falls under by then is told with it.
    let fires = told(&mut cases, incident(1, "a", IncidentState::Firing), at(10));
    assert_eq!(fires.incident.handling.silenced_by.as_deref(), Some("s1"));
    assert_eq!(kinds(&fires.steps), [TimelineKind::Began, TimelineKind::Fired, TimelineKind::Silenced]);
    let over = told(&mut cases, incident(1, "a", IncidentState::Resolved), at(70));
    assert_eq!(over.incident.handling.silenced_by.as_deref(), Some("s1"), "so nobody is told that it is over");
    assert_eq!(cases.settle(at(90)), []);
}

#[test]
fn a_silence_that_ended_while_the_hub_was_down_ends_at_the_start() {
    let mut silenced = incident(1, "a", IncidentState::Firing);
    silenced.handling.silenced_by = Some("s1".into());
    let mut cases = Cases::new(&[silenced.clone()], vec![silence("s1", "a", 0, 50)]);
    assert_eq!(cases.settle(at(49)), [], "it still holds");
    let mut cases = Cases::new(&[silenced], vec![silence("s1", "a", 0, 50)]);
    assert_eq!(kinds(&cases.settle(at(60))[0].steps), [TimelineKind::Unsilenced]);
}

#[test]
fn a_maintenance_window_silences_by_its_name() {
    let mut cases = Cases::default();
    told(&mut cases, incident(1, "gpu3", IncidentState::Firing), at(10));
    // The start is 22:13:20 UTC.
    let window = |name: &str, zone: &str| Maintenance {
        name: name.into(),
        start: "22:14".into(),
        end: "22:15".into(),
        zone: zone.into(),
        matcher: Matcher { nodes: vec!["gpu[1-4]".into()], ..Matcher::default() },
        ..Maintenance::default()
    };
    let mut settings = Settings::default();
    settings.alerts.maintenance = vec![window("backup", ""), window("lost", "Mars/Olympus")];
    assert_eq!(cases.set_windows(&settings), ["lost"]);
    assert_eq!(cases.settle(at(39)), []);
    let begins = cases.settle(at(40));
    assert_eq!(begins[0].incident.handling.silenced_by.as_deref(), Some("maintenance backup"));
    assert_eq!(begins[0].steps[0].text, "Silenced by maintenance window backup.");
    assert_eq!(cases.settle(at(100))[0].steps[0].text, "Maintenance window backup is over.");
    cases.settle(at(24 * 3_600 + 41));
    cases.set_windows(&Settings::default());
    assert_eq!(kinds(&cases.settle(at(24 * 3_600 + 42))[0].steps), [TimelineKind::Unsilenced], "it was taken away");
}

fn request(ttl_s: Option<f64>, firing: bool) -> RaiseRequest {
    let labels = Labels::from([("node".into(), "a".into())]);
    let message = "GPU 3 is gone".into();
    RaiseRequest { kind: "gpu".into(), message, severity: Severity::Critical, labels, firing, ttl_s }
}

fn raised(cases: &mut Cases, request: &RaiseRequest, second: i64) -> Outcome {
    let outcome = cases.raise(request, "job 7", at(second), || 9).expect("is taken");
    if let Outcome::Changed(change) | Outcome::New(change) = &outcome {
        cases.apply(change);
    }
    outcome
}

#[test]
fn a_job_raises_changes_and_ends_one_incident() {
    let mut cases = Cases::default();
    let Outcome::New(new) = raised(&mut cases, &request(None, true), 0) else { panic!("is new") };
    assert_eq!(new.steps, [step(at(0), TimelineKind::Fired, "Raised by job 7: GPU 3 is gone")]);
    assert!(matches!(raised(&mut cases, &request(None, true), 1), Outcome::Same(_)));
    let worse = RaiseRequest { message: "GPU 3 and 4 are gone".into(), ..request(None, true) };
    let Outcome::Changed(changed) = raised(&mut cases, &worse, 2) else { panic!("changes") };
    assert_eq!((changed.incident.id, changed.incident.started_at, changed.is_news), (9, at(0), true));
    let Outcome::Changed(over) = raised(&mut cases, &request(None, false), 60) else { panic!("ends") };
    assert_eq!((over.incident.state, over.incident.resolved_at), (IncidentState::Resolved, Some(at(60))));
    assert_eq!(over.steps[0].text, "Ended by job 7. Over after 60 s.");
    let again = raised(&mut cases, &request(None, false), 61);
    assert_eq!(again, Outcome::Same(over.incident.clone()), "the request was sent twice");
    let mut after = Cases::new(std::slice::from_ref(&over.incident), Vec::new());
    assert_eq!(raised(&mut after, &request(None, false), 62), Outcome::Same(over.incident), "even after a restart");
    assert!(matches!(raised(&mut cases, &request(None, true), 62), Outcome::New(_)));
}

#[test]
fn what_nobody_raises_again_ends_by_itself_even_after_a_restart() {
    let mut cases = Cases::default();
    raised(&mut cases, &request(Some(30.0), true), 0);
    let Outcome::Changed(put_off) = raised(&mut cases, &request(Some(30.0), true), 20) else { panic!("is put off") };
    assert!(!put_off.is_news && put_off.steps.is_empty());
    assert_eq!(cases.settle(at(49)), []);
    let mut after = Cases::new(&[put_off.incident], Vec::new());
    assert_eq!(after.settle(at(49)), []);
    let over = after.settle(at(50));
    assert_eq!((over[0].incident.state, over[0].incident.handling.expires_at), (IncidentState::Resolved, None));
    assert_eq!(over[0].steps[0].text, "Nobody raised it again. Over after 50 s.");
    assert_eq!(after.settle(at(51)), []);
    raised(&mut cases, &request(None, true), 45);
    assert_eq!(cases.settle(at(99_999)), [], "without a time to live it stays");
}

#[test]
fn jobs_raise_only_so_many() {
    let mut cases = Cases::default();
    for id in 0..RAISED_OPEN_MAX as u64 {
        let labels = Labels::from([("n".into(), id.to_string())]);
        let outcome = cases.raise(&RaiseRequest { labels, ..request(None, true) }, "job", at(0), || id);
        let Ok(Outcome::New(change)) = outcome else { panic!("{id}") };
        cases.apply(&change);
    }
    assert_eq!(cases.raise(&request(None, true), "job", at(0), || 0), Err(Refusal::TooMany));
    assert_eq!(cases.raise(&request(None, false), "job", at(0), || 0), Err(Refusal::NoneOpen));
}

#[test]
fn what_fires_of_a_rule_that_went_while_the_hub_was_down_is_over() {
    let raised = request(None, true).incident(2, at(0));
    let known = [incident(1, "a", IncidentState::Firing), raised.clone()];
    let mut cases = Cases::new(&known, Vec::new());
    assert_eq!(cases.end_orphans(|rule| rule == "latency_high", at(20)), []);
    let over = cases.end_orphans(|_| false, at(20));
    assert_eq!((over.len(), over[0].incident.id, over[0].incident.state), (1, 1, IncidentState::Resolved));
    assert_eq!(cases.lay(incident(1, "a", IncidentState::Resolved), at(21)), None, "the engine says so, too");
}
