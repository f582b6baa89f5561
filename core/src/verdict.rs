//! What is wrong in the mesh, in words: from all cells of the matrix to the node, link, group or host behind them.
//!
//! [`cell`] keeps what is known of one ordered pair, [`mesh`] all of them, and [`mesh::Mesh::verdict`] names the fewest
//! culprits that explain what is bad:
//!
//! 1. Cells that say nothing are left out: those without fresh samples, of hosts that are starved, of nodes that the hub
//!    does not hear.
//! 2. Nodes that the hub does not hear and their peers do have a broken way to the hub.
//! 3. For death, loss and latency in turn, each candidate (way, link, node, group, two groups, everything) is asked how
//!    much better than chance it explains its cells ([`chance::surprise`]), less a price that every culprit has. A larger
//!    one is named only when it explains more than the links in it would, one by one (`cover`).
//! 4. What was named is put into words (`words`).
//!
//! What can be told apart: an echo goes both ways, so loss in one direction of a link makes both of its cells bad, and the
//! verdict is the link. [`CulpritKind::Way`] is only said when one cell is bad and its reverse is fine: a filter that
//! knows who asks, or an echo that does not answer one peer. Between two nodes, a node and its link look alike. Between
//! two groups that are everything, so do their uplinks: both are named.

pub mod cell;
pub mod chance;
mod cover;
pub mod host;
pub mod mesh;
mod scope;
mod usual;
mod words;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What an agent's silence, the cells of the matrix and the state of the hosts add up to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MeshVerdict {
    /// What explains the bad cells, the worst first; empty when nothing is wrong.
    pub culprits: Vec<Culprit>,
    /// Pairs that were judged.
    pub judged: u32,
    /// Pairs that are bad.
    pub bad: u32,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Culprit {
    /// What it is.
    pub kind: CulpritKind,
    /// What is wrong with it.
    pub fault: Fault,
    /// Its name or names: the node, source and destination, the group.
    pub names: Vec<String>,
    /// How sure this is, 0 to 1: the share of the cells it should explain that are bad, less what it leaves unexplained.
    pub confidence: f64,
    /// Since when.
    pub since: Timestamp,
    /// One sentence for people.
    pub message: String,
    /// The worst of the cells that led to it.
    pub evidence: Vec<Evidence>,
    /// How many cells led to it.
    pub cells: u32,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CulpritKind {
    /// A node: its row and its column are bad.
    Node,
    /// A link, both ways.
    Link,
    /// One direction of a link.
    Way,
    /// A group of nodes, such as a rack.
    Group,
    /// The host is starved; its figures are not the network's.
    Host,
    /// The way from a node to the hub: its peers hear it, the hub does not.
    Uplink,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing comes through.
    Dead,
    /// Packets get lost.
    Loss,
    /// Answers take longer than usual.
    Latency,
    /// The host does not get to run in time.
    Starved,
}

/// A cell of the matrix that led to a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// Who probed.
    pub src: String,
    /// Who was probed.
    pub dst: String,
    /// The loss, 0 to 1.
    pub loss_ratio: Option<f64>,
    /// The median round-trip time, µs.
    pub rtt_us: Option<f64>,
    /// What is usual there, µs.
    pub usual_rtt_us: Option<f64>,
}
