//! What the keyboard does on every page, and the panel that says so.

use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::dialog::{Dialog, Overlay, Panel};
use crate::{browser, pages, range::TimeRange};

/// After `g` the second key is waited for this long, on the clock that stamps events.
const SEQUENCE_MAX_MS: f64 = 1_500.0;

/// The id of the field in which a page is searched; `/` leads there when the page has one.
pub(crate) const PAGE_SEARCH: &str = "page-search";

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Open(Panel),
    BeginSequence,
    Go(&'static str),
}

/// A key as far as shortcuts care.
#[derive(Debug, Clone, Copy)]
struct Press<'a> {
    key: &'a str,
    has_command: bool,
    is_typing: bool,
    is_second: bool,
}

/// What a key means, if anything. Someone who types text means text.
fn meaning(press: Press) -> Option<Meaning> {
    if press.has_command {
        return press.key.eq_ignore_ascii_case("k").then_some(Meaning::Open(Panel::Palette));
    }
    if press.is_typing {
        return None;
    }
    if press.is_second {
        let mut pages = pages::in_navigation();
        return pages.find(|page| press.key.chars().eq(page.shortcut)).map(|page| Meaning::Go(page.path));
    }
    match press.key {
        "/" => Some(Meaning::Open(Panel::Palette)),
        "?" => Some(Meaning::Open(Panel::Shortcuts)),
        "g" => Some(Meaning::BeginSequence),
        _ => None,
    }
}

/// Listens to the keyboard for the rest of the page's life. Must be called within the router.
pub(crate) fn listen() {
    let (overlay, range, navigate) = (Overlay::expect(), TimeRange::expect(), use_navigate());
    let second_until_ms = StoredValue::new(0.0);
    let on_key = move |event: ev::KeyboardEvent| {
        let key = event.key();
        let press = Press {
            key: &key,
            has_command: event.ctrl_key() || event.meta_key(),
            is_typing: browser::is_typing(&event) || event.alt_key(),
            is_second: event.time_stamp() < second_until_ms.get_value(),
        };
        let meaning = meaning(press);
        let begins = meaning == Some(Meaning::BeginSequence);
        second_until_ms.set_value(if begins { event.time_stamp() + SEQUENCE_MAX_MS } else { 0.0 });
        let Some(meaning) = meaning else { return };
        event.prevent_default();
        match meaning {
            Meaning::Open(_) if key == "/" && browser::focus(PAGE_SEARCH) => {}
            Meaning::Open(panel) => overlay.open(panel),
            Meaning::BeginSequence => {}
            Meaning::Go(path) => navigate(&untrack(|| range.carry(path)), NavigateOptions::default()),
        }
    };
    // An effect runs in the browser only.
    Effect::new(move |_| {
        let handle = window_event_listener(ev::keydown, on_key.clone());
        on_cleanup(move || handle.remove());
    });
}

/// The list of shortcuts.
#[component]
pub(crate) fn Shortcuts() -> impl IntoView {
    let row = |keys: String, what: String| view! { <tr><td><kbd>{keys}</kbd></td><td>{what}</td></tr> };
    view! {
        <Dialog panel=Panel::Shortcuts label="Keyboard shortcuts">
            <div class="shortcuts">
                <h2>"Keyboard shortcuts"</h2>
                <table>
                    <tbody>
                        {row("Ctrl K  ⌘ K  /".into(), "Search pages, nodes, runs and commands".into())}
                        {row("/".into(), "On the settings page: search the settings".into())}
                        {row("?".into(), "Show this list".into())}
                        {pages::in_navigation()
                            .map(|page| row(format!("g {}", page.shortcut.unwrap_or_default()), format!("Go to {}", page.title)))
                            .collect_view()}
                        {row("drag on a chart".into(), "Zoom all charts; a double click goes back".into())}
                        {row("Esc".into(), "Close this".into())}
                    </tbody>
                </table>
            </div>
        </Dialog>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESS: Press = Press { key: "", has_command: false, is_typing: false, is_second: false };

    #[test]
    fn keys_mean_what_the_list_says() {
        assert_eq!(meaning(Press { key: "K", has_command: true, ..PRESS }), Some(Meaning::Open(Panel::Palette)));
        assert_eq!(meaning(Press { key: "/", ..PRESS }), Some(Meaning::Open(Panel::Palette)));
        assert_eq!(meaning(Press { key: "?", ..PRESS }), Some(Meaning::Open(Panel::Shortcuts)));
        assert_eq!(meaning(Press { key: "g", ..PRESS }), Some(Meaning::BeginSequence));
        assert_eq!(meaning(Press { key: "a", is_second: true, ..PRESS }), Some(Meaning::Go("/alerts")));
        assert_eq!(meaning(Press { key: "x", is_second: true, ..PRESS }), None);
    }

    #[test]
    fn typing_is_left_alone_except_for_commands() {
        assert_eq!(meaning(Press { key: "/", is_typing: true, ..PRESS }), None);
        let command = Press { key: "k", has_command: true, is_typing: true, ..PRESS };
        assert_eq!(meaning(command), Some(Meaning::Open(Panel::Palette)));
        assert_eq!(meaning(Press { key: "/", has_command: true, ..PRESS }), None);
    }
}
