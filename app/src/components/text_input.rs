//! A text field whose text means something.

use leptos::prelude::*;

/// A field for a text. What is typed stays as it is typed as long as it means `text`: `2.` on the way to `2.5` is not
/// turned into `2`. Attributes given to the component are those of the field.
#[component]
pub(crate) fn TextInput(
    /// The text as the form would write it.
    #[prop(into)]
    text: Signal<String>,
    /// What the form would write for a text as it was typed.
    normal: fn(&str) -> String,
    /// Called with the text as it was typed.
    on_text: Callback<String>,
) -> impl IntoView {
    let typed = RwSignal::new(text.get_untracked());
    Effect::new(move |_| {
        let text = text.get();
        if typed.with_untracked(|typed| normal(typed) != text) {
            typed.set(text);
        }
    });
    let on_input = move |event| {
        typed.set(event_target_value(&event));
        on_text.run(typed.get_untracked());
    };
    view! {
        <input
            type="text"
            class="text-input"
            autocomplete="off"
            spellcheck="false"
            value=typed.get_untracked()
            prop:value=typed
            on:input=on_input
        />
    }
}
