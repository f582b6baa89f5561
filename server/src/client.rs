//! Subcommands that speak with a hub elsewhere, over the same public API as scripts. They need nothing that only the hub
//! has, so the lean agent carries them too.
//!
//! Export and import read and write files and pipes without a runtime's help: they do one thing after the other, and
//! their connection lives on other threads.

pub(crate) mod api;
pub(crate) mod command;
pub mod export;
mod hub;
pub mod import;
mod progress;
mod recorder;
pub mod run;
