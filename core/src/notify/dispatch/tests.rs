use super::*;
use crate::{
    incident::{Acknowledgement, Handling},
    notify::{
        Failure, LISTED_MAX, Notice,
        line::{AGAIN_AFTER_MS, RATE_MAX_MESSAGES, RATE_WINDOW_MS},
        words,
    },
    rule::Severity,
    unit::Unit,
};

const FIRING: IncidentState = IncidentState::Firing;
const RESOLVED: IncidentState = IncidentState::Resolved;

fn incident(id: u64, state: IncidentState) -> Incident {
    Incident {
        id,
        rule: "loss_high".into(),
        title: "Loss".into(),
        severity: Severity::Warning,
        state,
        subject: format!("n{} → x", id % 7),
        labels: [("src".to_owned(), format!("n{}", id % 7)), ("dst".to_owned(), "x".to_owned())].into(),
        value: 0.2,
        limit: 0.05,
        unit: Unit::Ratio,
        message: format!("link {id} loses"),
        started_at: Timestamp(0),
        fired_at: Some(Timestamp(0)),
        resolved_at: (state == RESOLVED).then_some(Timestamp(1)),
        folded: 0,
        metric: String::new(),
        worst: None,
        runbook: String::new(),
        handling: Handling::default(),
    }
}

fn receiver(id: &str) -> Receiver {
    Receiver { id: id.into(), name: id.into(), ..Receiver::default() }
}

fn settings(receivers: Vec<Receiver>) -> NotifySettings {
    NotifySettings { receivers, ..NotifySettings::default() }
}

fn dispatch(receivers: Vec<Receiver>) -> Dispatch {
    Dispatch::new(BTreeMap::new(), settings(receivers), Retry { jitter: 0.0, ..Retry::default() })
}

/// Sends what is ready at a moment and takes the result for all of it. Returns what was sent.
fn send(dispatch: &mut Dispatch, now_ms: i64, result: &Result<Option<u16>, Failure>) -> Vec<(Outgoing, Delivery)> {
    let (ready, _) = dispatch.step(Timestamp(now_ms));
    let attempt = Attempt { at: Timestamp(now_ms), took_ms: 0, result: result.clone() };
    let one = |id: String| {
        let (receiver, _, outgoing) = dispatch.begin(&id).expect("is ready");
        let (delivery, _) = dispatch.done(&receiver, &outgoing, &attempt, 0.5);
        (outgoing, delivery)
    };
    ready.into_iter().map(one).collect()
}

fn delivered(dispatch: &mut Dispatch, now_ms: i64) -> Vec<Outgoing> {
    send(dispatch, now_ms, &Ok(Some(200))).into_iter().map(|(outgoing, _)| outgoing).collect()
}

/// What is told at each moment at which there is something to do: the time, the notice, and how many fire and are over.
fn run(dispatch: &mut Dispatch, mut now_ms: i64, until_ms: i64) -> Vec<(i64, Notice, u32, u32)> {
    let mut told = Vec::new();
    loop {
        for outgoing in delivered(dispatch, now_ms) {
            let message = outgoing.message;
            told.push((now_ms, message.notice, message.firing, message.resolved));
        }
        match dispatch.step(Timestamp(now_ms)).1 {
            Some(next_ms) if next_ms <= until_ms => now_ms = next_ms.max(now_ms + 1),
            _ => return told,
        }
    }
}

#[test]
fn a_thousand_links_that_fail_together_are_one_message_with_the_worst_first() {
    let mut dispatch = dispatch(vec![receiver("a")]);
    for id in 1..=1_000 {
        let severity = if id == 777 { Severity::Critical } else { Severity::Warning };
        dispatch.take(Incident { severity, ..incident(id, FIRING) });
    }
    assert_eq!(dispatch.step(Timestamp(0)), (Vec::new(), Some(10_000)));
    let sent = delivered(&mut dispatch, 10_000);
    let message = &sent[0].message;
    assert_eq!((sent.len(), message.firing, message.listed.len(), message.unlisted()), (1, 1_000, LISTED_MAX, 980));
    assert_eq!((message.worst, message.listed[0].id), (Severity::Critical, 777));
    assert_eq!(message.places[0], ("x".to_owned(), 1_000));
    assert_eq!(words::title(message, "c1"), "[c1] 1,000 alerts firing, worst critical");
    assert!(words::text(message, "").contains("… and 980 more"));
    // All of them are over: one message, too.
    (1..=1_000).for_each(|id| dispatch.take(incident(id, RESOLVED)));
    assert_eq!(run(&mut dispatch, 20_000, 600_000), [(70_000, Notice::Resolved, 0, 1_000)]);
    assert_eq!(dispatch.firing().count() + dispatch.unseen().len(), 0);
}

#[test]
fn the_first_waits_for_others_and_what_follows_for_the_interval() {
    let mut dispatch = dispatch(vec![receiver("a")]);
    dispatch.take(incident(1, FIRING));
    assert_eq!(dispatch.step(Timestamp(0)).1, Some(10_000));
    dispatch.take(incident(2, FIRING));
    assert_eq!(run(&mut dispatch, 9_000, 30_000), [(10_000, Notice::Firing, 2, 0)]);
    dispatch.take(incident(3, FIRING));
    assert_eq!(run(&mut dispatch, 12_000, 200_000), [(70_000, Notice::Firing, 1, 0)]);
    // Long after the last message only the wait counts.
    dispatch.take(incident(4, FIRING));
    assert_eq!(run(&mut dispatch, 500_000, 600_000), [(510_000, Notice::Firing, 1, 0)]);
}

#[test]
fn what_was_over_before_it_was_told_is_not_told() {
    let mut dispatch = dispatch(vec![receiver("a")]);
    dispatch.take(incident(1, FIRING));
    dispatch.step(Timestamp(0));
    dispatch.take(incident(1, RESOLVED));
    assert_eq!(run(&mut dispatch, 1_000, 1_000_000), []);
}

#[test]
fn each_receiver_gets_what_it_asks_for() {
    let bad = Receiver { at_least: Severity::Critical, ..receiver("bad") };
    let node = Receiver { nodes: vec!["n3".into()], ..receiver("node") };
    let rule = Receiver { rules: vec!["other".into()], ..receiver("rule") };
    let off = Receiver { enabled: false, ..receiver("off") };
    let quiet = Receiver { send_resolved: false, ..receiver("quiet") };
    let mut dispatch = dispatch(vec![bad, node, rule, off, quiet]);
    dispatch.take(incident(1, FIRING));
    dispatch.take(incident(3, FIRING));
    dispatch.take(Incident { severity: Severity::Critical, ..incident(2, FIRING) });
    dispatch.step(Timestamp(0));
    let (ready, _) = dispatch.step(Timestamp(10_000));
    assert_eq!(ready, ["bad", "node", "quiet"]);
    let ids = |dispatch: &mut Dispatch, id: &str| dispatch.begin(id).expect("ready").2.message.ids;
    assert_eq!(ids(&mut dispatch, "bad"), [2]);
    assert_eq!(ids(&mut dispatch, "node"), [3]);
    assert_eq!(ids(&mut dispatch, "quiet"), [2, 1, 3]);
}

#[test]
fn who_does_not_want_the_end_is_not_told() {
    let mut dispatch = dispatch(vec![Receiver { send_resolved: false, ..receiver("a") }]);
    dispatch.take(incident(1, FIRING));
    assert_eq!(run(&mut dispatch, 0, 60_000).len(), 1);
    dispatch.take(incident(1, RESOLVED));
    assert_eq!(run(&mut dispatch, 100_000, 1_000_000), []);
    assert!(dispatch.unseen().is_empty());
}

#[test]
fn what_fires_still_is_told_again_unless_it_is_taken_on_or_silenced() {
    let hour = 3_600_000;
    let mut dispatch = dispatch(vec![receiver("a")]);
    (1..=3).for_each(|id| dispatch.take(incident(id, FIRING)));
    assert_eq!(run(&mut dispatch, 0, 60_000).len(), 1);
    let mut taken = incident(1, FIRING);
    let (by, note) = ("mia".to_owned(), String::new());
    taken.handling.acknowledged = Some(Acknowledgement { by, at: Timestamp(0), note });
    let mut silenced = incident(2, FIRING);
    silenced.handling.silenced_by = Some("s1".into());
    dispatch.take(taken);
    dispatch.take(silenced);
    let told = run(&mut dispatch, 70_000, 9 * hour);
    assert_eq!(told, [(4 * hour + 10_000, Notice::Reminder, 1, 0), (8 * hour + 10_000, Notice::Reminder, 1, 0)]);
}

#[test]
fn a_silence_holds_back_until_it_ends() {
    let mut dispatch = dispatch(vec![receiver("a")]);
    let mut silenced = incident(1, FIRING);
    silenced.handling.silenced_by = Some("s1".into());
    dispatch.take(silenced.clone());
    assert_eq!(run(&mut dispatch, 0, 1_000_000), []);
    dispatch.take(incident(1, FIRING));
    assert_eq!(run(&mut dispatch, 2_000_000, 3_000_000), [(2_010_000, Notice::Firing, 1, 0)]);
    // People were told that it fires, so they are told that it is over, silence or not.
    dispatch.take(Incident { state: RESOLVED, ..silenced });
    assert_eq!(run(&mut dispatch, 3_000_000, 4_000_000), [(3_010_000, Notice::Resolved, 0, 1)]);
}

#[test]
fn a_receiver_that_is_away_gets_the_same_message_later_and_what_came_in_between_after_it() {
    let mut dispatch = dispatch(vec![receiver("a")]);
    dispatch.take(incident(1, FIRING));
    dispatch.step(Timestamp(0));
    let away = Err(Failure::passing("away"));
    let first = send(&mut dispatch, 10_000, &away).remove(0);
    assert_eq!((first.1.outcome, first.1.next_at), (Outcome::Retrying, Some(Timestamp(15_000))));
    dispatch.take(incident(1, RESOLVED));
    dispatch.take(incident(2, FIRING));
    assert_eq!(dispatch.step(Timestamp(12_000)), (Vec::new(), Some(15_000)));
    let second = send(&mut dispatch, 15_000, &Ok(Some(200))).remove(0);
    assert_eq!((second.1.outcome, second.1.attempt, &second.1.message), (Outcome::Delivered, 2, &first.1.message));
    assert_eq!(second.0.message, first.0.message);
    assert_eq!(run(&mut dispatch, 16_000, 1_000_000), [(70_000, Notice::Firing, 1, 1)]);
}

#[test]
fn what_was_given_up_is_over_without_a_word_and_tried_again_while_it_fires() {
    let lasting = Err(Failure::lasting("no").with_status(403));
    let mut dispatch = dispatch(vec![receiver("a")]);
    (1..=2).for_each(|id| dispatch.take(incident(id, FIRING)));
    dispatch.step(Timestamp(0));
    let (_, delivery) = send(&mut dispatch, 10_000, &lasting).remove(0);
    assert_eq!((delivery.outcome, delivery.status, delivery.count), (Outcome::Failed, Some(403), 2));
    dispatch.take(incident(1, RESOLVED));
    assert_eq!(run(&mut dispatch, 20_000, 2 * AGAIN_AFTER_MS), [(10_000 + AGAIN_AFTER_MS, Notice::Reminder, 1, 0)]);
}

#[test]
fn attempts_end_and_a_refusal_is_not_tried_again() {
    let mut dispatch = dispatch(vec![receiver("a")]);
    dispatch.take(incident(1, FIRING));
    dispatch.step(Timestamp(0));
    let (mut now_ms, mut outcomes) = (10_000, Vec::new());
    while let Some((_, delivery)) = send(&mut dispatch, now_ms, &Err(Failure::passing("away"))).pop() {
        outcomes.push(delivery.outcome);
        let Some(next) = delivery.next_at else { break };
        now_ms = next.ms();
    }
    assert_eq!((outcomes.len(), outcomes.pop()), (12, Some(Outcome::Failed)));
    dispatch.take(incident(2, FIRING));
    dispatch.step(Timestamp(now_ms));
    let (_, delivery) = send(&mut dispatch, now_ms + 60_000, &Err(Failure::refusal("private"))).remove(0);
    assert_eq!(delivery.outcome, Outcome::Refused);
}

#[test]
fn a_restart_neither_repeats_nor_forgets() {
    let mut before = dispatch(vec![receiver("a")]);
    before.take(incident(1, FIRING));
    assert_eq!(run(&mut before, 0, 60_000).len(), 1);
    before.take(incident(2, FIRING));
    before.step(Timestamp(100_000));
    // It dies while the second message is under way: nobody knows whether it arrived.
    assert_eq!(before.step(Timestamp(110_000)).0, ["a"]);
    let (_, line, sent) = before.begin("a").expect("ready");
    let kept = serde_json::to_string(&line).expect("is JSON");
    let lines = BTreeMap::from([("a".to_owned(), serde_json::from_str(&kept).expect("is a line"))]);
    let mut after = Dispatch::new(lines, settings(vec![receiver("a")]), Retry::default());
    assert_eq!(after.unseen(), [1, 2]);
    // The first was over meanwhile.
    after.take(incident(1, RESOLVED));
    after.take(incident(2, FIRING));
    let again = delivered(&mut after, 200_000);
    assert_eq!((again.len(), &again[0].message), (1, &sent.message));
    assert_eq!(run(&mut after, 201_000, 1_000_000), [(211_000, Notice::Resolved, 0, 1)]);
}

#[test]
fn a_receiver_gets_no_more_than_its_rate_and_nothing_is_lost() {
    let pace = NotifySettings { group_wait_s: 0.0, group_interval_s: 0.0, ..settings(vec![receiver("a")]) };
    let mut dispatch = Dispatch::new(BTreeMap::new(), pace, Retry::default());
    for id in 1..=RATE_MAX_MESSAGES as u64 {
        dispatch.take(incident(id, FIRING));
        assert_eq!(delivered(&mut dispatch, id as i64 * 1_000).len(), 1);
    }
    (1_001..=1_100).for_each(|id| dispatch.take(incident(id, FIRING)));
    let told = run(&mut dispatch, 61_000, RATE_WINDOW_MS + 10_000);
    assert_eq!(told, [(RATE_WINDOW_MS + 1_000, Notice::Firing, 100, 0)]);
}

#[test]
fn a_receiver_that_is_gone_takes_its_message_with_it() {
    let mut dispatch = dispatch(vec![receiver("a")]);
    dispatch.take(incident(1, FIRING));
    dispatch.step(Timestamp(0));
    dispatch.step(Timestamp(10_000));
    let (receiver, _, outgoing) = dispatch.begin("a").expect("ready");
    dispatch.set_settings(settings(Vec::new()));
    let attempt = Attempt { at: Timestamp(10_000), took_ms: 5, result: Err(Failure::passing("away")) };
    let (delivery, line) = dispatch.done(&receiver, &outgoing, &attempt, 0.5);
    assert_eq!((delivery.outcome, line), (Outcome::Failed, None));
}
