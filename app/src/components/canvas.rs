//! A drawing area of the chart bridge: mounted after hydration, disposed with its component.

#[cfg(feature = "hydrate")]
mod bridge;
#[cfg(feature = "hydrate")]
pub(crate) mod map;

use leptos::{html, prelude::*};

#[cfg(feature = "hydrate")]
pub(crate) use bridge::set_formatter;

/// The newest data of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    /// The window of the time axis, ms since the epoch.
    pub(crate) window: (i64, i64),
    /// The ids of the lines.
    pub(crate) ids: Vec<String>,
    /// Their points, flat `t, v` pairs.
    pub(crate) points: Vec<Vec<f64>>,
    /// When the newest sample among them was taken, ms.
    pub(crate) newest_ms: Option<i64>,
}

/// What people do to a chart.
#[derive(Clone, Copy)]
pub(crate) enum Gesture {
    /// Drags over a stretch of time: from and to in ms.
    Zoom(f64, f64),
    /// Clicks twice.
    ZoomReset,
}

/// Where the gestures and picks of a chart go.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    /// Called for every gesture.
    pub(crate) on_gesture: Callback<Gesture>,
    /// Called with the name and the kind of what was clicked.
    pub(crate) on_pick: Callback<(String, String)>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { on_gesture: Callback::new(|_| ()), on_pick: Callback::new(|_| ()) }
    }
}

/// A drawing area with the given id, named by the heading `<id>-title`.
///
/// `option` says how to draw; whenever it changes the chart is set anew. `frame` gives the data, read again whenever
/// what it reads changes; while it gives nothing, the chart stays as it is.
#[component]
pub(crate) fn Canvas(
    id: &'static str,
    #[prop(into)] option: Signal<String>,
    frame: Callback<(), Option<Frame>>,
    hooks: Hooks,
) -> impl IntoView {
    let element = NodeRef::<html::Div>::new();
    #[cfg(feature = "hydrate")]
    bridge::drive(element, bridge::Source { option, frame, hooks });
    #[cfg(not(feature = "hydrate"))]
    let _ = (option, frame, hooks);
    view! {
        <div class="canvas" id=id role="img" aria-labelledby=format!("{id}-title") node_ref=element></div>
    }
}
