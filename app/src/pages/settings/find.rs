//! Finding a setting: a list of the sections, and a search over labels, help and paths.

use leptos::prelude::*;
use netloom_core::settings::{Field, SECTIONS, Section};

use crate::components::shortcuts::PAGE_SEARCH;

/// The parts of the page that are not described as settings: anchor and title.
pub(super) const PARTS: [(&str, &str); 4] =
    [("agents", "Agents"), ("appearance", "Appearance"), ("exchange", "Export and import"), ("history", "History")];

/// What is searched for. A handle: copies speak of the same search.
#[derive(Clone, Copy)]
pub(crate) struct Finder(RwSignal<String>);

impl Finder {
    /// Begins with no search, and hands it to all components below.
    pub(super) fn provide() -> Self {
        let finder = Self(RwSignal::new(String::new()));
        provide_context(finder);
        finder
    }

    /// The search of the page around the caller.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// Whether words in small letters hold everything that is searched for.
    pub(crate) fn finds(self, words: &str) -> bool {
        self.0.with(|search| matches(search, words))
    }
}

fn matches(search: &str, words: &str) -> bool {
    search.split_whitespace().all(|word| words.contains(word))
}

/// The words by which a field is found, in small letters.
pub(crate) fn words(field: &Field) -> String {
    let section = SECTIONS.iter().find(|section| section.fields.iter().any(|other| other.path == field.path));
    let title = section.map_or("", |section| section.title);
    format!("{title} {} {} {}", field.label, field.help, field.path).to_lowercase()
}

/// The anchor of a section: the first part of its fields' paths.
pub(super) fn anchor(section: &Section) -> &'static str {
    section.fields.first().and_then(|field| field.path.split('.').next()).unwrap_or_default()
}

/// The list of the sections, and the search.
#[component]
pub(super) fn Contents(finder: Finder) -> impl IntoView {
    let sections = SECTIONS.iter().map(|section| (anchor(section), section.title));
    let link = |(anchor, title): (&'static str, &'static str)| {
        view! { <li><a href=format!("#settings-{anchor}")>{title}</a></li> }
    };
    view! {
        <div class="settings-contents">
            <input
                type="search"
                class="text-input"
                id=PAGE_SEARCH
                aria-label="Search the settings"
                placeholder="Search the settings  ( / )"
                autocomplete="off"
                data-testid="settings-search"
                on:input=move |event| finder.0.set(event_target_value(&event).to_lowercase())
            />
            <nav aria-label="Sections of the settings">
                <ul>{sections.chain(PARTS).map(link).collect_view()}</ul>
            </nav>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::settings::change::field;

    #[test]
    fn a_field_is_found_by_words_of_label_help_path_and_section() {
        let words = words(field("storage.raw_hours").expect("is described"));
        for search in ["", "  every sample", "raw_hours", "storage", "late deliver", "sample storage"] {
            assert!(matches(search, &words), "{search}");
        }
        assert!(!matches("sample latency", &words));
    }

    #[test]
    fn anchors_differ() {
        let mut anchors: Vec<_> = SECTIONS.iter().map(anchor).chain(PARTS.map(|(anchor, _)| anchor)).collect();
        anchors.sort_unstable();
        anchors.dedup();
        assert_eq!(anchors.len(), SECTIONS.len() + PARTS.len());
    }
}
