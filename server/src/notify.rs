//! Tells people of incidents: by webhook, Slack-compatible webhook, e-mail and ntfy.
//!
//! What is told when is decided in core (`netloom_core::notify`). A task of its own (`task`) keeps the memory of it in
//! the ledger and sends; nobody waits for it. Adding a way: a file in `notify/` that implements [`Notifier`], its arm in
//! `Post::notifier`, its variant in core's `ReceiverKind`.

mod email;
mod http;
mod ntfy;
mod slack;
mod task;
mod webhook;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use netloom_core::{
    incident::Incident,
    notify::{Attempt, Delivery, Failure, Message, Outcome, dispatch::entry, line::Outgoing, retry::Retry},
    settings::{
        Settings,
        notify::{Receiver, ReceiverKind},
    },
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    secrets::Secrets,
    store::{StoreError, ledger::Ledger},
};

use task::NotifierTask;

/// Incidents that wait for the task: every link of a mesh of 64 nodes at once. What does not fit is looked up later.
const QUEUE_MAX: usize = 4_096;
/// Tests of receivers that run at once; each takes a connection and seconds.
const TESTS_MAX: usize = 4;

/// How long an attempt may take, and how it is repeated. Not a setting: tests make it shorter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The longest an attempt may take: servers that pass messages on answer within a second or two.
    pub limit: Duration,
    /// The waits between attempts.
    pub retry: Retry,
}

impl Default for Pace {
    fn default() -> Self {
        Self { limit: Duration::from_secs(10), retry: Retry::default() }
    }
}

/// Counts for `/metrics`.
#[derive(Debug, Default)]
pub struct NotifyCounts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Incidents that did not fit the queue and were looked up instead.
    pub unqueued: AtomicU64,
    /// Incidents that were not looked at, because too many fire.
    pub overlooked: AtomicU64,
}

impl NotifyCounts {
    fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Attempts by what came of them.
    pub fn outcomes(&self) -> [(Outcome, u64); Outcome::ALL.len()] {
        Outcome::ALL.map(|outcome| (outcome, self.outcomes[outcome as usize].load(Ordering::Relaxed)))
    }
}

/// A message on its way to a receiver, with all that is needed to write and send it.
pub struct Parcel<'a> {
    /// What it says.
    pub message: &'a Message,
    /// To whom.
    pub receiver: &'a Receiver,
    /// The receiver's secret; empty when it has none.
    pub secret: &'a str,
    /// The cluster's name.
    pub cluster: &'a str,
    /// Where people reach the pages; empty for nowhere.
    pub public_url: &'a str,
    /// Whether addresses that are not of the public internet are allowed.
    pub allow_private: bool,
    /// The longest it may take.
    pub limit: Duration,
}

/// A way to reach a receiver.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a message once. Returns the status that the server answered with. A message that is sent again has the same
    /// id, which goes with it in a form that servers know.
    async fn send(&self, parcel: &Parcel<'_>) -> Result<Option<u16>, Failure>;
}

/// Sends messages, one attempt at a time.
pub struct Post {
    settings: watch::Receiver<Settings>,
    secrets: Arc<Secrets>,
    cluster: String,
    limit: Duration,
    counts: Arc<NotifyCounts>,
    webhook: webhook::Webhook,
    slack: slack::Slack,
    email: email::Email,
    ntfy: ntfy::Ntfy,
}

impl Post {
    fn notifier(&self, kind: ReceiverKind) -> &dyn Notifier {
        match kind {
            ReceiverKind::Webhook => &self.webhook,
            ReceiverKind::Slack => &self.slack,
            ReceiverKind::Email => &self.email,
            ReceiverKind::Ntfy => &self.ntfy,
        }
    }

    /// One attempt. It ends within the limit, and nothing that it returns holds the secret.
    async fn attempt(&self, receiver: &Receiver, message: &Message) -> Attempt {
        let (at, began) = (clock::now(), Instant::now());
        let result = match self.secrets.of(receiver) {
            Ok(secret) => self.send(receiver, message, &secret).await,
            Err(why) => Err(Failure::lasting(format!("the secret {why}"))),
        };
        Attempt { at, took_ms: began.elapsed().as_millis() as u64, result }
    }

    async fn send(&self, receiver: &Receiver, message: &Message, secret: &str) -> Result<Option<u16>, Failure> {
        let (public_url, allow_private) = {
            let notify = &self.settings.borrow().notify;
            (notify.public_url.clone(), notify.allow_private)
        };
        let (cluster, limit) = (self.cluster.as_str(), self.limit);
        let parcel = Parcel { message, receiver, secret, cluster, public_url: &public_url, allow_private, limit };
        let sent = timeout(limit, self.notifier(receiver.kind).send(&parcel)).await;
        let sent =
            sent.unwrap_or_else(|_| Err(Failure::passing(format!("no answer within {} s", limit.as_secs_f32()))));
        sent.map_err(|failure| Failure { cause: Secrets::without(secret, &failure.cause), ..failure })
    }
}

/// Where incidents are handed in. Cheap to clone.
#[derive(Clone)]
pub struct NotifierHandle {
    queue: mpsc::Sender<Incident>,
    behind: Arc<Notify>,
    /// Counts for `/metrics`.
    pub counts: Arc<NotifyCounts>,
    post: Arc<Post>,
    ledger: Arc<Ledger>,
    tests: Arc<Semaphore>,
}

/// The task that tells people, while it runs.
pub struct Notifications {
    task: JoinHandle<()>,
    finish: CancellationToken,
}

impl Notifications {
    /// Ends it: what is being sent may come to its end, and is noted.
    pub async fn end(self) {
        self.finish.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the notifications broke");
        }
    }

    /// Cuts it off, as the death of the process would.
    pub async fn abort(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// What the hub gives its notifications.
pub struct Wiring {
    /// Settings, now and later.
    pub settings: watch::Receiver<Settings>,
    /// What receivers keep secret.
    pub secrets: Arc<Secrets>,
    /// Where the memory of what was told is.
    pub ledger: Arc<Ledger>,
    /// The cluster's name.
    pub cluster: String,
    /// How long attempts take, and how they are repeated.
    pub pace: Pace,
}

impl NotifierHandle {
    /// Starts the task, and returns the handle for who hands incidents in, and the one that ends it.
    pub fn start(wiring: Wiring) -> (Self, Notifications) {
        let Wiring { settings, secrets, ledger, cluster, pace } = wiring;
        let (queue, incoming) = mpsc::channel(QUEUE_MAX);
        let counts = Arc::<NotifyCounts>::default();
        let http = Arc::<http::Http>::default();
        let post = Arc::new(Post {
            settings: settings.clone(),
            secrets,
            cluster,
            limit: pace.limit,
            counts: counts.clone(),
            webhook: webhook::Webhook(http.clone()),
            slack: slack::Slack(http.clone()),
            email: email::Email,
            ntfy: ntfy::Ntfy(http),
        });
        let behind = Arc::<Notify>::default();
        let tests = Arc::new(Semaphore::new(TESTS_MAX));
        let (for_task, shared) = (ledger.clone(), post.clone());
        let task = NotifierTask { incoming, behind: behind.clone(), settings, ledger: for_task, post: shared, pace };
        let finish = CancellationToken::new();
        let task = tokio::spawn(task.run(finish.clone()));
        (Self { queue, behind, counts, post, ledger, tests }, Notifications { task, finish })
    }

    /// Tells of an incident that changed, once it is in the ledger. Never waits: what does not fit is looked up there.
    pub fn offer(&self, incident: Incident) {
        if self.queue.try_send(incident).is_err() {
            self.counts.unqueued.fetch_add(1, Ordering::Relaxed);
            self.behind.notify_one();
        }
    }

    /// Sends a test to a receiver, saved or not, and notes in the log what came of it; `None` when too many tests run.
    ///
    /// # Errors
    /// When the log cannot be kept.
    pub async fn test(&self, receiver: &Receiver) -> Result<Option<Delivery>, StoreError> {
        let Ok(_permit) = self.tests.try_acquire() else { return Ok(None) };
        let now = clock::now();
        let message = Message::test(format!("test.{}.{}", now.ms(), fastrand::u32(..)), now);
        let attempt = self.post.attempt(receiver, &message).await;
        let delivery = entry(receiver, &Outgoing { message, attempts: 1, due_ms: now.ms() }, &attempt, None);
        self.counts.count(delivery.outcome);
        self.ledger.add_delivery(&delivery).await?;
        Ok(Some(delivery))
    }
}
