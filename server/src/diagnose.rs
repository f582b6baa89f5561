//! Runs the checks of a diagnosis side by side: all at once what only looks, and then, one after the other, what measures
//! how much goes through and would disturb the rest.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{
    Stream, StreamExt,
    stream::{self, FuturesUnordered},
};
use netloom_core::{
    check::{Check, Finding, Progress},
    diagnosis::{
        ITEMS_MAX, ItemSpec,
        plan::{self, Surroundings},
    },
};

pub use crate::agent::remote::state::Joined;
use crate::{
    agent::{
        discover::{gateways, has_v6_route, name_servers, resolv_conf, search_domains},
        remote::state,
    },
    check::{self, Means},
};

/// A check that looks is cut off after this long, so that all of them together end within five seconds.
pub const LOOK_LIMIT: Duration = Duration::from_millis(4_700);
/// What a test of throughput may take beyond the time that it says it takes: the agreement, and the warm-up.
const LOAD_GRACE: Duration = Duration::from_secs(10);
/// Checks at once: all of them. A check is a socket and a few packets a second, and the plan is bounded.
const AT_ONCE: usize = ITEMS_MAX;
/// The shortest time between two words on how far a check is: people see no more, and the hub has others to hear.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Is told how far the check of that place is.
pub type Progressed<'a> = &'a (dyn Fn(usize, Progress) + Send + Sync);

/// What this machine knows of its surroundings.
pub fn surroundings() -> Surroundings {
    let resolv_conf = resolv_conf();
    Surroundings {
        gateways: cfg!(target_os = "linux").then(gateways),
        has_v6_route: has_v6_route(),
        name_servers: name_servers(&resolv_conf),
        search: search_domains(&resolv_conf),
    }
}

/// What the agent of whoever asks knows of its hub and the other nodes, where one has joined a hub.
pub fn joined() -> Option<Joined> {
    Joined::look(&state::usual_folder())
}

/// Runs all checks; each comes out with its place as soon as it ended. What only looks is cut off after `look_limit`.
pub fn run<'a>(
    items: &'a [ItemSpec],
    means: &'a Means,
    look_limit: Duration,
    progressed: Progressed<'a>,
) -> Pin<Box<dyn Stream<Item = (usize, Finding)> + Send + 'a>> {
    let (loads, looks): (Vec<usize>, Vec<usize>) =
        (0..items.len()).partition(|place| plan::is_load(&items[*place].check));
    let one = move |place: usize| one(place, &items[place], means, look_limit, progressed);
    let looks: FuturesUnordered<_> = looks.into_iter().take(AT_ONCE).map(one).collect();
    Box::pin(looks.chain(stream::iter(loads).then(one)))
}

async fn one(
    place: usize,
    spec: &ItemSpec,
    means: &Means,
    look_limit: Duration,
    progressed: Progressed<'_>,
) -> (usize, Finding) {
    if let Some(finding) = plan::missing(spec) {
        return (place, finding);
    }
    progressed(place, Progress::default());
    let last = Mutex::new(Instant::now());
    let told = |progress: Progress| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= PROGRESS_EVERY {
            *last = Instant::now();
            progressed(place, progress);
        }
    };
    let limit = if plan::is_load(&spec.check) { load_limit(&spec.check) } else { look_limit };
    (place, check::run(&spec.check, means, limit, &told).await)
}

fn load_limit(check: &Check) -> Duration {
    Duration::from_millis(check.longest_ms()) + LOAD_GRACE
}

#[cfg(test)]
mod tests {
    use netloom_core::{
        check::{
            Outcome,
            spec::{Family, HostSpec},
        },
        errand,
    };

    use super::*;

    #[tokio::test]
    async fn every_check_ends_with_a_finding_and_is_announced() {
        // Nothing but this machine is looked at.
        let mut items = plan::plan(&errand::Plan::default(), &Surroundings::default());
        let missing = (plan::GATEWAY.to_owned(), plan::NO_GATEWAY.to_owned());
        items.insert(0, ItemSpec { subject: missing.0, title: missing.1, check: Check::Interfaces });
        let spec = HostSpec { host: "127.0.0.1".into(), family: Family::Any, timeout_ms: 500 };
        items.push(ItemSpec { subject: "x".into(), title: "MTU".into(), check: Check::Mtu(spec) });
        let begun = Mutex::new(Vec::new());
        let progressed = |place: usize, _: Progress| begun.lock().expect("not poisoned").push(place);
        let means = Means::new();
        let mut found: Vec<(usize, Finding)> = run(&items, &means, LOOK_LIMIT, &progressed).collect().await;
        found.sort_by_key(|(place, _)| *place);
        assert_eq!(found.iter().map(|(place, _)| *place).collect::<Vec<_>>(), (0..items.len()).collect::<Vec<_>>());
        assert!(matches!(&found[0].1.outcome, Outcome::Failed { cause, .. } if cause.contains("no default route")));
        let mut begun = begun.lock().expect("not poisoned").clone();
        begun.sort_unstable();
        begun.dedup();
        assert_eq!(begun, (1..items.len()).collect::<Vec<_>>(), "what is not there is not begun");
    }
}
