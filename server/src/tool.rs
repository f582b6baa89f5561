//! Commands that measure from a terminal, without a hub: figures on standard output, progress on standard error.

mod aim;
pub mod around;
pub mod diagnose;
#[cfg(feature = "tools")]
pub mod manual;
pub mod probe;
mod rounds;
mod screen;
mod stop;
pub mod test;
pub mod throughput;

use netloom_core::check::{Finding, Outcome};

/// Why a finding is none, in a line.
fn why_not(finding: &Finding) -> String {
    match &finding.outcome {
        Outcome::Reply => String::new(),
        Outcome::Lost => "nothing came back".into(),
        Outcome::Skipped { why } => why.clone(),
        Outcome::Failed { phase, cause, cure } => {
            let cure = if cure.is_empty() { String::new() } else { format!("; {cure}") };
            format!("{cause} ({}){cure}", phase.word())
        }
    }
}
