//! Subcommands that speak with a hub elsewhere, over the same public API as scripts. They need nothing that only the hub
//! has, so the lean agent carries them too.

mod api;
mod recorder;
pub mod run;
