//! Whether this browser rings when an alert begins to fire.

use leptos::prelude::*;

use crate::live::alarm::Alarm;

/// Sound, notification, and from which severity on.
#[component]
pub(super) fn Tell(alarm: Alarm) -> impl IntoView {
    let switch = move |id: &'static str, label: &'static str, is_on: RwSignal<bool>, set: fn(Alarm, bool)| {
        view! {
            <label class="tell-line">
                <input
                    type="checkbox"
                    role="switch"
                    class="switch"
                    data-testid=id
                    prop:checked=is_on
                    on:change=move |event| set(alarm, event_target_checked(&event))
                />
                {label}
            </label>
        }
    };
    let severity = move |word: &'static str| {
        view! { <option value=word prop:selected=move || alarm.least.get().word() == word>{word}</option> }
    };
    view! {
        <details class="from-to tell">
            <summary class="segment" data-testid="tell">
                "Sound and notifications"
            </summary>
            <div class="card">
                <p class="muted">
                    "When an alert begins to fire that nobody has taken on or silenced. Remembered in this browser."
                </p>
                {switch("tell-sound", "Sound", alarm.has_sound, Alarm::set_sound)}
                {switch("tell-notice", "Notification of the browser", alarm.has_notice, Alarm::set_notice)}
                <label class="tell-line">
                    "From "
                    <select
                        class="text-input"
                        data-testid="tell-least"
                        on:change=move |event| alarm.set_least(&event_target_value(&event))
                    >
                        {["info", "warning", "critical"].map(severity)}
                    </select>
                    " on"
                </label>
            </div>
        </details>
    }
    .into_any()
}
