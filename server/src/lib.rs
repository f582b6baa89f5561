//! The hub and the agent of Netloom.
//!
//! An [`agent`] reads counters ([`collect`]) and probes targets ([`probe`]) and sends what it finds over an uplink. The
//! hub ([`hub`]) takes it in ([`ingest`], the only writer), keeps it ([`store`]), tells everybody who listens ([`live`]),
//! holds it against the rules ([`alert`]), keeps what comes of it at the [`desk`], tells people ([`notify`]) and answers
//! over HTTP ([`web`]).
//!
//! The [`client`] speaks with a hub from outside: it records what a command does, and takes samples out and puts them in.
//! `care` looks after a data folder.
//!
//! Invariant: the agent never sees the store, the web or the hub; without the feature `hub` none of them is built.

pub mod agent;
pub mod chart;
pub mod check;
pub mod cli;
pub mod client;
pub mod clock;
pub mod collect;
pub mod colour;
pub mod config;
pub mod diagnose;
pub mod exit;
pub mod mesh_key;
pub mod private;
pub mod probe;
pub mod report;
pub mod resolve;
pub mod shutdown;
pub mod tool;
pub mod watch;

#[cfg(feature = "hub")]
pub mod agents;
#[cfg(feature = "hub")]
pub mod alert;
#[cfg(feature = "hub")]
pub mod board;
#[cfg(feature = "hub")]
pub mod care;
#[cfg(feature = "hub")]
pub mod demo;
#[cfg(feature = "hub")]
pub mod desk;
#[cfg(feature = "hub")]
pub mod diagnoses;
#[cfg(feature = "hub")]
pub mod errands;
#[cfg(feature = "hub")]
pub mod hub;
#[cfg(feature = "hub")]
pub mod incident_ids;
#[cfg(feature = "hub")]
pub mod ingest;
#[cfg(feature = "hub")]
pub mod jsonl;
#[cfg(feature = "hub")]
pub mod layout;
#[cfg(feature = "hub")]
pub mod live;
#[cfg(feature = "hub")]
pub mod marks;
#[cfg(feature = "hub")]
pub mod matrix;
#[cfg(feature = "hub")]
pub mod mesh;
#[cfg(feature = "hub")]
pub mod notify;
#[cfg(feature = "hub")]
pub mod paths;
#[cfg(feature = "hub")]
pub mod rules;
#[cfg(feature = "hub")]
pub mod runs;
#[cfg(feature = "hub")]
pub mod secrets;
#[cfg(feature = "hub")]
pub mod settings;
#[cfg(feature = "hub")]
pub mod store;
#[cfg(feature = "hub")]
pub mod throughput;
#[cfg(feature = "hub")]
pub mod upkeep;
#[cfg(feature = "hub")]
pub mod uplink;
#[cfg(feature = "hub")]
pub mod watcher;
#[cfg(feature = "hub")]
pub mod web;
#[cfg(feature = "hub")]
pub mod zone;
