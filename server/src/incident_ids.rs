//! The numbers of incidents: one allocator, whoever raises them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Gives each incident of a hub its own number.
#[derive(Debug, Clone)]
pub struct IncidentIds(Arc<AtomicU64>);

impl IncidentIds {
    /// The first number that is given is `next`.
    pub fn starting_at(next: u64) -> Self {
        Self(Arc::new(AtomicU64::new(next)))
    }

    /// A number that nobody has.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
