//! Light, dark, or what the system prefers. Remembered in this browser; the document's own script applies it before the
//! first paint.

use leptos::prelude::*;

/// How the page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the system prefers.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order of the switch.
    pub(crate) const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    /// What people call it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Theme::System => "System",
            Theme::Light => "Light",
            Theme::Dark => "Dark",
        }
    }

    /// The value of the root's `data-theme`; nothing lets the system decide.
    #[cfg(feature = "hydrate")]
    const fn attribute(self) -> Option<&'static str> {
        match self {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }
}

/// The theme of the page and the way to change it.
#[derive(Clone, Copy)]
pub(crate) struct ThemeChoice(RwSignal<Theme>);

/// Under this name the choice is remembered; the document's script knows it too.
#[cfg(feature = "hydrate")]
const MEMORY: &str = "netloom-theme";

impl ThemeChoice {
    /// Begins with the system's theme, as the server must, and hands the choice to all components below.
    pub(crate) fn provide() -> Self {
        let choice = Self(RwSignal::new(Theme::default()));
        provide_context(choice);
        choice
    }

    /// The choice of the page around the caller.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// Takes over what was remembered; for the browser, after hydration.
    #[cfg(feature = "hydrate")]
    pub(crate) fn recall(self) {
        let name = crate::browser::recall(MEMORY);
        let known = Theme::ALL.into_iter().find(|theme| theme.attribute() == name.as_deref());
        self.0.set(known.unwrap_or_default());
    }

    /// The theme.
    pub(crate) fn get(self) -> Theme {
        self.0.get()
    }

    /// Changes the theme and remembers it.
    pub(crate) fn set(self, theme: Theme) {
        self.0.set(theme);
        #[cfg(feature = "hydrate")]
        {
            crate::browser::remember(MEMORY, theme.attribute());
            crate::browser::set_root_attribute("data-theme", theme.attribute());
        }
    }

    /// Goes on to the next theme.
    pub(crate) fn next(self) {
        let at = Theme::ALL.into_iter().position(|theme| theme == self.0.get_untracked()).unwrap_or(0);
        self.set(Theme::ALL[(at + 1) % Theme::ALL.len()]);
    }
}
