//! What travels between hub, agents, pages and scripts.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    check::interface::InterfaceDepth,
    health::Health,
    incident::Incident,
    mesh::{Echo, MeshOrders},
    run::Run,
    settings::{FieldError, Settings, layers::Origin},
    time::Timestamp,
    topology::Interface,
    verdict::MeshVerdict,
};

/// What a node is and how its measurements fare, as its agent tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeInfo {
    /// Its name.
    pub node: String,
    /// The version of its agent.
    pub version: String,
    /// Operating system and kernel.
    pub os: String,
    /// When the agent started.
    pub started_at: Timestamp,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// What it probes.
    pub targets: Vec<TargetInfo>,
    /// Everything it measures, and whether that works.
    pub measurements: Vec<Measurement>,
    /// Where it answers the probes of other nodes, if it does.
    #[serde(default)]
    pub echo: Option<Echo>,
    /// Its interfaces in depth.
    #[serde(default)]
    pub depth: Vec<InterfaceDepth>,
}

/// What one tier of the store takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierSize {
    /// `raw`, `minute` or `hour`.
    pub tier: String,
    /// Rows.
    pub blocks: u64,
    /// Samples in them, or summaries.
    pub samples: u64,
    /// Bytes of their data.
    pub bytes: u64,
}

/// What the store takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreSize {
    /// Bytes of the database and its write-ahead log.
    pub bytes: u64,
    /// Different series.
    pub series: usize,
    /// Samples that are in no block yet.
    pub unsealed: u64,
    /// The oldest moment that anything is known of, ms.
    pub oldest_ms: Option<i64>,
    /// Samples that come in a second, on average since the hub started.
    #[serde(default)]
    pub samples_per_s: f64,
    /// What is in each tier.
    pub tiers: Vec<TierSize>,
}

/// A target as its agent probes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetInfo {
    /// The label `dst` of its series.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// How it is probed now: `icmp` or `tcp`.
    pub mode: crate::probe::ProbeMode,
}

/// How one measurement fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Measurement {
    /// Its lasting name: `interfaces`, `sockets`, `probe gateway`.
    pub name: String,
    /// Whether it works.
    pub state: MeasurementState,
    /// Why it does not, or what stands in for it; empty when all is well.
    pub detail: String,
    /// Since when it has been in this state.
    pub since: Timestamp,
}

/// Whether a measurement works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MeasurementState {
    /// It does.
    Working,
    /// It does in a lesser way.
    Degraded,
    /// It does not.
    Failing,
    /// It is switched off or not to be had on this system.
    Off,
}

/// A node as the hub sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeStatus {
    /// `hub` for the node whose agent lives in the hub's process, else `agent`.
    pub role: NodeRole,
    /// Where it reports from.
    pub address: String,
    /// When it last reported.
    pub last_seen: Timestamp,
    /// Whether it reports.
    pub status: NodeState,
    /// What it said of itself.
    #[serde(flatten)]
    pub info: NodeInfo,
}

/// What part a node plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// Its agent lives in the hub's process.
    Hub,
    /// It reports over the network.
    Agent,
}

/// Whether a node reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It reports, and all its measurements work.
    Up,
    /// It reports, but something it measures does not work.
    Degraded,
    /// It has not reported for a while.
    Silent,
}

/// A node that has not reported for this long is silent: agents report every second, so one late batch is no news, and a
/// node that died is known within three seconds.
pub const SILENT_AFTER_MS: i64 = 2_500;

impl NodeStatus {
    /// The state that follows from when it last reported and what it said.
    pub fn state_at(&self, now: Timestamp) -> NodeState {
        if now.0 - self.last_seen.0 > SILENT_AFTER_MS {
            return NodeState::Silent;
        }
        let works = |m: &Measurement| matches!(m.state, MeasurementState::Working | MeasurementState::Off);
        if self.info.measurements.iter().all(works) { NodeState::Up } else { NodeState::Degraded }
    }
}

/// What the hub answers to a batch: it is in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The batch's number.
    pub seq: u64,
}

/// What an agent is told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// The settings in force.
    pub settings: Settings,
    /// Where the hub answers, the default target `hub`.
    pub hub: std::net::SocketAddr,
    /// Whom to probe in the mesh, and how to answer there; `None` when the node takes no part.
    pub mesh: Option<MeshOrders>,
    /// Whether a training run is active, which tests by schedule wait for.
    #[serde(default)]
    pub run_active: bool,
}

/// An agent that has joined, as the hub keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentRecord {
    /// The name of its node.
    pub node: String,
    /// Its number in the mesh.
    pub number: u32,
    /// The version with which it last spoke.
    pub version: String,
    /// When it joined.
    pub enrolled_at: Timestamp,
    /// Where it joined from.
    pub enrolled_from: String,
    /// When its token was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A code that lets one agent join, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolmentCode {
    /// The code; the hub keeps only its digest.
    pub code: String,
    /// The command that joins with it, for each address at which agents may reach the hub.
    pub commands: Vec<String>,
    /// When it ceases to be good.
    pub expires_at: Timestamp,
}

/// Codes are secrets: never written to a log.
impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentCode(hidden, good until {})", self.expires_at)
    }
}

/// The settings document with what a form needs beside it. The document alone is `GET /api/v1/settings`; its `ETag` is
/// the version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsReply {
    /// Grows with every change. A `PUT` may name the version it was made from (`If-Match`) and is refused when another
    /// came between.
    pub version: u64,
    /// The values in force.
    pub settings: Settings,
    /// The values without what was saved on the page: defaults and configuration file.
    pub base: Settings,
    /// Fields that a flag or an environment variable holds, dotted; they cannot be changed here.
    pub pinned: Vec<String>,
    /// Where the value of each field comes from, by its path.
    #[serde(default)]
    pub sources: BTreeMap<String, Origin>,
    /// Saved values that this version does not take, and why. They are in the history once something else is saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<FieldError>,
}

/// An error as HTTP clients get it (RFC 9457), with the field or parameter to blame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{detail}")]
pub struct Problem {
    /// A lasting name of the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The field or parameter to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// All fields that are wrong, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What a page knows when it is first drawn, on the server and in the browser alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boot {
    /// The cluster's name.
    pub cluster: String,
    /// The hub's version.
    pub version: String,
    /// The hub's clock.
    pub now: Timestamp,
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
    /// Incidents, newest first.
    pub incidents: Vec<Incident>,
    /// How the network fares.
    pub health: Health,
    /// The settings.
    pub settings: SettingsReply,
    /// Why samples cannot be stored, when they cannot.
    pub storage_problem: Option<String>,
    /// The newest training runs, newest first, and the one that the page is about.
    pub runs: Vec<Run>,
    /// What is wrong in the mesh.
    pub verdict: MeshVerdict,
    /// Whether this is a demo: real packets, in a made-up network.
    #[serde(default)]
    pub demo: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_never_printed() {
        let commands = vec!["netloom agent --token nl-1f1f".to_owned()];
        let code = EnrolmentCode { code: "nl-1f1f".into(), commands, expires_at: Timestamp(0) };
        assert!(!format!("{code:?}").contains("1f1f"), "{code:?}");
    }
}
