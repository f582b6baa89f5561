//! Everything that crosses Netloom's crates, as one binary.
//!
//! Each file opens with its goal and its method. Nothing here sleeps for a fixed time to wait for something: waits are
//! for a condition, with a deadline.

mod alert_scenarios;
mod alerts_api;
mod api;
mod architecture;
mod bad_input;
mod care;
mod checks;
mod crash;
mod demo;
mod desk;
mod diagnose;
mod diagnoses;
mod export;
mod join;
mod ledger;
mod live;
mod migrations;
mod notify;
mod notify_hub;
mod paths;
mod probes;
mod process;
mod push;
mod rules;
mod run_command;
mod runs;
mod settings;
mod settings_history;
mod steps;
mod store_contract;
mod store_sqlite;
mod stress;
mod support;
mod throughput;
mod tools;
mod truth;
mod uplink;
mod verdict;
mod watch;
