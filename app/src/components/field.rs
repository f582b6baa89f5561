//! One setting of a form: label, help, control, default, and what is wrong with it.

use leptos::prelude::*;
use netloom_core::settings::{
    Field, FieldKind,
    change::written,
    layers::{Layer, holder},
    same,
};
use serde_json::Value;

use super::{receiver_list::ReceiverList, target_list::TargetList, text_input::TextInput};
use crate::{
    boot::IsDemo,
    clock::Clock,
    pages::settings::{
        find::{Finder, words},
        form::Form,
    },
};

/// Draws a setting by its description.
#[component]
pub(crate) fn SettingField(field: &'static Field, form: Form) -> impl IntoView {
    let is_pinned = Memo::new(move |_| form.is_pinned(field.path));
    let switch = field.switch();
    let (finder, words) = (Finder::expect(), words(field));
    let is_idle = move || switch.is_some_and(|switch| form.value(switch) != Value::Bool(true));
    let is_wide = matches!(field.kind, FieldKind::Lines { .. } | FieldKind::Targets | FieldKind::Receivers);
    let control = match field.kind {
        FieldKind::Toggle => view! { <Toggle field form is_pinned /> }.into_any(),
        FieldKind::Number { .. } => view! { <Number field form is_pinned /> }.into_any(),
        FieldKind::Targets => view! { <TargetList field form is_pinned /> }.into_any(),
        FieldKind::Receivers => view! { <ReceiverList field form is_pinned /> }.into_any(),
        FieldKind::Rules => view! { <a href="/alerts/rules">"Edit the rules"</a> }.into_any(),
        FieldKind::Maintenance => view! { <a href="/alerts/silences">"Edit the windows"</a> }.into_any(),
        FieldKind::Lines { max_lines, example, .. } => lines(field, form, is_pinned, max_lines, example),
        FieldKind::Text { .. } => view! { <Text field form is_pinned /> }.into_any(),
        FieldKind::Choice { options } => view! { <Choice field form is_pinned options /> }.into_any(),
    };
    view! {
        <div
            class="field"
            class:is-wide=is_wide
            class:is-detail=switch.is_some()
            class:is-idle=is_idle
            class:is-changed=move || form.is_changed(field.path)
            hidden=move || !finder.finds(&words)
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

/// Where the value comes from, the default, and the way back to the layer below; or what holds the field fast.
#[component]
fn Below(field: &'static Field, form: Form, is_pinned: Memo<bool>) -> impl IntoView {
    let (clock, IsDemo(is_demo)) = (Clock::expect(), expect_context());
    let path = field.path;
    let default = written(field, &form.default(path));
    let base = Memo::new(move |_| written(field, &form.base(path)));
    let is_base = Memo::new(move |_| same(&form.value(path), &form.base(path)));
    let origin = Memo::new(move |_| form.origin(path));
    let from = move || {
        let origin = origin.get()?;
        if form.is_changed(path) {
            return Some("changed here, not saved yet".to_owned());
        }
        Some(match (origin.layer, origin.at, origin.by) {
            (Layer::Default, ..) => return None,
            (Layer::File, ..) if is_demo => "set by the demo".to_owned(),
            (Layer::File, ..) => "from the file".to_owned(),
            (Layer::Saved, Some(at), Some(by)) => format!("saved {} ago by {by}", clock.ago(at)),
            (Layer::Saved, ..) => "saved on this page".to_owned(),
            (layer, ..) => {
                let waits = origin.saved.map(|saved| format!("; saved, but not in force: {}", written(field, &saved)));
                format!("held fast by {}{}", holder(layer, path), waits.unwrap_or_default())
            }
        })
    };
    let from = Memo::new(move |_| from());
    view! {
        <p class="field-below">
            <span>{format!("Default: {default}")}</span>
            <span data-testid=format!("source-{path}") hidden=move || from.with(Option::is_none)>{from}</span>
            <Show when=move || !is_base.get() && !is_pinned.get()>
                <button
                    type="button"
                    class="link-button"
                    aria-label=format!("Reset {} to what holds without this page", field.label)
                    data-testid=format!("reset-{path}")
                    on:click=move |_| form.reset(path)
                >
                    "Reset to " {base}
                </button>
            </Show>
        </p>
    }
    .into_any()
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

/// A line of text.
#[component]
fn Text(field: &'static Field, form: Form, is_pinned: Memo<bool>) -> impl IntoView {
    let FieldKind::Text { max_chars, empty } = field.kind else { return ().into_any() };
    let text = Signal::derive(move || form.value(field.path).as_str().unwrap_or_default().to_owned());
    let on_text = Callback::new(move |text: String| form.set(field.path, Value::String(text)));
    view! {
        <TextInput
            text
            normal=str::to_owned
            on_text
            attr:id=format!("field-{}", field.path)
            attr:data-testid=format!("field-{}", field.path)
            attr:aria-describedby=format!("help-{0} error-{0}", field.path)
            attr:aria-invalid=move || form.error(field.path).is_some().to_string()
            attr:placeholder=empty
            attr:maxlength=max_chars.to_string()
            attr:disabled=is_pinned
        />
    }
    .into_any()
}

/// Lines of text. What is typed stays as long as it means the same: empty lines are none.
fn lines(field: &'static Field, form: Form, is_pinned: Memo<bool>, max_lines: usize, example: &'static str) -> AnyView {
    let text = Memo::new(move |_| {
        let value = form.value(field.path);
        let lines: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        lines.join("\n")
    });
    let on_input = move |event| {
        let text = event_target_value(&event);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(max_lines + 1);
        form.set(field.path, lines.collect());
    };
    view! {
        <textarea
            class="text-input racks-text"
            id=format!("field-{}", field.path)
            data-testid=format!("field-{}", field.path)
            aria-describedby=format!("help-{0} error-{0}", field.path)
            aria-invalid=move || form.error(field.path).is_some().to_string()
            rows="4"
            spellcheck="false"
            placeholder=example
            disabled=is_pinned
            prop:value=text
            on:input=on_input
        >
            {text.get_untracked()}
        </textarea>
    }
    .into_any()
}

/// One of a few words.
#[component]
fn Choice(
    field: &'static Field,
    form: Form,
    is_pinned: Memo<bool>,
    options: &'static [(&'static str, &'static str)],
) -> impl IntoView {
    let is_chosen = move |word: &str| form.value(field.path).as_str() == Some(word);
    let option = move |(word, label): &(&'static str, &'static str)| {
        let word = *word;
        view! { <option value=word selected=is_chosen(word) prop:selected=move || is_chosen(word)>{*label}</option> }
    };
    view! {
        <select
            class="text-input"
            id=format!("field-{}", field.path)
            data-testid=format!("field-{}", field.path)
            aria-describedby=format!("help-{0} error-{0}", field.path)
            disabled=is_pinned
            on:change=move |event| form.set(field.path, Value::String(event_target_value(&event)))
        >
            {options.iter().map(option).collect_view()}
        </select>
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
}
