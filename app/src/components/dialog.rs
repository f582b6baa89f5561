//! Panels over the page. The browser's own dialog keeps the focus inside, closes by Escape, and gives the focus back.

use leptos::{html, prelude::*};

/// The panels there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Panel {
    /// Search for pages, nodes and commands.
    Palette,
    /// The list of keyboard shortcuts.
    Shortcuts,
    /// Which node stands in which rack.
    Racks,
    /// What is to be silent, and how long.
    Silence,
    /// What is about to change of the settings.
    Review,
}

/// Which panel is open. A handle: copies speak of the same page.
#[derive(Clone, Copy)]
pub(crate) struct Overlay(RwSignal<Option<Panel>>);

impl Overlay {
    /// Begins with no panel and hands the overlay to all components below.
    pub(crate) fn provide() -> Self {
        let overlay = Self(RwSignal::new(None));
        provide_context(overlay);
        overlay
    }

    /// The overlay of the page around the caller.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// Opens a panel in place of any other.
    pub(crate) fn open(self, panel: Panel) {
        self.0.set(Some(panel));
    }

    /// Closes whatever is open.
    pub(crate) fn close(self) {
        self.0.set(None);
    }

    /// Whether a panel is open.
    pub(crate) fn is_open(self, panel: Panel) -> bool {
        self.0.get() == Some(panel)
    }
}

/// A panel over the page; its content is there only while it is open.
#[component]
pub(crate) fn Dialog(
    /// Which one.
    panel: Panel,
    /// What it is, for screen readers.
    label: &'static str,
    /// What is in it.
    children: ChildrenFn,
) -> impl IntoView {
    let overlay = Overlay::expect();
    let dialog = NodeRef::<html::Dialog>::new();
    let is_open = Memo::new(move |_| overlay.is_open(panel));
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if is_open.get() && !dialog.open() {
            // Fails only for a dialog that is not in the document.
            let _ = dialog.show_modal();
        } else if !is_open.get() && dialog.open() {
            dialog.close();
        }
    });
    let closed = move |_| {
        if is_open.get_untracked() {
            overlay.close();
        }
    };
    view! {
        <dialog class="dialog" aria-label=label node_ref=dialog on:close=closed>
            // A click beside the panel lands on the dialog itself, one on the panel on its content.
            <div class="dialog-backdrop" on:click=move |_| overlay.close()></div>
            <div class="dialog-panel">
                <Show when=move || is_open.get()>{children()}</Show>
            </div>
        </dialog>
    }
}
