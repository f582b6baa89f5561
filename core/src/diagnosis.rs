//! A diagnosis: many checks from one node, side by side, and what they say together.
//!
//! [`asked`] reads what people name, [`plan`] makes checks of it, [`grade`] says what a single finding means, and
//! [`verdict`] what all of them say together.

pub mod asked;
pub mod grade;
pub mod plan;
pub mod verdict;

use serde::{Deserialize, Serialize};

use crate::{
    check::{Check, Finding, Progress},
    time::Timestamp,
};

/// Hosts of one diagnosis at most: each takes about ten checks, and the answer has to fit on a page.
pub const HOSTS_MAX: usize = 8;
/// Checks of one diagnosis at most.
pub const ITEMS_MAX: usize = 128;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DiagnosisRequest {
    /// The node that checks; the hub's own when left out.
    pub node: String,
    /// What it checks: nodes by their names, hosts, addresses, or checks as addresses (`redis://10.0.0.5`). With none, what
    /// every node depends on: gateway, name servers, public resolvers, the hub and the peers.
    pub hosts: Vec<String>,
    /// Whether throughput is tested, too; only where the settings allow it.
    pub throughput: bool,
    /// Says yes to a test of throughput while a training run is active.
    pub during_run: bool,
}

/// How a part of the network stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Nothing can be said.
    Unknown,
    /// As it should be.
    Fine,
    /// It works, and somebody should look at it.
    Notable,
    /// It does not work, or so badly that it holds work up.
    Bad,
}

impl Grade {
    /// What people call it, on every page, in reports and in terminals.
    pub const fn word(self) -> &'static str {
        match self {
            Grade::Unknown => "unclear",
            Grade::Fine => "fine",
            Grade::Notable => "notable",
            Grade::Bad => "bad",
        }
    }
}

/// What a check is about, and under which heading it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemSpec {
    /// The heading: `gateway`, `name servers`, `node-7`, `this machine`.
    pub subject: String,
    /// What people call the check under that heading: `ping`, `path`, `TCP 443`.
    pub title: String,
    /// What is checked.
    pub check: Check,
}

/// One check of a diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Item {
    /// What it is.
    #[serde(flatten)]
    pub spec: ItemSpec,
    /// How far it is; `None` before it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What was found; `None` before it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// What that means, once it ended.
    pub grade: Grade,
    /// The figure that people look at first, or the cause: `0.31 ms, 0 % lost`.
    #[serde(default)]
    pub headline: String,
}

/// A sentence of the verdict, and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Point {
    /// How bad it is.
    pub grade: Grade,
    /// The sentence.
    pub text: String,
    /// What would help; empty when nobody can tell.
    #[serde(default)]
    pub cure: String,
    /// The items that say so.
    pub evidence: Vec<usize>,
}

/// What the checks say together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiagnosisVerdict {
    /// The worst that holds training back.
    pub grade: Grade,
    /// One sentence.
    pub sentence: String,
    /// Whether this network does not let anything out, which is a way to build one and no fault.
    pub is_closed_network: bool,
    /// Sentence by sentence, the worst first.
    pub points: Vec<Point>,
}

/// How far a diagnosis is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum DiagnosisState {
    /// The node has not begun.
    Waiting,
    /// It checks.
    Running,
    /// All checks have ended.
    Done,
    /// It did not come to an end.
    Failed {
        /// Why.
        why: String,
    },
}

/// A diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnosis {
    /// Its lasting name in addresses.
    pub id: String,
    /// The node that checks.
    pub node: String,
    /// What was asked for.
    pub hosts: Vec<String>,
    /// Who asked.
    #[serde(default)]
    pub by: String,
    /// The version that checks.
    pub version: String,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How far it is.
    #[serde(flatten)]
    pub state: DiagnosisState,
    /// The checks, in the order of the page.
    pub items: Vec<Item>,
    /// What they say together, once all have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<DiagnosisVerdict>,
}

/// A diagnosis in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiagnosisBrief {
    /// Its lasting name in addresses.
    pub id: String,
    /// The node that checks.
    pub node: String,
    /// What was asked for.
    pub hosts: Vec<String>,
    /// Who asked.
    #[serde(default)]
    pub by: String,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// How far it is.
    #[serde(flatten)]
    pub state: DiagnosisState,
    /// The worst of it.
    pub grade: Grade,
    /// The verdict's sentence, or why there is none.
    pub sentence: String,
    /// Checks that have ended.
    pub done: usize,
    /// Checks.
    pub items: usize,
}

impl Item {
    /// A check that has not begun.
    pub fn waiting(spec: ItemSpec) -> Self {
        Self { spec, progress: None, finding: None, grade: Grade::Unknown, headline: String::new() }
    }

    /// Takes how far it is, which is of no interest once it ended.
    pub fn take_progress(&mut self, progress: Progress) {
        if self.finding.is_none() {
            self.progress = Some(progress);
        }
    }

    /// Takes what was found, and judges it by itself.
    pub fn take(&mut self, finding: Finding) {
        (self.grade, self.headline) = grade::grade(&self.spec, &finding);
        (self.progress, self.finding) = (None, Some(finding));
    }
}

impl DiagnosisState {
    /// Whether nothing comes any more.
    pub fn is_end(&self) -> bool {
        matches!(self, DiagnosisState::Done | DiagnosisState::Failed { .. })
    }
}

impl Diagnosis {
    /// One that was asked for just now, by nobody in particular.
    pub fn asked(id: impl Into<String>, node: impl Into<String>, hosts: Vec<String>, at: Timestamp) -> Self {
        Self {
            id: id.into(),
            node: node.into(),
            hosts,
            by: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: at,
            ended_at: None,
            state: DiagnosisState::Waiting,
            items: Vec::new(),
            verdict: None,
        }
    }

    /// Ends it: what the checks say together is the verdict.
    pub fn conclude(&mut self, now: Timestamp) {
        self.verdict = Some(verdict::conclude(&mut self.items));
        (self.state, self.ended_at) = (DiagnosisState::Done, Some(now));
    }

    /// Ends it before its time. What was found until then is judged all the same.
    pub fn fail(&mut self, why: impl Into<String>, now: Timestamp) {
        if self.items.iter().any(|item| item.finding.is_some()) {
            self.verdict = Some(verdict::conclude(&mut self.items));
        }
        (self.state, self.ended_at) = (DiagnosisState::Failed { why: why.into() }, Some(now));
    }

    /// How it stands in a list.
    pub fn brief(&self) -> DiagnosisBrief {
        let worst = self.items.iter().map(|item| item.grade).max().unwrap_or(Grade::Unknown);
        let (grade, sentence) = match (&self.verdict, &self.state) {
            (_, DiagnosisState::Failed { why }) => (self.verdict.as_ref().map_or(worst, |v| v.grade), why.clone()),
            (Some(verdict), _) => (verdict.grade, verdict.sentence.clone()),
            (None, DiagnosisState::Waiting) => (worst, "waits for its node".to_owned()),
            (None, _) => (worst, "checks are under way".to_owned()),
        };
        DiagnosisBrief {
            id: self.id.clone(),
            node: self.node.clone(),
            hosts: self.hosts.clone(),
            by: self.by.clone(),
            started_at: self.started_at,
            state: self.state.clone(),
            grade,
            sentence,
            done: self.items.iter().filter(|item| item.finding.is_some()).count(),
            items: self.items.len(),
        }
    }
}
