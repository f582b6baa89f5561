//! How many packets were not taken, by reason.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use netloom_core::mesh::{echo::Malformed, gate::Refusal};

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Its size is not the one of a packet.
    Size,
    /// It is of another program or another version.
    Foreign,
    /// Its tag is wrong.
    Forged,
    /// It came before.
    Replayed,
    /// It is too old.
    Stale,
    /// Its prober asks too often.
    TooMany,
    /// There is no room to remember its prober.
    Full,
    /// The node takes no part in the mesh.
    NoPart,
    /// An answer from an address that was not asked.
    Elsewhere,
    /// An answer to nothing that was asked.
    Unasked,
    /// An answer that came too late: its packet is lost.
    Late,
    /// A further answer.
    Duplicate,
    /// The system did not take the answer.
    Unsent,
    /// A round that nobody took, because the sender makes no progress.
    Round,
}

impl Dropped {
    const ALL: [Dropped; 14] = [
        Dropped::Size,
        Dropped::Foreign,
        Dropped::Forged,
        Dropped::Replayed,
        Dropped::Stale,
        Dropped::TooMany,
        Dropped::Full,
        Dropped::NoPart,
        Dropped::Elsewhere,
        Dropped::Unasked,
        Dropped::Late,
        Dropped::Duplicate,
        Dropped::Unsent,
        Dropped::Round,
    ];
}

impl From<Malformed> for Dropped {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Size => Dropped::Size,
            Malformed::Foreign => Dropped::Foreign,
        }
    }
}

impl From<Refusal> for Dropped {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Stale => Dropped::Stale,
            Refusal::Replayed => Dropped::Replayed,
            Refusal::TooMany => Dropped::TooMany,
            Refusal::Full => Dropped::Full,
        }
    }
}

/// A handle to the counts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Counts {
    counts: Arc<[AtomicU64; Dropped::ALL.len()]>,
}

impl Counts {
    /// Counts one.
    pub fn add(&self, reason: Dropped) {
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were since the start.
    pub fn of(&self, reason: Dropped) -> u64 {
        self.counts[reason as usize].load(Ordering::Relaxed)
    }

    /// How many packets were turned away that no node of the mesh had a reason to send: what is late or comes twice, and
    /// what the system did not take, is not among them.
    pub fn refused(&self) -> u64 {
        let refused = [
            Dropped::Size,
            Dropped::Foreign,
            Dropped::Forged,
            Dropped::Replayed,
            Dropped::Stale,
            Dropped::TooMany,
            Dropped::Full,
            Dropped::NoPart,
        ];
        refused.into_iter().map(|reason| self.of(reason)).sum()
    }

    /// How many there were for any reason.
    pub(super) fn total(&self) -> u64 {
        Dropped::ALL.into_iter().map(|reason| self.of(reason)).sum()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for reason in Dropped::ALL.into_iter().filter(|reason| self.of(*reason) > 0) {
            write!(f, "{separator}{reason:?} {}", self.of(reason))?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_place_of_its_own() {
        let counts = Counts::default();
        for (at, reason) in Dropped::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
            counts.add(reason);
        }
        counts.add(Dropped::Late);
        assert_eq!((counts.of(Dropped::Late), counts.of(Dropped::Stale)), (2, 1));
        assert_eq!(counts.total(), Dropped::ALL.len() as u64 + 1);
        assert!(counts.to_string().contains("Late 2"), "{counts}");
        assert_eq!(counts.refused(), 8);
    }
}
