//! Commands that measure from a terminal, without a hub: figures on standard output, progress on standard error.

pub mod throughput;
