//! What a component reads, and for how long: the stream carries that and no more.

use leptos::prelude::*;
use netloom_core::sample::Labels;

use super::{
    Live,
    feed::{Feed, Interest},
    store::{FeedId, Store},
};

/// A feed that a component uses; it lives as long as the component.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FeedHandle(FeedId);

/// Begins a feed for the component that is being built.
pub(crate) fn use_feed(interest: Interest) -> FeedHandle {
    let live = Live::expect();
    let joined = live.store.try_update_value(|store| store.join(interest));
    let id = joined.expect("the store lives as long as the page");
    // An effect runs in the browser only. A feed that was there before has its history already.
    Effect::new(move |_| {
        let is_new = live.store.with_value(|store| store.feed(id).is_some_and(|feed| !feed.is_asked()));
        if is_new {
            untrack(|| live.ask(|feed| !feed.is_asked()));
        }
    });
    live.wishes.notify();
    on_cleanup(move || {
        live.store.try_update_value(|store| store.leave(id));
        live.wishes.notify();
    });
    FeedHandle(id)
}

/// Keeps the newest values of some series current for the component that is being built.
pub(crate) fn use_newest(interest: &Interest) {
    let live = Live::expect();
    let Some(wish) = interest.wish() else { return };
    live.store.update_value(|store| store.watch(wish.clone()));
    live.wishes.notify();
    on_cleanup(move || {
        live.store.try_update_value(|store| store.unwatch(&wish));
        live.wishes.notify();
    });
}

/// Keeps the matrix of a metric current for the component that is being built; [`Live::grid`] reads it.
pub(crate) fn use_matrix(metric: Signal<String>) {
    let live = Live::expect();
    let joined = StoredValue::new(None::<String>);
    let switch = move |to: Option<String>| {
        let from = joined.try_update_value(|joined| std::mem::replace(joined, to.clone())).flatten();
        live.grids.try_update_value(|grids| {
            // The new one first: what is read by others stays.
            to.iter().for_each(|metric| grids.join(metric));
            from.iter().for_each(|metric| grids.leave(metric));
        });
        live.wishes.notify();
    };
    // An effect runs in the browser only.
    Effect::new(move |_| switch(Some(metric.get())));
    on_cleanup(move || switch(None));
}

impl FeedHandle {
    /// The labels of its series.
    pub(crate) fn labels(self, live: Live) -> Vec<Labels> {
        live.samples(|store| self.of(store).map(|feed| feed.series().keys().cloned().collect()).unwrap_or_default())
    }

    /// The feed in the store.
    pub(crate) fn of(self, store: &Store) -> Option<&Feed> {
        store.feed(self.0)
    }
}
