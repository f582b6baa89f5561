//! The one place at which a diagnosis joins tests of throughput: whoever arranges them says yes and holds both ends, or
//! says why not.

use std::any::Any;

use async_trait::async_trait;
use netloom_core::{check::Check, diagnosis::DiagnosisRequest};

/// What is held while a test runs; both nodes are free again when it is dropped.
pub type Held = Box<dyn Any + Send + Sync>;

/// Why a test of throughput is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of problem: `throughput-off`, `run-active`, `throughput-busy`.
    pub kind: &'static str,
    /// What happened, for people.
    pub detail: String,
}

/// Arranges tests of throughput between nodes.
#[async_trait]
pub trait Arrange: Send + Sync {
    /// Has `dst` wait for a test from `src`. What comes back is the check for `src`, and what holds both.
    ///
    /// # Errors
    /// When tests are switched off, a training run is active and nobody said yes to that, or a node is busy or away.
    async fn arrange(
        &self,
        src: &str,
        dst: &str,
        by: &str,
        request: &DiagnosisRequest,
    ) -> Result<(Check, Held), Refusal>;
}

/// Stands in where nobody arranges tests.
pub struct NoArranger;

#[async_trait]
impl Arrange for NoArranger {
    async fn arrange(&self, _: &str, _: &str, _: &str, _: &DiagnosisRequest) -> Result<(Check, Held), Refusal> {
        let detail = "tests of throughput are switched off: switch them on in the settings first".to_owned();
        Err(Refusal { kind: "throughput-off", detail })
    }
}
