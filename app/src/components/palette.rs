//! Search for pages, nodes and commands.

use leptos::{ev, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

use netloom_core::run::Run;

use super::{
    dialog::{Dialog, Overlay, Panel},
    icon::{Drawing, Icon},
    theme_switch,
};
use crate::{
    live::Live,
    pages,
    range::{TimeRange, segment},
    theme::{Theme, ThemeChoice},
};

/// What choosing an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Go(String),
    Theme(Theme),
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    icon: Icon,
    title: String,
    kind: &'static str,
    action: Action,
}

/// Every page, every node, every run at hand, every theme.
fn entries(nodes: impl Iterator<Item = String>, runs: &[Run]) -> Vec<Entry> {
    let pages = pages::in_navigation().map(|page| Entry {
        icon: page.icon,
        title: page.title.to_owned(),
        kind: "Page",
        action: Action::Go(page.path.to_owned()),
    });
    let nodes = nodes.map(|name| Entry {
        icon: Icon::Node,
        action: Action::Go(format!("/nodes/{}", segment(&name))),
        title: name,
        kind: "Node",
    });
    let themes = Theme::ALL.into_iter().map(|theme| Entry {
        icon: theme_switch::icon(theme),
        title: format!("Theme: {}", theme.word()),
        kind: "Command",
        action: Action::Theme(theme),
    });
    let runs = runs.iter().map(|run| Entry {
        icon: Icon::Run,
        title: run.name.clone(),
        kind: "Run",
        action: Action::Go(format!("/runs/{}", segment(&run.id))),
    });
    pages.chain(nodes).chain(themes).chain(runs).collect()
}

/// Whether every word of the search is somewhere in the entry.
fn matches(entry: &Entry, search: &str) -> bool {
    let text = format!("{} {}", entry.title, entry.kind).to_ascii_lowercase();
    search.to_ascii_lowercase().split_whitespace().all(|word| text.contains(word))
}

/// The search panel.
#[component]
pub(crate) fn Palette() -> impl IntoView {
    view! {
        <Dialog panel=Panel::Palette label="Search pages, nodes, runs and commands">
            <Search />
        </Dialog>
    }
    .into_any()
}

#[component]
fn Search() -> impl IntoView {
    let (overlay, range, live, theme) = (Overlay::expect(), TimeRange::expect(), Live::expect(), ThemeChoice::expect());
    let navigate = use_navigate();
    let search = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let found = Memo::new(move |_| {
        let nodes = live.nodes.get().into_iter().map(|node| node.info.node);
        let search = search.get();
        let all = live.runs.with(|runs| entries(nodes, runs));
        all.into_iter().filter(|entry| matches(entry, &search)).collect::<Vec<_>>()
    });
    let run = Callback::new(move |at: usize| {
        let Some(entry) = found.with_untracked(|found| found.get(at).cloned()) else { return };
        overlay.close();
        match entry.action {
            Action::Go(path) => navigate(&untrack(|| range.carry(&path)), NavigateOptions::default()),
            Action::Theme(choice) => theme.set(choice),
        }
    });
    let on_key = move |event: ev::KeyboardEvent| {
        let count = found.with_untracked(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|at| *at = (*at + 1) % count),
            "ArrowUp" => chosen.update(|at| *at = (*at + count - 1) % count),
            "Enter" => run.run(chosen.get_untracked()),
            _ => return,
        }
        event.prevent_default();
    };
    let on_input = move |event| {
        search.set(event_target_value(&event));
        chosen.set(0);
    };
    let rows = move || {
        let found = found.get();
        found.into_iter().enumerate().map(|(at, entry)| view! { <Row at entry chosen run /> }).collect_view()
    };
    view! {
        <div class="palette" on:keydown=on_key data-testid="palette">
            <input
                class="palette-input"
                type="text"
                role="combobox"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-activedescendant=move || format!("palette-{}", chosen.get())
                aria-label="Search pages, nodes, runs and commands"
                placeholder="Search pages, nodes, runs, commands"
                autocomplete="off"
                autofocus
                prop:value=search
                on:input=on_input
            />
            <ul class="palette-list" id="palette-list" role="listbox" aria-label="Found">
                {rows}
            </ul>
            <Show when=move || found.with(Vec::is_empty)>
                <p class="palette-none">"Nothing is called that. Try the name of a page, a node or a run."</p>
            </Show>
        </div>
    }
    .into_any()
}

#[component]
fn Row(at: usize, entry: Entry, chosen: RwSignal<usize>, run: Callback<usize>) -> impl IntoView {
    view! {
        <li
            class="palette-row"
            id=format!("palette-{at}")
            role="option"
            aria-selected=move || (chosen.get() == at).to_string()
            on:mousemove=move |_| {
                if chosen.get_untracked() != at {
                    chosen.set(at);
                }
            }
            on:click=move |_| run.run(at)
        >
            <Drawing icon=entry.icon />
            <span class="palette-title">{entry.title}</span>
            <span class="palette-kind">{entry.kind}</span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::run;

    fn found(search: &str) -> Vec<String> {
        let entries = entries(["gpu 1".to_owned(), "gpu-2".to_owned()].into_iter(), &[run("a")]);
        entries.into_iter().filter(|entry| matches(entry, search)).map(|entry| entry.title).collect()
    }

    #[test]
    fn every_word_must_be_found_in_any_order() {
        assert_eq!(found("node gpu"), ["gpu 1", "gpu-2"]);
        assert_eq!(found("  DARK theme"), ["Theme: Dark"]);
        assert_eq!(found("bert run"), ["bert"]);
        assert!(found("no such thing").is_empty());
        assert!(found("").len() > 6);
    }

    #[test]
    fn names_are_escaped_in_addresses() {
        let entries = entries(["gpu 1".to_owned()].into_iter(), &[]);
        let node = entries.iter().find(|entry| entry.kind == "Node").expect("is there");
        assert_eq!(node.action, Action::Go("/nodes/gpu%201".into()));
    }
}
