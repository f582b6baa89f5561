//! What is around every page.

use leptos::prelude::*;

use super::{
    connection_bar::ConnectionBar,
    dialog::Overlay,
    nav::Nav,
    palette::Palette,
    shortcuts::{self, Shortcuts},
    topbar::Topbar,
};
use crate::{
    live::{Link, Live},
    pages,
    range::TimeRange,
};

/// Navigation, top bar, panels, and the page in the middle.
#[component]
pub(crate) fn Frame(children: Children) -> impl IntoView {
    let live = Live::expect();
    TimeRange::provide(pages::scope());
    Overlay::provide();
    shortcuts::listen();
    let range = TimeRange::expect();
    // What is a gap depends on the intervals, so a change of theirs is a change of all charts.
    let view = Memo::new(move |_| (range.window(), live.intervals_ms()));
    // An effect runs in the browser only.
    Effect::new(move |_| live.show(view.get().0));
    let is_old = Memo::new(move |_| matches!(live.link.get(), Link::Lost { .. }) || live.is_stale());
    view! {
        <a class="skip-link" href="#content">
            "Skip to the content"
        </a>
        <div class="frame" class:is-old=is_old>
            <Topbar />
            <Nav />
            <main class="content" id="content" tabindex="-1">
                {children()}
            </main>
        </div>
        <ConnectionBar />
        <Palette />
        <Shortcuts />
    }
    .into_any()
}
