//! Types and pure logic that the browser, the agent and the hub share.
//!
//! The data path, in reading order: an agent reads counters and probes targets ([`probe`], [`topology`]), turns them
//! into rates and round summaries ([`stats`]), names them by the catalogue ([`metric`], [`mod@unit`]) and sends them as a
//! [`sample::Batch`]. The hub stores them, publishes them as [`event`]s, holds them against the rules ([`rule`]), whose
//! life is an [`incident`] of which people are told ([`notify`]), names what is wrong in the [`mesh`] ([`verdict`], with the racks of a [`layout`]), and answers questions about them ([`query`], [`health`], [`network`]) in the types of
//! [`api`]. Training jobs are a [`run`] each. What people may change is described in [`settings`].
//!
//! Invariants: nothing here reads a clock, opens a socket, runs SQL or knows a user interface; time comes in as an
//! argument. Everything builds for wasm32.

pub mod api;
pub mod around;
pub mod check;
pub mod clock_offset;
pub mod diagnosis;
pub mod errand;
pub mod event;
pub mod export;
pub mod health;
pub mod icmp;
pub mod impair;
pub mod incident;
pub mod layout;
pub mod mark;
pub mod matrix;
pub mod mesh;
pub mod metric;
pub mod netlink;
pub mod network;
pub mod notify;
pub mod probe;
pub mod push;
pub mod query;
pub mod rule;
pub mod run;
pub mod sample;
pub mod schedule;
pub mod series;
pub mod settings;
pub mod silence;
pub mod stats;
pub mod test_result;
pub mod time;
pub mod tolerant;
pub mod topology;
pub mod unit;
pub mod uplink;
pub mod verdict;
