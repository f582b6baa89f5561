//! The editor of a list of targets.

use leptos::prelude::*;
use netloom_core::settings::Field;
use serde_json::{Value, json};

use super::{
    field::FieldErrors,
    icon::{Drawing, Icon},
    text_input::TextInput,
};
use crate::pages::settings::form::Form;

/// The columns: key in the document, what it is called, what an example looks like.
const COLUMNS: [(&str, &str, &str); 3] =
    [("name", "Name", "as the address"), ("address", "Address or host name", "192.0.2.1"), ("port", "TCP port", "443")];

/// Changes one cell of a list of targets. An empty name or port is left out, as the document has it.
fn set_cell(targets: &mut Value, row: usize, key: &str, text: &str) {
    let Some(target) = targets.get_mut(row).and_then(Value::as_object_mut) else { return };
    let value = match (key, text.trim()) {
        ("port", port) => port.parse::<u16>().map_or_else(|_| Value::String(port.to_owned()), Value::from),
        (_, text) => Value::String(text.to_owned()),
    };
    if value == "" && key != "address" {
        target.remove(key);
    } else {
        target.insert(key.to_owned(), value);
    }
}

/// A cell's text without what surrounds it: a name may hold spaces, but not begin or end with them.
fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

/// What stands in a cell.
fn cell(targets: &Value, row: usize, key: &str) -> String {
    match targets.get(row).and_then(|target| target.get(key)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(port)) => port.to_string(),
        _ => String::new(),
    }
}

/// Rows of name, address and port; rows can be added and removed.
#[component]
pub(crate) fn TargetList(field: &'static Field, form: Form, is_pinned: Memo<bool>) -> impl IntoView {
    let count = Memo::new(move |_| form.value(field.path).as_array().map_or(0, Vec::len));
    let change = move |change: &dyn Fn(&mut Value)| {
        let mut targets = form.value_untracked(field.path);
        change(&mut targets);
        form.set(field.path, targets);
    };
    let add = move |_| {
        change(&|targets| {
            if let Some(targets) = targets.as_array_mut() {
                targets.push(json!({ "address": "" }));
            }
        });
    };
    let remove = Callback::new(move |row: usize| {
        change(&|targets| {
            if let Some(targets) = targets.as_array_mut().filter(|targets| row < targets.len()) {
                targets.remove(row);
            }
        });
    });
    view! {
        <div class="targets" id=format!("field-{}", field.path) data-testid=format!("field-{}", field.path) role="group">
            {move || (0..count.get()).map(|row| view! { <Row field form row remove /> }).collect_view()}
            <button type="button" class="button" data-testid="add-target" disabled=is_pinned on:click=add>
                <Drawing icon=Icon::Add />
                "Add a target"
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn Row(field: &'static Field, form: Form, row: usize, remove: Callback<usize>) -> impl IntoView {
    let is_pinned = move || form.is_pinned(field.path);
    let input = move |(key, label, example): (&'static str, &'static str, &'static str)| {
        let path = format!("{}[{row}].{key}", field.path);
        let (for_error, for_class) = (path.clone(), path.clone());
        let text = Signal::derive(move || cell(&form.value(field.path), row, key));
        let on_text = Callback::new(move |text: String| {
            let mut targets = form.value_untracked(field.path);
            set_cell(&mut targets, row, key, &text);
            form.set(field.path, targets);
        });
        view! {
            <span class=format!("target-cell target-{key}")>
                <TextInput
                    text
                    normal=trimmed
                    on_text
                    attr:placeholder=example
                    attr:aria-label=format!("{label} of target {}", row + 1)
                    attr:aria-invalid=move || form.error(&for_class).is_some().to_string()
                    attr:data-testid=format!("field-{path}")
                    attr:disabled=is_pinned
                />
                <FieldErrors path=for_error form />
            </span>
        }
    };
    view! {
        <div class="target-row">
            {COLUMNS.map(input)}
            <button
                type="button"
                class="icon-button quiet"
                aria-label=format!("Remove target {}", row + 1)
                title="Remove"
                data-testid=format!("remove-target-{row}")
                disabled=is_pinned
                on:click=move |_| remove.run(row)
            >
                <Drawing icon=Icon::Remove />
            </button>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_and_ports_are_left_out_and_an_empty_address_is_not() {
        let mut targets = json!([{ "name": "a", "address": "127.0.0.1", "port": 1 }]);
        for key in ["name", "address", "port"] {
            set_cell(&mut targets, 0, key, " ");
        }
        assert_eq!(targets, json!([{ "address": "" }]));
    }

    #[test]
    fn a_port_is_a_number_as_soon_as_it_can_be() {
        let mut targets = json!([{ "address": "a" }]);
        set_cell(&mut targets, 0, "port", "443");
        assert_eq!(targets[0]["port"], json!(443));
        set_cell(&mut targets, 0, "port", "99999");
        assert_eq!((targets[0]["port"].clone(), cell(&targets, 0, "port")), (json!("99999"), "99999".into()));
    }
}
