//! Where runs are that tell their steps: in memory only, because a step is told thousands of times a second.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use netloom_core::{
    run::step::{Decision, NewStep, Steps},
    time::Timestamp,
};

/// Runs whose steps are known at most: as many as are open at once, and those that never ended make room.
const RUNS_MAX: usize = 2_000;

#[derive(Default)]
pub(super) struct StepBook {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    runs: HashMap<String, (Option<Steps>, Timestamp)>,
    any_round_ms: Option<i64>,
}

impl StepBook {
    /// What a step leads to.
    pub(super) fn decide(&self, id: &str, new: NewStep, now: Timestamp) -> Decision {
        let mut known = self.lock();
        if !known.runs.contains_key(id) {
            if known.runs.len() >= RUNS_MAX {
                let oldest = known.runs.iter().min_by_key(|(_, (_, heard))| *heard).map(|(id, _)| id.clone());
                oldest.and_then(|id| known.runs.remove(&id));
            }
            known.runs.insert(id.to_owned(), (None, now));
        }
        let Known { runs, any_round_ms } = &mut *known;
        let Some((steps, heard)) = runs.get_mut(id) else { return Decision::Nothing(String::new()) };
        *heard = now;
        Steps::decide(steps, any_round_ms, new, now.ms())
    }

    /// Forgets a run that ended.
    pub(super) fn forget(&self, id: &str) {
        self.lock().runs.remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_know_their_own_steps_and_the_oldest_make_room() {
        let book = StepBook::default();
        let tell = |id: &str, step, at| book.decide(id, NewStep { step, every: 10 }, Timestamp(at));
        assert!(matches!(tell("a", 10, 0), Decision::Round(_)));
        assert!(matches!(tell("b", 15, 5_000), Decision::Nothing(_)));
        assert!(matches!(tell("b", 20, 6_000), Decision::Round(_)));
        assert!(matches!(tell("a", 19, 10_000), Decision::Nothing(_)));
        for at in 0..RUNS_MAX {
            tell(&format!("r{at}"), 11, 20_000 + at as i64);
        }
        assert_eq!(book.lock().runs.len(), RUNS_MAX);
        assert!(!book.lock().runs.contains_key("a"));
        book.forget("r1999");
        assert_eq!(book.lock().runs.len(), RUNS_MAX - 1);
    }
}
