//! The editor of the receivers of notifications.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    notify::Outcome,
    settings::{
        Field,
        notify::{MASK, Receiver},
    },
};
use serde_json::{Value, json};

use super::{
    field::FieldErrors,
    icon::{Drawing, Icon},
    text_input::TextInput,
};
use crate::{api, pages::settings::form::Form};

/// The kinds: as the document has them, and as people read them.
const KINDS: [(&str, &str); 4] =
    [("webhook", "Webhook (Alertmanager)"), ("slack", "Slack-compatible"), ("email", "E-mail"), ("ntfy", "ntfy")];
const SEVERITIES: [(&str, &str); 3] =
    [("info", "info and worse"), ("warning", "warning and worse"), ("critical", "critical")];
const SECURITIES: [(&str, &str); 3] = [("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "not encrypted")];

/// The texts of a kind: key in the document, what it is called, what an example looks like. Lists are written with commas.
fn texts(kind: &str) -> &'static [(&'static str, &'static str, &'static str)] {
    match kind {
        "webhook" => &[("url", "Address", "https://example.org/hook")],
        "ntfy" => &[("url", "Server", "https://ntfy.sh"), ("topic", "Topic", "my-cluster")],
        "email" => &[
            ("host", "Mail server", "mail.example.org"),
            ("port", "Port", "usual one"),
            ("user", "Sign in as", "nobody"),
            ("from", "From", "netloom@example.org"),
            ("to", "To", "team@example.org, oncall@example.org"),
        ],
        _ => &[],
    }
}

/// The texts of every kind.
const FILTERS: [(&str, &str, &str); 2] = [("nodes", "Only of nodes", "all"), ("rules", "Only of rules", "all")];

/// What the secret of a kind is called.
fn secret_name(kind: &str) -> &'static str {
    match kind {
        "slack" => "Webhook address",
        "email" => "Password",
        _ => "Bearer token",
    }
}

/// The value that is meant by a text.
fn parsed(key: &str, text: &str) -> Value {
    let text = text.trim();
    match key {
        "to" | "nodes" | "rules" => text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect(),
        "port" if text.is_empty() => 0.into(),
        "port" => text.parse::<u16>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    }
}

/// What stands in a field for a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Value::Number(port) if port.as_u64() != Some(0) => port.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}

/// A receiver of the draft. A handle: copies speak of the same one.
#[derive(Clone, Copy)]
struct Row {
    field: &'static Field,
    form: Form,
    at: usize,
}

impl Row {
    fn value(self, key: &str) -> Value {
        self.form
            .value(self.field.path)
            .get(self.at)
            .and_then(|receiver| receiver.get(key))
            .cloned()
            .unwrap_or_default()
    }

    fn text(self, key: &str) -> String {
        shown(&self.value(key))
    }

    fn set(self, key: &'static str, value: Value) {
        let mut receivers = self.form.value_untracked(self.field.path);
        if let Some(receiver) = receivers.get_mut(self.at).and_then(Value::as_object_mut) {
            receiver.insert(key.to_owned(), value);
        }
        self.form.set(self.field.path, receivers);
    }

    fn path(self, key: &str) -> String {
        format!("{}[{}].{key}", self.field.path, self.at)
    }

    fn is_pinned(self) -> bool {
        self.form.is_pinned(self.field.path)
    }
}

/// A card for each receiver; receivers can be added, tried out and removed.
#[component]
pub(crate) fn ReceiverList(field: &'static Field, form: Form, is_pinned: Memo<bool>) -> impl IntoView {
    let count = Memo::new(move |_| form.value(field.path).as_array().map_or(0, Vec::len));
    let add = move |_| {
        let mut receivers = form.value_untracked(field.path);
        if let Some(receivers) = receivers.as_array_mut() {
            receivers.push(json!(Receiver::default()));
        }
        form.set(field.path, receivers);
    };
    let remove = Callback::new(move |at: usize| {
        let mut receivers = form.value_untracked(field.path);
        if let Some(receivers) = receivers.as_array_mut().filter(|receivers| at < receivers.len()) {
            receivers.remove(at);
        }
        form.set(field.path, receivers);
    });
    view! {
        <div class="receivers" id=format!("field-{}", field.path) data-testid=format!("field-{}", field.path) role="group">
            {move || (0..count.get()).map(|at| view! { <Card row=Row { field, form, at } remove /> }).collect_view()}
            <button type="button" class="button" data-testid="add-receiver" disabled=is_pinned on:click=add>
                <Drawing icon=Icon::Add />
                "Add a receiver"
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn Card(row: Row, remove: Callback<usize>) -> impl IntoView {
    let kind = Memo::new(move |_| row.text("kind"));
    let result = RwSignal::new(String::new());
    let test = move |_| {
        result.set("Sending …".to_owned());
        let receiver = row.form.value_untracked(row.field.path).get(row.at).cloned().unwrap_or_default();
        spawn_local(async move {
            let said = match api::test_receiver(&receiver).await {
                Ok(delivery) if delivery.outcome == Outcome::Delivered => {
                    format!("Delivered in {} ms", delivery.took_ms)
                }
                Ok(delivery) => format!("Not delivered: {}", delivery.cause),
                Err(problem) => format!("Not sent: {}", problem.detail),
            };
            result.try_set(said);
        });
    };
    let of_kind = move || {
        let kind = kind.get();
        let security = (kind == "email").then(|| choice(row, "security", "Connection", &SECURITIES));
        view! {
            {texts(&kind).iter().map(|about| text(row, *about)).collect_view()}
            {security}
            <Password row name=secret_name(&kind) />
        }
    };
    view! {
        <div class="receiver" data-testid=format!("receiver-{}", row.at)>
            {text(row, ("name", "Name", "team"))}
            {choice(row, "kind", "Kind", &KINDS)}
            {of_kind}
            {choice(row, "at_least", "Told of", &SEVERITIES)}
            {FILTERS.map(|about| text(row, about))}
            <div class="receiver-switches">
                {toggle(row, "enabled", "In use")}
                {toggle(row, "send_resolved", "Told when it is over")}
            </div>
            <div class="receiver-foot">
                <button type="button" class="button" data-testid=format!("test-receiver-{}", row.at) on:click=test>
                    "Test"
                </button>
                <span class="receiver-result" role="status" data-testid=format!("receiver-result-{}", row.at)>
                    {result}
                </span>
                <button
                    type="button"
                    class="icon-button quiet"
                    aria-label=format!("Remove receiver {}", row.at + 1)
                    title="Remove"
                    data-testid=format!("remove-receiver-{}", row.at)
                    disabled=move || row.is_pinned()
                    on:click=move |_| remove.run(row.at)
                >
                    <Drawing icon=Icon::Remove />
                </button>
            </div>
        </div>
    }
    .into_any()
}

/// A labelled control with what is wrong with it.
fn labelled(row: Row, key: &'static str, label: &'static str, control: AnyView) -> AnyView {
    view! {
        <div class="receiver-cell">
            <label>
                <span class="choice-label">{label}</span>
                {control}
            </label>
            <FieldErrors path=row.path(key) form=row.form />
        </div>
    }
    .into_any()
}

fn text(row: Row, (key, label, example): (&'static str, &'static str, &'static str)) -> AnyView {
    let value = Signal::derive(move || row.text(key));
    let on_text = Callback::new(move |text: String| row.set(key, parsed(key, &text)));
    let normal = match key {
        "to" | "nodes" | "rules" => |text: &str| shown(&parsed("to", text)),
        "port" => |text: &str| shown(&parsed("port", text)),
        _ => |text: &str| text.trim().to_owned(),
    };
    let control = view! {
        <TextInput
            text=value
            normal
            on_text
            attr:placeholder=example
            attr:aria-invalid=move || row.form.error(&row.path(key)).is_some().to_string()
            attr:data-testid=format!("field-{}", row.path(key))
            attr:disabled=move || row.is_pinned()
        />
    };
    labelled(row, key, label, control.into_any())
}

fn choice(
    row: Row,
    key: &'static str,
    label: &'static str,
    options: &'static [(&'static str, &'static str)],
) -> AnyView {
    let option = move |(name, title): &(&'static str, &'static str)| {
        let name = *name;
        view! { <option value=name selected=move || row.text(key) == name>{*title}</option> }
    };
    let control = view! {
        <select
            class="text-input select"
            data-testid=format!("field-{}", row.path(key))
            disabled=move || row.is_pinned()
            prop:value=move || row.text(key)
            on:change=move |event| row.set(key, event_target_value(&event).into())
        >
            {options.iter().map(option).collect_view()}
        </select>
    };
    labelled(row, key, label, control.into_any())
}

fn toggle(row: Row, key: &'static str, label: &'static str) -> AnyView {
    let is_on = move || row.value(key) == Value::Bool(true);
    view! {
        <label class="receiver-switch">
            <input
                type="checkbox"
                role="switch"
                class="switch"
                data-testid=format!("field-{}", row.path(key))
                disabled=move || row.is_pinned()
                checked=is_on()
                prop:checked=is_on
                on:change=move |event| row.set(key, event_target_checked(&event).into())
            />
            {label}
        </label>
    }
    .into_any()
}

/// The secret: never shown, kept as long as nothing is typed.
#[component]
fn Password(row: Row, name: &'static str) -> impl IntoView {
    let is_kept = Memo::new(move |_| row.text("secret") == MASK);
    // What an empty field means: the secret that was kept, if one was.
    let empty = StoredValue::new("");
    let on_input = move |event| {
        if is_kept.get_untracked() {
            empty.set_value(MASK);
        }
        let typed = event_target_value(&event);
        row.set("secret", if typed.is_empty() { empty.get_value().into() } else { typed.into() });
    };
    let forget = move |_| {
        empty.set_value("");
        row.set("secret", "".into());
    };
    let control = view! {
        <input
            type="password"
            class="text-input"
            autocomplete="new-password"
            data-testid=format!("field-{}", row.path("secret"))
            placeholder=move || if is_kept.get() { "set; type to replace" } else { "none" }
            disabled=move || row.is_pinned()
            prop:value=move || Some(row.text("secret")).filter(|text| text != MASK).unwrap_or_default()
            on:input=on_input
        />
    };
    view! {
        {labelled(row, "secret", name, control.into_any())}
        <Show when=move || is_kept.get() && !row.is_pinned()>
            <button type="button" class="link-button receiver-forget" data-testid=format!("forget-secret-{}", row.at) on:click=forget>
                "Forget it"
            </button>
        </Show>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ports_are_read_as_they_are_typed() {
        assert_eq!(parsed("to", " a@b, ,c@d,"), json!(["a@b", "c@d"]));
        assert_eq!(shown(&json!(["a@b", "c@d"])), "a@b, c@d");
        assert_eq!((parsed("port", ""), parsed("port", "25"), parsed("port", "x")), (json!(0), json!(25), json!("x")));
        assert_eq!((shown(&json!(0)), shown(&json!(25))), (String::new(), "25".to_owned()));
    }

    #[test]
    fn every_field_of_every_kind_is_one_of_a_receiver() {
        let receiver = json!(Receiver::default());
        let texts = KINDS.iter().flat_map(|(kind, _)| texts(kind)).chain(&FILTERS);
        assert!(texts.clone().count() > 8);
        for (key, ..) in texts {
            assert!(receiver.get(key).is_some(), "{key}");
        }
        for (kind, _) in KINDS {
            let read: Result<Receiver, _> = serde_json::from_value(json!({ "kind": kind }));
            assert!(read.is_ok(), "{kind}");
        }
    }
}
