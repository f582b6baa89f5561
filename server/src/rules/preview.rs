//! When a rule would have fired: the engine itself, with this one rule, over what is stored, in the time of then.

mod figures;
mod firings;

use std::time::Duration;

use netloom_core::{
    rule::{
        Rule, RuleKind,
        preview::{Preview, PreviewRequest},
    },
    run::{Run, RunStatus},
    settings::{FieldError, storage::StorageSettings},
    time::Timestamp,
};
use tokio::{sync::Semaphore, time::Instant};

use self::{figures::Figures, firings::Firings};
use super::past;
use crate::{
    alert::{ASK_EVERY_MS, Engine},
    incident_ids::IncidentIds,
    store::{Store, StoreError},
};

/// Previews at once: each keeps a core busy for a moment, and the hub has other things to do.
const AT_ONCE: usize = 2;
/// The longest stretch of time, ms: a month.
const RANGE_MAX_MS: i64 = 31 * 86_400_000;
/// How often the past is asked for in one preview at most; each time is a few questions to the store.
const ASKED_MAX: i64 = 100;
/// Rounds of judging between two looks at the clock and at others who want to work.
const ROUNDS_AT_ONCE: i64 = 64;
/// The longest it may take; what was found until then is told.
const WORK_LIMIT: Duration = Duration::from_secs(20);
/// The longest stretch before the beginning from which windows and hold times are filled, ms.
const LEAD_MAX_MS: i64 = 3_600_000;

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// Fields are wrong.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// No series has that metric.
    #[error("no series is called {0:?}")]
    UnknownMetric(String),
    /// Others are at work.
    #[error("{AT_ONCE} previews are made already: ask again in a moment")]
    Busy,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a rule is tried against.
pub struct Past<'a> {
    /// The samples.
    pub store: &'a dyn Store,
    /// For how long they are kept.
    pub storage: &'a StorageSettings,
    /// Runs of that time.
    pub runs: &'a [Run],
    /// The interfaces of each node that count.
    pub counted: &'a [(String, Vec<String>)],
}

/// Makes previews, a few at once.
pub struct Previewer(Semaphore);

impl Default for Previewer {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Previewer {
    /// Tries a rule.
    ///
    /// # Errors
    /// When a field of the request is wrong, no series has the metric, or too many are at it.
    pub async fn preview(
        &self,
        mut request: PreviewRequest,
        past: Past<'_>,
        now: Timestamp,
    ) -> Result<Preview, PreviewError> {
        if request.rule.id.is_empty() {
            // One that is being written has no name yet.
            request.rule.id = "preview".into();
        }
        let (from, to) = checked(&request, past.storage, now).map_err(PreviewError::Invalid)?;
        let rule = request.rule.compile();
        if !past.store.catalog().read(|catalog| catalog.knows(rule.kind.metric())) {
            return Err(PreviewError::UnknownMetric(request.rule.metric));
        }
        let _place = self.0.try_acquire().map_err(|_| PreviewError::Busy)?;
        let lead_ms = (rule.kind.window_ms() + rule.for_ms).min(LEAD_MAX_MS);
        let figures = Figures::read(&past, &rule, (from.ms() - lead_ms, to.ms())).await?;
        run(figures, rule, &past, (from, to, lead_ms)).await
    }
}

/// The range, when nothing is wrong with the request.
fn checked(
    request: &PreviewRequest,
    storage: &StorageSettings,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Vec<FieldError>> {
    let mut errors = request.rule.validate("rule");
    errors.extend(request.rule.check_kept("rule", storage));
    let to = if request.to.is_empty() { "now" } else { &request.to };
    let mut moment = |field: &str, text: &str| {
        Timestamp::parse_query(text, now).map_err(|why| errors.push(FieldError::new(field, why))).ok()
    };
    let range = moment("from", &request.from).zip(moment("to", to).map(|to| to.min(now)));
    match range {
        Some((from, to)) if from >= to => errors.push(FieldError::new("from", "must be before the end")),
        Some((from, to)) if to.ms().saturating_sub(from.ms()) > RANGE_MAX_MS => {
            errors.push(FieldError::new("from", "must be at most 31 days before the end"));
        }
        _ => {}
    }
    match range {
        Some(range) if errors.is_empty() => Ok(range),
        _ => Err(errors),
    }
}

async fn run(
    mut figures: Figures,
    rule: Rule,
    past: &Past<'_>,
    (from, to, lead_ms): (Timestamp, Timestamp, i64),
) -> Result<Preview, PreviewError> {
    let step_ms = figures.step_ms;
    let rule = fitted(rule, step_ms);
    let asks_for_run = rule.selector.asks_for_run();
    let mut engine = Engine::new(vec![rule], &[], IncidentIds::starting_at(1), from);
    for (node, interfaces) in past.counted {
        engine.set_counted(node, interfaces.iter().cloned());
    }
    let (begun, mut firings) = (Instant::now(), Firings::new(from));
    let ask_every_ms = ASK_EVERY_MS.max((to.ms() - from.ms()) / ASKED_MAX);
    let (mut asked_ms, mut judged, mut rounds) = (i64::MIN, 0, 0);
    let mut at_ms = (from.ms() - lead_ms).div_euclid(step_ms) * step_ms;
    while at_ms < to.ms() {
        at_ms += step_ms;
        let now = Timestamp(at_ms - 1);
        engine.take(figures.until(now.ms()), past.store.catalog());
        if asks_for_run {
            engine.set_runs(&going(past.runs, now), now);
        }
        if now.ms().saturating_sub(asked_ms) >= ask_every_ms {
            asked_ms = now.ms();
            for question in engine.questions(now) {
                let answer = past::answer(past.store, &question).await?;
                engine.answer(answer, now);
            }
        }
        firings.take(&engine.evaluate(now));
        rounds += 1;
        if rounds % ROUNDS_AT_ONCE == 0 {
            judged = judged.max(engine.census().first().map_or(0, |count| count.subjects));
            if begun.elapsed() > WORK_LIMIT {
                figures.notes.push(format!("This takes long: what came after {now} was not tried."));
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    judged = judged.max(engine.census().first().map_or(0, |count| count.subjects));
    Ok(firings.preview((from, to), step_ms, judged, figures.notes))
}

/// A rule as it judges figures that come every `step_ms`: one that stands for a minute has held for a minute.
fn fitted(mut rule: Rule, step_ms: i64) -> Rule {
    if step_ms > figures::RAW_STEP_MS {
        rule.for_ms = (rule.for_ms - step_ms).max(0);
        if let RuleKind::Budget(budget) = &mut rule.kind {
            budget.gap_ms = budget.gap_ms.max(step_ms);
        }
        if let RuleKind::Absent(absent) = &mut rule.kind {
            absent.after_ms = absent.after_ms.max(step_ms);
        }
    }
    rule
}

/// The runs that were going on at a moment.
fn going(runs: &[Run], at: Timestamp) -> Vec<Run> {
    let is_going = |run: &&Run| {
        let (start_ms, end_ms) = run.interval(Timestamp(i64::MAX));
        (start_ms..=end_ms).contains(&at.ms())
    };
    let as_it_was = |run: &Run| Run { status: RunStatus::Running, heard_at: None, ended_at: None, ..run.clone() };
    runs.iter().filter(is_going).map(as_it_was).collect()
}
