//! Answers what rules ask of the past, from the store, beside the way of the samples: ingest asks and goes on, and takes
//! the answer when it comes.

use std::{collections::BTreeMap, sync::Arc};

use netloom_core::{
    query::{Query, SeriesPoints, Shape, Step},
    rule::view::Past,
    sample::Labels,
    stats::aggregate::Aggregation,
};
use tokio::sync::mpsc;

use crate::{
    alert::{PastAbout, PastAnswer, PastQuestion, PastSeries},
    store::{Store, StoreError},
};

/// Answers that wait for ingest; it takes them within a moment.
const ANSWERS_MAX: usize = 8;
/// Points of an answer about the course of a period, over all series: half of what the store answers.
const COURSE_MAX_POINTS: usize = 500_000;
/// Into how many stretches a period is cut at least and at most.
const COURSE_STEPS: std::ops::RangeInclusive<usize> = 20..=3_600;
/// From this step on whole minutes are asked for, so that summaries answer, ms.
const MINUTE_MS: i64 = 60_000;

/// The end of ingest: where it asks, and where answers come.
pub struct PastLink {
    /// Questions of one moment; while they are answered, no others are asked.
    questions: mpsc::Sender<Vec<PastQuestion>>,
    /// The answers.
    pub answers: mpsc::Receiver<PastAnswer>,
}

/// The other end.
pub struct PastDesk {
    questions: mpsc::Receiver<Vec<PastQuestion>>,
    answers: mpsc::Sender<PastAnswer>,
}

impl PastLink {
    /// Both ends.
    pub fn channel() -> (Self, PastDesk) {
        let (ask, questions) = mpsc::channel(1);
        let (tell, answers) = mpsc::channel(ANSWERS_MAX);
        (Self { questions: ask, answers }, PastDesk { questions, answers: tell })
    }

    /// Asks what is to be asked, unless there is nobody who has time.
    pub fn ask(&self, questions: impl FnOnce() -> Vec<PastQuestion>) {
        let Ok(place) = self.questions.try_reserve() else { return };
        let questions = questions();
        if !questions.is_empty() {
            place.send(questions);
        }
    }
}

impl PastDesk {
    /// Answers until nobody asks any more.
    pub async fn run(mut self, store: Arc<dyn Store>) {
        while let Some(questions) = self.questions.recv().await {
            for question in questions {
                match answer(&*store, &question).await {
                    Ok(answer) => {
                        if self.answers.send(answer).await.is_err() {
                            return;
                        }
                    }
                    // It is asked again in a minute.
                    Err(error) => tracing::warn!(%error, rule = %question.rule, "cannot tell a rule of the past"),
                }
            }
        }
    }
}

/// What the store knows.
///
/// # Errors
/// When the store cannot answer.
pub async fn answer(store: &dyn Store, question: &PastQuestion) -> Result<PastAnswer, StoreError> {
    let series = match question.about {
        PastAbout::Figure(aggregation) => {
            let known = whole(store, question, aggregation).await?;
            known.into_iter().map(|(labels, figure)| (labels, PastSeries::Known(Past::Figure(figure)))).collect()
        }
        PastAbout::Usual => usual(store, question).await?,
        PastAbout::Course => {
            let course = course(store, question).await?;
            course.into_iter().map(|series| (series.labels, PastSeries::Course(series.points))).collect()
        }
    };
    Ok(PastAnswer { question: question.clone(), series })
}

async fn ask(
    store: &dyn Store,
    question: &PastQuestion,
    step: Step,
    aggregation: Aggregation,
) -> Result<Vec<SeriesPoints>, StoreError> {
    let (from_ms, to_ms) = (question.after_ms + 1, question.until_ms);
    let (metric, labels) = (question.metric.clone(), question.labels.clone());
    let shape = Shape::One(aggregation);
    store.query(&Query { metric, labels, from_ms, to_ms, step, shape, across: None }).await
}

/// One figure of each series.
async fn whole(
    store: &dyn Store,
    question: &PastQuestion,
    aggregation: Aggregation,
) -> Result<BTreeMap<Labels, f64>, StoreError> {
    let found = ask(store, question, Step::Whole { at_ms: question.until_ms }, aggregation).await?;
    let figure = |series: SeriesPoints| Some((series.labels, series.points.last()?.1));
    Ok(found.into_iter().filter_map(figure).collect())
}

async fn usual(store: &dyn Store, question: &PastQuestion) -> Result<Vec<(Labels, PastSeries)>, StoreError> {
    let middle = whole(store, question, Aggregation::P50).await?;
    let (high, counts) =
        (whole(store, question, Aggregation::P95).await?, whole(store, question, Aggregation::Count).await?);
    let known = |(labels, p50): (Labels, f64)| {
        let (p95, count) = (*high.get(&labels)?, *counts.get(&labels)? as u64);
        Some((labels, PastSeries::Known(Past::Usual { p50, p95, count })))
    };
    Ok(middle.into_iter().filter_map(known).collect())
}

async fn course(store: &dyn Store, question: &PastQuestion) -> Result<Vec<SeriesPoints>, StoreError> {
    let series = store.catalog().read(|catalog| catalog.select(&question.metric, &question.labels).len()).max(1);
    let steps = (COURSE_MAX_POINTS / series).clamp(*COURSE_STEPS.start(), *COURSE_STEPS.end()) as i64;
    let step_ms = ((question.until_ms - question.after_ms) / steps).max(1_000);
    let unit_ms = if step_ms > 30_000 { MINUTE_MS } else { 1_000 };
    let step_ms = (step_ms + unit_ms - 1) / unit_ms * unit_ms;
    let mut found = ask(store, question, Step::Every(step_ms), Aggregation::Avg).await?;
    // A point stands at the start of its step, and a figure speaks for the time before it.
    found.iter_mut().flat_map(|series| &mut series.points).for_each(|point| point.0 += step_ms - 1);
    Ok(found)
}
