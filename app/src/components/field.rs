//! One setting of a form: label, help, control, default, and what is wrong with it.

use leptos::prelude::*;
use netloom_core::settings::{self, Field, FieldKind};
use serde_json::Value;

use super::{receiver_list::ReceiverList, target_list::TargetList, text_input::TextInput};
use crate::pages::settings::form::Form;

/// Draws a setting by its description.
#[component]
pub(crate) fn SettingField(field: &'static Field, form: Form) -> impl IntoView {
    let is_pinned = Memo::new(move |_| form.is_pinned(field.path));
    let switch = switch_of(field);
    let is_idle = move || switch.is_some_and(|switch| form.value(switch) != Value::Bool(true));
    let is_wide = matches!(field.kind, FieldKind::Targets | FieldKind::Receivers);
    let control = match field.kind {
        FieldKind::Toggle => view! { <Toggle field form is_pinned /> }.into_any(),
        FieldKind::Number { .. } => view! { <Number field form is_pinned /> }.into_any(),
        FieldKind::Targets => view! { <TargetList field form is_pinned /> }.into_any(),
        FieldKind::Receivers => view! { <ReceiverList field form is_pinned /> }.into_any(),
        FieldKind::Rules => view! { <a href="/alerts/rules">"Edit the rules"</a> }.into_any(),
        FieldKind::Maintenance => view! { <a href="/alerts/silences">"Edit the windows"</a> }.into_any(),
        FieldKind::Text { .. } | FieldKind::Choice { .. } => ().into_any(),
    };
    view! {
        <div
            class="field"
            class:is-wide=is_wide
            class:is-detail=switch.is_some()
            class:is-idle=is_idle
            class:is-changed=move || form.is_changed(field.path)
        >
            <div class="field-text">
                <label class="field-label" for=format!("field-{}", field.path)>
                    {field.label}
                </label>
                <p class="field-help" id=format!("help-{}", field.path)>
                    {field.help}
                </p>
            </div>
            <div class="field-control">
                {control} <FieldErrors path=field.path form /> <Below field form is_pinned />
            </div>
        </div>
    }
    .into_any()
}

/// The switch without which a setting has no effect: the one called `enabled` beside it.
fn switch_of(field: &Field) -> Option<&'static str> {
    let (group, name) = field.path.rsplit_once('.')?;
    let is_switch = |path: &str| path.strip_prefix(group) == Some(".enabled");
    let switch = settings::fields().map(|other| other.path).find(|path| is_switch(path))?;
    (name != "enabled").then_some(switch)
}

/// The default, and the way back to it; or what holds the field fast.
#[component]
fn Below(field: &'static Field, form: Form, is_pinned: Memo<bool>) -> impl IntoView {
    let default = Memo::new(move |_| written(field, &form.base(field.path)));
    let is_default = Memo::new(move |_| form.value(field.path) == form.base(field.path));
    let variable = format!("NETLOOM_SETTINGS__{}", field.path.replace('.', "__").to_ascii_uppercase());
    view! {
        <p class="field-below">
            <Show
                when=move || is_pinned.get()
                fallback=move || {
                    view! {
                        <span>"Default: " {default}</span>
                        <Show when=move || !is_default.get()>
                            <button
                                type="button"
                                class="link-button"
                                aria-label=format!("Reset {} to default", field.label)
                                data-testid=format!("reset-{}", field.path)
                                on:click=move |_| form.reset(field.path)
                            >
                                "Reset"
                            </button>
                        </Show>
                    }
                }
            >
                <span>"Held fast by the environment variable " <code>{variable.clone()}</code></span>
            </Show>
        </p>
    }
}

/// A value as it reads in a sentence.
fn written(field: &Field, value: &Value) -> String {
    match (field.kind, value) {
        (FieldKind::Toggle, Value::Bool(is_on)) => if *is_on { "on" } else { "off" }.to_owned(),
        (FieldKind::Number { unit, .. }, Value::Number(number)) => {
            // 10.0 reads as 10.
            let number = number.as_f64().unwrap_or_default();
            format!("{number} {unit}").trim_end().to_owned()
        }
        (FieldKind::Targets, Value::Array(targets)) => match targets.len() {
            0 => "none".to_owned(),
            1 => "1 target".to_owned(),
            count => format!("{count} targets"),
        },
        (FieldKind::Receivers, Value::Array(receivers)) => match receivers.len() {
            0 => "none".to_owned(),
            1 => "1 receiver".to_owned(),
            count => format!("{count} receivers"),
        },
        _ => value.to_string(),
    }
}

/// What is wrong with the value at a path.
#[component]
pub(crate) fn FieldErrors(#[prop(into)] path: Signal<String>, form: Form) -> impl IntoView {
    let error = Memo::new(move |_| path.with(|path| form.error(path)));
    view! {
        <p
            class="field-error"
            id=move || format!("error-{}", path.get())
            data-testid=move || format!("error-{}", path.get())
            role="alert"
            hidden=move || error.with(Option::is_none)
        >
            {error}
        </p>
    }
}

#[component]
fn Toggle(field: &'static Field, form: Form, is_pinned: Memo<bool>) -> impl IntoView {
    let is_on = move || form.value(field.path) == Value::Bool(true);
    view! {
        <input
            type="checkbox"
            role="switch"
            class="switch"
            id=format!("field-{}", field.path)
            data-testid=format!("field-{}", field.path)
            aria-describedby=format!("help-{}", field.path)
            disabled=is_pinned
            checked=is_on()
            prop:checked=is_on
            on:change=move |event| form.set(field.path, Value::Bool(event_target_checked(&event)))
        />
    }
}

/// A number as it is typed: what cannot be read as one stays as text, and the description says what is wrong with it.
fn typed(text: &str) -> Value {
    let text = text.trim();
    let whole = text.parse::<u64>().map(Value::from);
    let number = || text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
    whole.ok().or_else(number).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// What stands in the field for a value.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |number| number.to_string()),
        _ => String::new(),
    }
}

#[component]
fn Number(field: &'static Field, form: Form, is_pinned: Memo<bool>) -> impl IntoView {
    let FieldKind::Number { unit, .. } = field.kind else { return ().into_any() };
    let is_wrong = move || form.error(field.path).is_some();
    let text = Signal::derive(move || shown(&form.value(field.path)));
    let on_text = Callback::new(move |text: String| form.set(field.path, typed(&text)));
    view! {
        <span class="number-field">
            <TextInput
                text
                normal=|text| shown(&typed(text))
                on_text
                attr:inputmode="decimal"
                attr:id=format!("field-{}", field.path)
                attr:data-testid=format!("field-{}", field.path)
                attr:aria-describedby=format!("help-{0} error-{0}", field.path)
                attr:aria-invalid=move || is_wrong().to_string()
                attr:disabled=is_pinned
            />
            <span class="number-unit">{unit}</span>
        </span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_read_as_they_are_typed() {
        assert_eq!(typed("250"), json!(250));
        assert_eq!(typed(" 2.5 "), json!(2.5));
        for text in ["", "fast", "1,5", "inf"] {
            assert_eq!(typed(text), json!(text));
        }
        assert_eq!(shown(&json!(100.0)), "100");
        assert_eq!(shown(&json!("1,5")), "1,5");
    }

    #[test]
    fn details_of_a_rule_belong_to_its_switch() {
        let switch = |path: &str| switch_of(settings::fields().find(|field| field.path == path).expect("is described"));
        assert_eq!(switch("alerts.loss.for_s"), Some("alerts.loss.enabled"));
        assert_eq!(switch("alerts.loss.enabled"), None);
        assert_eq!(switch("probe.packets"), None);
    }

    #[test]
    fn defaults_read_with_their_units() {
        let document = settings::Settings::default().document();
        let default = |path: &str| {
            let field = settings::fields().find(|field| field.path == path).expect("is described");
            written(field, settings::at(&document, path).expect("is there"))
        };
        assert_eq!(default("alerts.latency.limit_ms"), "100 ms");
        assert_eq!(default("probe.packets"), "5");
        assert_eq!(default("probe.icmp"), "on");
        assert_eq!(default("probe.targets"), "none");
    }
}
