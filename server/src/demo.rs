//! The demo: a hub and many agents in one process, with a made-up network between them that real packets cross.

pub mod player;
pub mod relay;
