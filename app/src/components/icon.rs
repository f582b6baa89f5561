//! Line drawings, 16 by 16.

use leptos::prelude::*;

/// A drawing. It stands beside a word or in a button with a name, so it is hidden from screen readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    /// Four panels.
    Overview,
    /// Two machines.
    Node,
    /// A bell.
    Alert,
    /// Two sliders.
    Settings,
    /// A magnifying glass.
    Search,
    /// A screen.
    System,
    /// A sun.
    Light,
    /// A moon.
    Dark,
    /// Two bars.
    Pause,
    /// A triangle.
    Play,
    /// A grid.
    Table,
    /// A cross.
    Remove,
    /// A plus.
    Add,
    /// A triangle in a circle.
    Run,
    /// A pencil.
    Edit,
    /// A curve over its axes.
    Explore,
    /// Nine cells.
    Matrix,
    /// Three nodes and the links between them.
    Topology,
    /// A pulse.
    Diagnose,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Icon::Overview => "M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5h-4.5zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5h-4.5z",
            Icon::Node => "M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.75h.01M5 11.25h.01",
            Icon::Alert => "M4 11v-4a4 4 0 0 1 8 0v4l1.5 1.25h-11zM6.75 14.5h2.5",
            Icon::Settings => {
                "M2 5h5.5M12 5h2M2 11h2M8.5 11h5.5M9.75 2.9a2.1 2.1 0 1 0 .01 0zM6.25 8.9a2.1 2.1 0 1 0 .01 0z"
            }
            Icon::Search => "M7 2.5a4.5 4.5 0 1 0 .01 0zM10.3 10.3l3.4 3.4",
            Icon::System => "M2 3h12v8h-12zM5.5 13.5h5M8 11v2.5",
            Icon::Light => {
                "M8 5.2a2.8 2.8 0 1 0 .01 0zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7"
            }
            Icon::Dark => "M13.2 9.6a5.6 5.6 0 0 1-6.8-6.8a5.6 5.6 0 1 0 6.8 6.8z",
            Icon::Pause => "M5.5 3.5v9M10.5 3.5v9",
            Icon::Play => "M4.5 3l8 5l-8 5z",
            Icon::Table => "M2.5 3h11v10h-11zM2.5 6.4h11M2.5 9.7h11M6.5 6.4v6.6",
            Icon::Remove => "M4 4l8 8M12 4l-8 8",
            Icon::Add => "M8 3v10M3 8h10",
            Icon::Run => "M8 1.75a6.25 6.25 0 1 0 .01 0zM6.6 5.3l4.2 2.7l-4.2 2.7z",
            Icon::Explore => "M2.5 2.5v11h11M4.5 10.5l3-4l2.5 2l3.5-5",
            Icon::Matrix => "M2.5 2.5h11v11h-11zM2.5 6.2h11M2.5 9.8h11M6.2 2.5v11M9.8 2.5v11",
            Icon::Topology => {
                "M8 2a1.6 1.6 0 1 0 .01 0zM3.6 10.6a1.6 1.6 0 1 0 .01 0zM12.4 10.6a1.6 1.6 0 1 0 .01 0zM7.2 5.1l-2.8 5.6M8.8 5.1l2.8 5.6M5.3 12.2h5.4"
            }
            Icon::Diagnose => "M1.5 8.5h3l2-5.5l3 10.5l2-5h3",
            Icon::Edit => "M3 13l.7-3.2l6.9-6.9l2.5 2.5l-6.9 6.9zM9.2 4.3l2.5 2.5",
        }
    }
}

/// Draws an icon.
#[component]
pub(crate) fn Drawing(#[prop(into)] icon: Signal<Icon>) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d=move || icon.get().path()></path>
        </svg>
    }
}
