//! The route and navigation table: the one place that lists the pages.
//!
//! Adding a page: its file in `pages/`, its row below, and its name in the group with which it is loaded.

pub(crate) mod alerts;
pub(crate) mod diagnose;
mod explore;
mod later;
pub(crate) mod link;
pub(crate) mod matrix;
mod node;
pub(crate) mod nodes;
mod not_found;
mod overview;
pub(crate) mod runs;
pub(crate) mod settings;
mod topology;

use leptos::{prelude::*, wasm_split::wasm_split};
use leptos_router::{
    LazyRoute, SsrMode,
    components::{FlatRoutes, Route},
    path,
};

use crate::{components::icon::Icon, range::Window};
use {
    alerts::{Alerts, incident::IncidentPage, rules::Rules, silences::Silences},
    diagnose::Diagnose,
    explore::Explore,
    later::{NotLoaded, later, shown},
    link::Link,
    matrix::Matrix,
    node::Node,
    nodes::Nodes,
    not_found::NotFound,
    overview::Overview,
    runs::{Runs, compare::CompareRuns, run::RunPage},
    settings::Settings as SettingsPage,
    topology::Topology,
};

/// A row of the table.
pub(crate) struct Page {
    /// Its address; segments that begin with a colon stand for names.
    pub(crate) path: &'static str,
    /// What people call it.
    pub(crate) title: &'static str,
    /// Its drawing in the navigation.
    pub(crate) icon: Icon,
    /// The key that leads to it after `g`; pages without one are reached from others and not in the navigation.
    pub(crate) shortcut: Option<char>,
    /// Whether the number of firing alerts stands beside it.
    pub(crate) counts_alerts: bool,
}

impl Page {
    /// Whether an address lies on this page or below it.
    pub(crate) fn is_around(&self, path: &str) -> bool {
        path == self.path
            || (self.path != "/" && path.strip_prefix(self.path).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// From groups of pages to what loads each of them, all its pages at once. A group comes when one of its pages is opened, or
/// when the first page has been there for a while.
macro_rules! groups {
    ($($group:ident: $($component:ident),+;)*) => {
        /// The pages of all groups.
        mod opened {
            $($(pub(super) struct $component;)+)*
        }
        $(
            mod $group {
                use super::*;

                /// The view of a page, or of nothing.
                #[wasm_split($group, wasm_split_path = ::leptos::wasm_split, fallible)]
                pub(super) fn load(page: &'static str) -> Result<AnyView, NotLoaded> {
                    Ok(match page {
                        $(stringify!($component) => view! { <$component /> }.into_any(),)+
                        _ => ().into_any(),
                    })
                }
            }
            $(
                impl LazyRoute for opened::$component {
                    fn data() -> Self {
                        Self
                    }

                    async fn view(_: Self) -> AnyView {
                        shown($group::load(stringify!($component)).await)
                    }
                }
            )+
        )*

        /// Loads all groups, one after the other, so that no page is waited for later on. What does not come now is asked for
        /// when it is opened.
        #[cfg(feature = "hydrate")]
        pub(crate) async fn load_all() {
            $(let _ = $group::load("").await;)*
        }
    };
}

groups! {
    alerting: Alerts, Rules, Silences, IncidentPage, SettingsPage;
    looking: Matrix, Topology, Link, Nodes, Node, Runs, CompareRuns, RunPage, Explore;
    diagnosing: Diagnose;
}

/// From rows of path, title, icon, shortcut, alert count and view to the table and the routes.
macro_rules! pages {
    ($($path:tt $title:literal $icon:ident $shortcut:expr, $counts:literal, $view:expr;)*) => {
        const PAGES: &[Page] = &[
            $(Page { path: $path, title: $title, icon: Icon::$icon, shortcut: $shortcut, counts_alerts: $counts },)*
        ];

        /// The routes of all pages. Every page has its data at once, so it is sent in one piece.
        pub(crate) fn routes() -> impl IntoView {
            view! {
                <FlatRoutes fallback=NotFound>
                    $(<Route path=path!($path) view={$view} ssr=SsrMode::Async />)*
                </FlatRoutes>
            }
        }
    };
}

pages! {
    "/"             "Overview"  Overview  Some('o'), false, Overview;
    "/matrix"       "Matrix"    Matrix    Some('m'), false, later::<opened::Matrix>();
    "/topology"     "Topology"  Topology  Some('t'), false, later::<opened::Topology>();
    "/links/:src/:dst" "Link"   Matrix    None,      false, later::<opened::Link>();
    "/nodes"        "Nodes"     Node      Some('n'), false, later::<opened::Nodes>();
    "/nodes/:node"  "Node"      Node      None,      false, later::<opened::Node>();
    "/runs"         "Runs"      Run       Some('r'), false, later::<opened::Runs>();
    "/runs/compare" "Compare"   Run       None,      false, later::<opened::CompareRuns>();
    "/runs/:run"    "Run"       Run       None,      false, later::<opened::RunPage>();
    "/explore"      "Explore"   Explore   Some('e'), false, later::<opened::Explore>();
    "/alerts"       "Alerts"    Alert     Some('a'), true,  later::<opened::Alerts>();
    "/alerts/rules" "Rules"     Alert     None,      false, later::<opened::Rules>();
    "/alerts/silences" "Silences" Alert   None,      false, later::<opened::Silences>();
    "/alerts/:incident" "Alert" Alert     None,      false, later::<opened::IncidentPage>();
    "/diagnose"     "Diagnose"  Diagnose  Some('d'), false, later::<opened::Diagnose>();
    "/settings"     "Settings"  Settings  Some('s'), false, later::<opened::SettingsPage>();
}

/// The stretch of time that the open page is about, if it is about one: that of a run or of an incident.
pub(crate) fn scope() -> Memo<Option<Window>> {
    let (run, incident) = (runs::scope(), alerts::incident::scope());
    Memo::new(move |_| run.get().or_else(|| incident.get()))
}

/// The pages of the navigation, in its order.
pub(crate) fn in_navigation() -> impl Iterator<Item = &'static Page> {
    PAGES.iter().filter(|page| page.shortcut.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_are_unique() {
        let keys: Vec<_> = in_navigation().filter_map(|page| page.shortcut).collect();
        assert!(keys.iter().enumerate().all(|(at, key)| !keys[..at].contains(key)), "{keys:?}");
    }

    #[test]
    fn an_address_below_a_page_belongs_to_it() {
        let around = |path: &str| -> Vec<&str> {
            in_navigation().filter(|page| page.is_around(path)).map(|page| page.title).collect()
        };
        assert_eq!(around("/"), ["Overview"]);
        assert_eq!(around("/nodes/gpu-1"), ["Nodes"]);
        assert_eq!(around("/nodes"), ["Nodes"]);
        assert_eq!(around("/alerts/rules"), ["Alerts"]);
        assert!(around("/nodesque").is_empty());
    }
}
