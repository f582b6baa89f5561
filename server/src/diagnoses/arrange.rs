//! The one place at which a diagnosis joins tests of throughput: whoever arranges them says yes and holds both ends, or
//! says why not.

use async_trait::async_trait;
use netloom_core::{
    check::{Check, Finding, throughput::Direction, throughput::request::TestRequest},
    diagnosis::DiagnosisRequest,
};

use crate::throughput::{Arranger, Guard};

/// How long a test within a diagnosis measures, s: people wait for it.
const TEST_S: f64 = 3.0;

/// What is held while a test runs; both nodes are free again when it is dropped.
pub trait Held: Send + Sync {
    /// Ends it with what came of the test.
    fn end(self: Box<Self>, finding: &Finding);
}

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
    ) -> Result<(Check, Box<dyn Held>), Refusal>;
}

/// Stands in where nobody arranges tests.
pub struct NoArranger;

#[async_trait]
impl Arrange for NoArranger {
    async fn arrange(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: &DiagnosisRequest,
    ) -> Result<(Check, Box<dyn Held>), Refusal> {
        let detail = "tests of throughput are switched off: switch them on in the settings first".to_owned();
        Err(Refusal { kind: "throughput-off", detail })
    }
}

impl Held for Guard {
    fn end(self: Box<Self>, finding: &Finding) {
        Guard::end(*self, finding);
    }
}

#[async_trait]
impl Arrange for Arranger {
    async fn arrange(
        &self,
        src: &str,
        dst: &str,
        by: &str,
        request: &DiagnosisRequest,
    ) -> Result<(Check, Box<dyn Held>), Refusal> {
        let wish = TestRequest {
            direction: Direction::Both,
            duration_s: Some(TEST_S),
            during_run: request.during_run,
            ..TestRequest::default()
        };
        match Arranger::arrange(self, src, dst, by, &wish).await {
            Ok((check, guard)) => Ok((check, Box::new(guard))),
            Err(why) => Err(Refusal { kind: why.kind(), detail: why.to_string() }),
        }
    }
}
