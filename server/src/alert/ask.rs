//! What rules must know of the past: questions that somebody else answers from the store.

use std::{collections::HashSet, sync::Arc};

use netloom_core::{
    rule::{RuleKind, view::Past},
    sample::{Labels, SeriesKey},
    stats::aggregate::Aggregation,
    time::Timestamp,
};

use super::{Engine, instance::Memory};

/// How often the past is asked for anew, ms. What is usual changes slowly, and what was a day ago moves on by a minute.
pub const ASK_EVERY_MS: i64 = 60_000;

/// A question about every series of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct PastQuestion {
    /// The rule.
    pub rule: Arc<str>,
    /// The metric.
    pub metric: String,
    /// Labels that the series must carry.
    pub labels: Labels,
    /// What is asked.
    pub about: PastAbout,
    /// After this moment, ms.
    pub after_ms: i64,
    /// Up to and with this moment, ms.
    pub until_ms: i64,
}

/// What is asked of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastAbout {
    /// One figure.
    Figure(Aggregation),
    /// Median, 95th percentile and count.
    Usual,
    /// The figures themselves, or means of so many stretches that there are not too many.
    Course,
}

/// An answer: what is known of each series.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAnswer {
    /// The question.
    pub question: PastQuestion,
    /// What is known, by the labels of the series.
    pub series: Vec<(Labels, PastSeries)>,
}

/// What is known of one series.
#[derive(Debug, Clone, PartialEq)]
pub enum PastSeries {
    /// A figure, or what was usual.
    Known(Past),
    /// Figures in order of time.
    Course(Vec<(i64, f64)>),
}

impl Engine {
    /// What must be asked now.
    pub fn questions(&mut self, now: Timestamp) -> Vec<PastQuestion> {
        let mut questions = Vec::new();
        let wanting = self.without_course();
        for (at, state) in self.rules.iter_mut().enumerate().filter(|(_, state)| state.subjects > 0) {
            if state.asked_ms.is_some_and(|asked_ms| (0..ASK_EVERY_MS).contains(&(now.ms() - asked_ms))) {
                continue;
            }
            let (about, after_ms, until_ms) = match &state.rule.kind {
                RuleKind::Change(rule) if !rule.is_near() => {
                    let until_ms = now.ms() - rule.against_ms;
                    (PastAbout::Figure(rule.aggregation), until_ms - rule.window_ms, until_ms)
                }
                RuleKind::Deviation(rule) => (PastAbout::Usual, now.ms() - rule.learn_ms, now.ms() - rule.window_ms),
                RuleKind::Budget(rule) if wanting.contains(&(at as u32)) => {
                    (PastAbout::Course, now.ms() - rule.period_ms, now.ms())
                }
                _ => continue,
            };
            state.asked_ms = Some(now.ms());
            let (rule, labels) = (state.rule.id.clone(), state.rule.selector.labels().clone());
            let metric = state.rule.kind.metric().to_owned();
            questions.push(PastQuestion { rule, metric, labels, about, after_ms, until_ms });
        }
        questions
    }

    /// The rules that keep a budget for a subject of which it is not known what was before.
    fn without_course(&self) -> HashSet<u32> {
        let budgets = self.rules.iter().any(|state| matches!(state.rule.kind, RuleKind::Budget(_)));
        if !budgets {
            return HashSet::new();
        }
        let instances = self.instances.iter();
        let wants =
            instances.filter(|(_, instance)| matches!(instance.memory.as_deref(), Some(Memory::Spent(_, false))));
        wants.map(|(_, instance)| instance.rule).collect()
    }

    /// Takes an answer. Of series that it does not name nothing is known.
    pub fn answer(&mut self, answer: PastAnswer, now: Timestamp) {
        let PastAnswer { question, series } = answer;
        let Some(rule) = self.rules.iter().position(|state| state.rule.id == question.rule) else { return };
        let mut named = HashSet::new();
        for (labels, known) in series {
            let key = SeriesKey { metric: question.metric.clone(), labels };
            let Some(at) = self.table.find(&key) else { continue };
            let Some(instance) = self.instance_of(at, rule as u32) else { continue };
            named.insert(instance);
            self.learn(rule, instance, known, now);
            self.touch(at);
        }
        for (at, instance) in self.instances.iter_mut().filter(|(_, instance)| instance.rule == rule as u32) {
            if named.contains(&at) {
                continue;
            }
            match instance.memory.as_deref_mut() {
                Some(Memory::Past(past)) if instance.incident.is_none() => *past = Past::Unknown,
                Some(Memory::Spent(_, is_whole)) => *is_whole = true,
                _ => {}
            }
        }
    }

    fn learn(&mut self, rule: usize, instance: u32, known: PastSeries, now: Timestamp) {
        let Some(instance) = self.instances.get_mut(instance) else { return };
        let kind = &self.rules[rule].rule.kind;
        // What is wrong now is not to become usual while it lasts, except when it lasts for as long as is learned from.
        let is_held = match kind {
            RuleKind::Deviation(rule) => {
                instance.incident.as_ref().is_some_and(|incident| now.ms() - incident.started_at.ms() < rule.learn_ms)
            }
            _ => false,
        };
        match (instance.memory.as_deref_mut(), known, kind) {
            (Some(Memory::Past(past)), PastSeries::Known(known), _) if !is_held || *past == Past::Unknown => {
                *past = known;
            }
            (Some(Memory::Spent(spent, is_whole)), PastSeries::Course(course), RuleKind::Budget(rule))
                if !*is_whole =>
            {
                *spent = rule.spent_of(&course, spent);
                *is_whole = true;
            }
            _ => {}
        }
    }
}
