//! Goal: the right message reaches each receiver, once, whatever the receiver does. Method: the notifier itself, with a
//! ledger on disk, against real HTTP receivers and SMTP servers on free ports; waits are short by configuration.

use std::{sync::Arc, time::Duration};

use netloom_core::{
    incident::{Handling, Incident, IncidentState},
    notify::{Delivery, Outcome, retry::Retry},
    rule::Severity,
    settings::{
        Settings,
        notify::{Receiver, ReceiverKind, Secret, Security},
    },
    time::Timestamp,
    unit::Unit,
};
use netloom_server::{
    notify::{Notifications, NotifierHandle, Pace, Wiring},
    secrets::Secrets,
    store::{self, Stores},
};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::{
    receivers::{HttpReceiver, Manners, SmtpServer, raw},
    until,
};

const FIRING: IncidentState = IncidentState::Firing;
const RESOLVED: IncidentState = IncidentState::Resolved;
/// Long enough for a loaded machine, short enough to wait for.
const LIMIT: Duration = Duration::from_secs(2);

/// Attempts follow each other at once.
pub fn pace() -> Pace {
    Pace { limit: LIMIT, retry: Retry { attempts: 3, first_ms: 20, ..Retry::default() } }
}

/// A notifier with its ledger.
struct Stage {
    folder: TempDir,
    stores: Stores,
    handle: NotifierHandle,
    notifications: Notifications,
    _settings: watch::Sender<Settings>,
}

impl Stage {
    async fn start(receivers: Vec<Receiver>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), receivers, |_| {}).await
    }

    async fn start_in(folder: TempDir, receivers: Vec<Receiver>, change: impl FnOnce(&mut Settings)) -> Self {
        let stores = store::open(folder.path()).await.unwrap();
        let mut settings = Settings::default();
        settings.notify.receivers = receivers;
        settings.notify.public_url = "https://netloom.example/".into();
        settings.notify.allow_private = true;
        settings.notify.group_wait_s = 0.2;
        settings.notify.group_interval_s = 0.0;
        change(&mut settings);
        let secrets = Arc::new(Secrets::open(folder.path()).unwrap());
        let (sender, settings) = watch::channel(settings);
        let ledger = stores.ledger.clone();
        let wiring = Wiring { settings, secrets, ledger, cluster: "c1".into(), pace: pace() };
        let (handle, notifications) = NotifierHandle::start(wiring);
        Self { folder, stores, handle, notifications, _settings: sender }
    }

    async fn stop(self) -> TempDir {
        let Self { folder, stores, notifications, .. } = self;
        notifications.end().await;
        stores.database.close().await;
        folder
    }

    /// Ends as a crash does: what was going on is cut off, and nothing is written any more.
    async fn crash(self) -> TempDir {
        let Self { folder, stores, notifications, .. } = self;
        notifications.abort().await;
        stores.database.close().await;
        folder
    }

    async fn tell(&self, incident: Incident) {
        self.stores.ledger.save_incident(&incident).await.unwrap();
        self.handle.offer(incident);
    }

    /// The delivery log, oldest first.
    async fn log(&self) -> Vec<Delivery> {
        let mut log = self.stores.ledger.deliveries(100).await.unwrap();
        log.reverse();
        log
    }

    async fn outcomes(&self) -> Vec<Outcome> {
        self.log().await.iter().map(|delivery| delivery.outcome).collect()
    }

    async fn until_logged(&self, count: usize) {
        until("attempts are logged", async || self.log().await.len() >= count).await;
    }
}

fn incident(id: u64, state: IncidentState) -> Incident {
    Incident {
        id,
        rule: "loss_high".into(),
        title: "Loss".into(),
        severity: Severity::Critical,
        state,
        subject: "a → b".into(),
        labels: [("src".to_owned(), "a".to_owned()), ("dst".to_owned(), "b".to_owned())].into(),
        value: 0.2,
        limit: 0.05,
        unit: Unit::Ratio,
        message: format!("a → b loses 20 %, number {id}"),
        started_at: Timestamp(1_700_000_000_000),
        fired_at: Some(Timestamp(1_700_000_010_000)),
        resolved_at: (state == RESOLVED).then_some(Timestamp(1_700_000_100_000)),
        folded: 0,
        metric: "loss_ratio".into(),
        worst: Some(0.3),
        runbook: "https://wiki.example/loss".into(),
        handling: Handling::default(),
    }
}

fn webhook(url: String) -> Receiver {
    Receiver { id: "r1".into(), name: "team".into(), url, secret: Secret("hunter2".into()), ..Receiver::default() }
}

fn email(server: &SmtpServer) -> Receiver {
    Receiver {
        kind: ReceiverKind::Email,
        host: server.address.ip().to_string(),
        port: server.address.port(),
        security: Security::None,
        user: "netloom".into(),
        from: "netloom@example.org".into(),
        to: vec!["one@example.org".into(), "two@example.org".into()],
        ..webhook(String::new())
    }
}

#[tokio::test]
async fn a_webhook_gets_what_fires_and_what_is_over_in_alertmanagers_shape() {
    let server = HttpReceiver::start(&[]).await;
    let stage = Stage::start(vec![webhook(server.url())]).await;
    stage.tell(incident(7, FIRING)).await;
    until("it is told", async || server.got().len() == 1).await;
    stage.tell(incident(7, RESOLVED)).await;
    until("the end is told", async || server.got().len() == 2).await;
    stage.until_logged(2).await;
    let got = server.got();
    assert_eq!((got[0].path.as_str(), got[0].header("authorization")), ("/hook", "Bearer hunter2"));
    assert!(got[0].header("user-agent").starts_with("netloom/"));
    let (first, second) = (&got[0].json, &got[1].json);
    assert_eq!(
        (&first["version"], &first["status"], &first["receiver"]),
        (&"4".into(), &"firing".into(), &"team".into())
    );
    assert_eq!(first["externalURL"], "https://netloom.example/");
    let alert = &first["alerts"][0];
    assert_eq!((&alert["labels"]["alertname"], &alert["labels"]["src"]), (&"loss_high".into(), &"a".into()));
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["annotations"]["runbook_url"], "https://wiki.example/loss");
    assert_eq!(alert["generatorURL"], "https://netloom.example/alerts/7");
    assert_eq!(
        (&alert["startsAt"], &alert["endsAt"]),
        (&"2023-11-14T22:13:30.000Z".into(), &"0001-01-01T00:00:00Z".into())
    );
    assert_eq!((&second["status"], &second["alerts"][0]["status"]), (&"resolved".into(), &"resolved".into()));
    assert_eq!(second["alerts"][0]["endsAt"], "2023-11-14T22:15:00.000Z");
    assert_eq!(second["alerts"][0]["fingerprint"], alert["fingerprint"]);
    let log = stage.log().await;
    assert_eq!((log[0].outcome, log[0].status, &log[0].incidents), (Outcome::Delivered, Some(200), &vec![7]));
    stage.stop().await;
}

#[tokio::test]
async fn a_thousand_incidents_at_once_are_one_message() {
    let server = HttpReceiver::start(&[]).await;
    let quiet = |settings: &mut Settings| settings.notify.group_wait_s = 1.5;
    let stage = Stage::start_in(tempfile::tempdir().unwrap(), vec![webhook(server.url())], quiet).await;
    for id in 1..=1_000 {
        stage.handle.offer(incident(id, FIRING));
    }
    until("they are told", async || !server.got().is_empty()).await;
    stage.until_logged(1).await;
    let json = &server.got()[0].json;
    assert_eq!((json["alerts"].as_array().unwrap().len(), &json["truncatedAlerts"]), (20, &980.into()));
    assert_eq!((stage.log().await[0].count, server.got().len()), (1_000, 1));
    stage.stop().await;
}

#[tokio::test]
async fn more_than_the_queue_holds_is_looked_up() {
    let server = HttpReceiver::start(&[]).await;
    let stage = Stage::start(vec![webhook(server.url())]).await;
    stage.stores.ledger.save_incident(&incident(9_999, FIRING)).await.unwrap();
    // No await in between: the task takes nothing meanwhile.
    for _ in 0..5_000 {
        stage.handle.offer(incident(1, RESOLVED));
    }
    until("the one that was never offered is told", async || server.got().len() == 1).await;
    assert!(stage.handle.counts.unqueued.load(std::sync::atomic::Ordering::Relaxed) > 0);
    stage.stop().await;
}

#[tokio::test]
async fn a_server_that_fails_once_gets_the_same_message_again() {
    let server = HttpReceiver::start(&[500, 503]).await;
    let stage = Stage::start(vec![webhook(server.url())]).await;
    stage.tell(incident(1, FIRING)).await;
    stage.until_logged(3).await;
    let (got, log) = (server.got(), stage.log().await);
    assert_eq!(stage.outcomes().await, [Outcome::Retrying, Outcome::Retrying, Outcome::Delivered]);
    assert_eq!((log[0].status, log[0].attempt, log[2].attempt), (Some(500), 1, 3));
    assert!(log[0].cause.contains("500") && log[0].cause.contains("what the server says"), "{}", log[0].cause);
    assert!(got.iter().all(|one| one.json == got[0].json && !one.header("idempotency-key").is_empty()));
    assert!(got.iter().all(|one| one.header("idempotency-key") == log[0].message));
    stage.stop().await;
}

#[tokio::test]
async fn whatever_a_server_does_is_said_in_words() {
    let hangs = HttpReceiver::start(&[0]).await;
    let redirects = HttpReceiver::start(&[302]).await;
    let denies = HttpReceiver::start(&[403]).await;
    let noise = raw(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    let drops = raw(b"").await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = Stage::start(Vec::new()).await;
    let cases = [
        (hangs.url(), Outcome::Failed, "no answer within 2 s"),
        (redirects.url(), Outcome::Refused, "leads to http://10.0.0.1/internal: that is not followed"),
        (denies.url(), Outcome::Failed, "403"),
        (format!("http://{noise}/"), Outcome::Failed, "speaks no HTTP"),
        (format!("http://{drops}/"), Outcome::Failed, "closed the connection"),
        (format!("http://{closed}/"), Outcome::Failed, "cannot connect"),
        (format!("https://{noise}/"), Outcome::Failed, ""),
        ("http://no-such-host.invalid/".into(), Outcome::Failed, "no-such-host.invalid"),
    ];
    for (url, outcome, words) in cases {
        let delivery = stage.handle.test(&webhook(url.clone())).await.unwrap().unwrap();
        assert_eq!(delivery.outcome, outcome, "{url}: {delivery:?}");
        assert!(delivery.cause.contains(words) && !delivery.cause.is_empty(), "{url}: {}", delivery.cause);
    }
    assert_eq!(redirects.got().len(), 1);
    stage.stop().await;
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let server = HttpReceiver::start(&[]).await;
    let refuse = |settings: &mut Settings| settings.notify.allow_private = false;
    let localhost = format!("http://localhost:{}/", server.address.port());
    let receivers = vec![webhook(server.url()), Receiver { id: "r2".into(), name: "b".into(), ..webhook(localhost) }];
    let stage = Stage::start_in(tempfile::tempdir().unwrap(), receivers, refuse).await;
    stage.tell(incident(1, FIRING)).await;
    stage.until_logged(2).await;
    assert_eq!(stage.outcomes().await, [Outcome::Refused; 2]);
    let log = stage.log().await;
    assert!(
        log.iter().all(|entry| entry.cause.contains("loopback") && entry.cause.contains("allow_private")),
        "{log:?}"
    );
    assert_eq!(server.got().len(), 0);
    stage.stop().await;
}

#[tokio::test]
async fn a_restart_neither_tells_twice_nor_forgets() {
    let server = HttpReceiver::start(&[]).await;
    let stage = Stage::start(vec![webhook(server.url())]).await;
    stage.tell(incident(1, FIRING)).await;
    stage.until_logged(1).await;
    let folder = stage.stop().await;

    // Nothing new: nothing is told. Then one is over while nobody runs, and one is news.
    let stage = Stage::start_in(folder, vec![webhook(server.url())], |_| {}).await;
    stage.tell(incident(2, FIRING)).await;
    stage.until_logged(2).await;
    let folder = stage.stop().await;
    let stores = store::open(folder.path()).await.unwrap();
    stores.ledger.save_incident(&incident(1, RESOLVED)).await.unwrap();
    stores.database.close().await;
    drop(stores);
    let stage = Stage::start_in(folder, vec![webhook(server.url())], |_| {}).await;
    stage.until_logged(3).await;
    let counts: Vec<_> = stage.log().await.iter().map(|entry| (entry.notice, entry.incidents.clone())).collect();
    let word: Vec<_> = counts.iter().map(|(notice, ids)| (notice.word(), ids.as_slice())).collect();
    assert_eq!(word, [("firing", &[1][..]), ("firing", &[2]), ("resolved", &[1])]);
    assert_eq!(server.got().len(), 3);
    stage.stop().await;
}

#[tokio::test]
async fn what_was_on_its_way_when_the_hub_ended_goes_out_under_the_same_id() {
    let server = HttpReceiver::start(&[500]).await;
    let stage = Stage::start(vec![webhook(server.url())]).await;
    stage.tell(incident(1, FIRING)).await;
    until("it came once", async || server.got().len() == 1).await;
    let stage = Stage::start_in(stage.crash().await, vec![webhook(server.url())], |_| {}).await;
    until("it comes again", async || stage.outcomes().await.contains(&Outcome::Delivered)).await;
    let got = server.got();
    assert!(got.len() >= 2 && got.iter().all(|one| one.header("idempotency-key") == got[0].header("idempotency-key")));
    stage.stop().await;
}

#[tokio::test]
async fn mail_is_signed_in_for_and_escaped() {
    let server = SmtpServer::start(Manners::Good).await;
    let stage = Stage::start(vec![email(&server)]).await;
    let html = "<script>alert('x')</script> & so on";
    stage
        .tell(Incident { message: html.into(), title: "Loss\r\nBcc: evil@example.org".into(), ..incident(1, FIRING) })
        .await;
    stage.until_logged(1).await;
    let (got, log) = (server.got(), stage.log().await);
    assert_eq!((log[0].outcome, log[0].status, got.len()), (Outcome::Delivered, Some(250), 1), "{log:?}");
    // \0netloom\0hunter2
    assert_eq!(got[0].sign_in, "AG5ldGxvb20AaHVudGVyMg==");
    assert!(got[0].from.contains("<netloom@example.org>"), "{}", got[0].from);
    let to: Vec<bool> = ["one", "two"].iter().zip(&got[0].to).map(|(name, to)| to.contains(name)).collect();
    assert_eq!((to, got[0].to.len()), (vec![true, true], 2));
    assert!(got[0].header("Message-ID").starts_with(&format!("<{}@netloom.", log[0].message)));
    assert!(got[0].data.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; so on"), "{}", got[0].data);
    assert!(got[0].data.contains("text/plain") && got[0].data.contains("text/html"));
    assert!(!got[0].data.lines().any(|line| line.starts_with("Bcc")), "{}", got[0].data);
    stage.stop().await;
}

#[tokio::test]
async fn a_mail_server_that_hangs_up_gets_the_mail_again_and_one_that_refuses_does_not() {
    let (drops, refuses) =
        (SmtpServer::start(Manners::DropsFirst).await, SmtpServer::start(Manners::RefusesSignIn).await);
    let denied = Receiver { id: "r2".into(), name: "denied".into(), ..email(&refuses) };
    let stage = Stage::start(vec![email(&drops), denied]).await;
    stage.tell(incident(1, FIRING)).await;
    stage.until_logged(3).await;
    let log = stage.log().await;
    let of = |name: &str| log.iter().filter(|entry| entry.receiver == name).collect::<Vec<_>>();
    let outcomes: Vec<_> = of("team").iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, [Outcome::Retrying, Outcome::Delivered]);
    let ids: Vec<_> = drops.got().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    let entry = of("denied")[0];
    assert_eq!((entry.outcome, entry.status), (Outcome::Failed, Some(535)));
    assert!(entry.cause.contains("wrong password"), "{}", entry.cause);
    assert_eq!(refuses.got().len(), 0);
    stage.stop().await;
}

#[tokio::test]
async fn slack_and_ntfy_get_their_own_shapes() {
    let (slack, ntfy) = (HttpReceiver::start(&[]).await, HttpReceiver::start(&[]).await);
    let to_slack = Receiver { kind: ReceiverKind::Slack, secret: Secret(slack.url()), ..webhook(String::new()) };
    let to_ntfy = Receiver {
        id: "r2".into(),
        name: "phone".into(),
        kind: ReceiverKind::Ntfy,
        topic: "net".into(),
        ..webhook(ntfy.url())
    };
    let stage = Stage::start(vec![to_slack, to_ntfy]).await;
    stage.tell(Incident { message: "<!channel> a & b".into(), ..incident(1, FIRING) }).await;
    stage.until_logged(2).await;
    let text = slack.got()[0].json["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("*[c1] CRITICAL: Loss: a → b*\n"), "{text}");
    assert!(text.contains("&lt;!channel&gt; a &amp; b") && !text.contains("<!channel>"), "{text}");
    let json = &ntfy.got()[0].json;
    assert_eq!((&json["topic"], &json["priority"]), (&"net".into(), &5.into()));
    assert_eq!(
        (&json["tags"][0], &json["click"]),
        (&"rotating_light".into(), &"https://netloom.example/alerts/1".into())
    );
    assert_eq!(ntfy.got()[0].header("authorization"), "Bearer hunter2");
    stage.stop().await;
}
