//! What was and is, over a database that an earlier hub left: filters, pages, exports, and limits.

use netloom_core::{
    incident::{Handling, Incident, IncidentState, raise::RAISED_OPEN_MAX},
    rule::Severity,
    sample::Labels,
    silence::{Matcher, SILENCES_MAX, Silence},
    time::Timestamp,
    unit::Unit,
};
use netloom_server::{clock, store};
use reqwest::Method;
use serde_json::json;

use super::{post, raised, seconds_from_now, send};
use crate::support::TestHub;

/// An incident as an earlier hub left it.
fn kept(id: u64, state: IncidentState, message: &str) -> Incident {
    Incident {
        id,
        rule: "job_old".into(),
        title: "Old".into(),
        severity: Severity::Warning,
        state,
        subject: format!("n{}", id % 3),
        labels: Labels::from([("node".into(), format!("n{}", id % 3)), ("id".into(), id.to_string())]),
        value: 0.0,
        limit: 0.0,
        unit: Unit::Count,
        message: message.into(),
        started_at: Timestamp(clock::now().ms() - 3_600_000 + id as i64 * 1_000),
        fired_at: Some(Timestamp(1)),
        resolved_at: (state == IncidentState::Resolved).then(clock::now),
        folded: 0,
        metric: String::new(),
        worst: None,
        runbook: String::new(),
        handling: Handling::default(),
    }
}

/// A hub that begins with these incidents and silences.
async fn start_with(incidents: &[Incident], silences: &[Silence]) -> TestHub {
    let folder = tempfile::tempdir().unwrap();
    let before = store::open(folder.path()).await.unwrap();
    before.ledger.save_incidents(incidents.iter().map(|incident| (incident, &[][..]))).await.unwrap();
    for silence in silences {
        before.ledger.save_silence(silence).await.unwrap();
    }
    before.database.close().await;
    drop(before);
    TestHub::start_in(folder).await
}

const HISTORY: u64 = 1_203;

async fn history() -> TestHub {
    let formula = "=HYPERLINK(\"http://evil.example\")";
    let incidents: Vec<Incident> = (1..=HISTORY)
        .map(|id| kept(id, IncidentState::Resolved, if id == 7 { formula } else { "nothing, really" }))
        .collect();
    start_with(&incidents, &[]).await
}

#[tokio::test]
async fn history_is_filtered_and_read_page_by_page() {
    let hub = history().await;
    post(&hub, "/api/v1/alerts", &raised("n1")).await;
    let ids = async |query: &str| {
        let (status, found) = hub.get(&format!("/api/v1/alerts?{query}")).await;
        assert_eq!(status, 200, "{found}");
        found.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let mut all = ids("limit=1000").await;
    all.extend(ids(&format!("limit=1000&before={}", all.last().unwrap())).await);
    assert!(all.iter().copied().eq((1..=HISTORY + 1).rev()), "every one once, the newest first");
    assert_eq!(ids("q=HYPERLINK").await, [7]);
    assert_eq!(ids("q=hyperlink%20really").await, [] as [u64; 0]);
    assert_eq!(ids("severity=critical").await, [HISTORY + 1]);
    assert_eq!(ids("state=firing,pending").await, [HISTORY + 1]);
    assert_eq!(ids("state=resolved&node=n1&limit=2").await, [1_201, 1_198]);
    assert_eq!(ids("rule=job_gpu_lost,other").await, [HISTORY + 1]);
    let first = hub.get("/api/v1/alerts/1").await.1["incident"]["started_at"].as_str().unwrap().to_owned();
    assert_eq!(ids(&format!("to={first}")).await, [1]);
    assert_eq!(ids("from=now").await, [HISTORY + 1], "the others are over");
    assert_eq!(hub.get("/api/v1/alerts").await.1.as_array().unwrap().len(), 501 - 1, "as many as pages begin with");
    let related = hub.get("/api/v1/alerts/600").await.1["related"].clone();
    let related: Vec<u64> = related.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert!(related.len() == 50 && related.iter().all(|id| id % 3 == 0 && *id != 600), "{related:?}");
    hub.stop().await;
}

#[tokio::test]
async fn incidents_are_exported_whole_and_no_cell_is_a_formula() {
    let hub = history().await;
    let text = async |query: &str| {
        let response = hub.client.get(hub.url(&format!("/api/v1/alerts/export?{query}"))).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(
            response.headers()["content-disposition"]
                .to_str()
                .unwrap()
                .starts_with("attachment; filename=\"netloom-alerts-")
        );
        (kind, response.text().await.unwrap())
    };
    let (kind, lines) = text("").await;
    let read: Vec<Incident> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(kind == "application/x-ndjson" && read.iter().map(|one| one.id).eq(1..=HISTORY));
    let (kind, table) = text("format=csv").await;
    assert!(kind.starts_with("text/csv") && table.starts_with("id,rule,title,"));
    assert_eq!(table.lines().count() as u64, HISTORY + 1);
    assert!(table.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""));
    assert_eq!(text("format=csv&q=hyperlink").await.1.lines().count(), 2);
    for wrong in ["format=xml", "limit=5", "state=open", "from=now&to=now-1h"] {
        let (status, problem) = hub.get(&format!("/api/v1/alerts/export?{wrong}")).await;
        assert_eq!((status, problem["field"].as_str()), (400, wrong.split('=').next()), "{problem}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_job_that_raises_without_end_is_held_up() {
    let hub = TestHub::start().await;
    let mut refused = None;
    for _ in 0..2_000 {
        let reply = post(&hub, "/api/v1/alerts", &raised("n7")).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        assert!(reply.status <= 201, "{}", reply.body);
    }
    let refused = refused.expect("somewhere there is an end");
    assert!(refused.retry_after.parse::<u64>().unwrap() >= 1, "{}", refused.retry_after);
    assert_eq!(hub.get("/api/v1/alerts").await.1.as_array().unwrap().len(), 1, "all of them are one");
    let metrics = hub.client.get(hub.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("netloom_incident_refused_total 1"), "it is counted");
    hub.stop().await;
}

#[tokio::test]
async fn open_incidents_of_jobs_and_silences_are_bounded() {
    let open: Vec<Incident> =
        (1..=RAISED_OPEN_MAX as u64).map(|id| kept(id, IncidentState::Firing, "still there")).collect();
    let silence = |at: usize| Silence {
        id: format!("s{at:07}"),
        matcher: Matcher { nodes: vec![format!("x{at}")], ..Matcher::default() },
        starts_at: clock::now(),
        ends_at: Timestamp(clock::now().ms() + 3_600_000),
        by: "Zoë".into(),
        why: String::new(),
    };
    let silences: Vec<Silence> = (0..SILENCES_MAX).map(silence).collect();
    let hub = start_with(&open, &silences).await;
    let refused = post(&hub, "/api/v1/alerts", &raised("n7")).await;
    assert_eq!((refused.status, &refused.body["field"]), (429, &json!("labels")), "{}", refused.body);
    assert_eq!(refused.retry_after, "60");
    let request = json!({"matcher": {"nodes": ["b"]}, "ends_at": seconds_from_now(60)});
    let refused = post(&hub, "/api/v1/silences", &request).await;
    assert_eq!((refused.status, &refused.body["field"]), (409, &json!("matcher")), "{}", refused.body);
    send(&hub, Method::DELETE, "/api/v1/silences/s0000000", &json!({})).await;
    assert_eq!(post(&hub, "/api/v1/silences", &request).await.status, 201, "now there is room");
    let end = json!({"type": "old", "message": "m", "severity": "warning", "firing": false, "labels": {"node": "n1", "id": "1"}});
    assert_eq!(post(&hub, "/api/v1/alerts", &end).await.status, 200);
    assert_eq!(post(&hub, "/api/v1/alerts", &raised("n7")).await.status, 201, "now there is room");
    hub.stop().await;
}
