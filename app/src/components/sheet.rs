//! Forms whose fields are texts: a rule, a silence, a maintenance window. What the texts mean is read in one place per
//! form, so that what is half typed stays as it is typed.

pub(crate) mod texts;

use leptos::prelude::*;
use netloom_core::settings::FieldError;

/// The texts of a form by the names of their fields.
pub(crate) type Texts = Vec<(&'static str, String)>;

/// The text of a field; empty where there is none.
pub(crate) fn text_of<'a>(texts: &'a Texts, key: &str) -> &'a str {
    texts.iter().find(|(known, _)| *known == key).map_or("", |(_, text)| text)
}

/// A form. A handle: copies speak of the same one.
#[derive(Clone, Copy)]
pub(crate) struct Sheet {
    texts: RwSignal<Texts>,
    found: Signal<Vec<FieldError>>,
    refused: RwSignal<Vec<FieldError>>,
    /// Fields that somebody typed in; before, and before the first attempt to save, nothing is wrong with them.
    touched: RwSignal<Vec<&'static str>>,
    is_tried: RwSignal<bool>,
    name: &'static str,
}

impl Sheet {
    /// Begins with these texts; `check` finds what is wrong with them, by the names of the fields. `name` is that of the
    /// form, for elements and tests.
    pub(crate) fn begin(name: &'static str, texts: Texts, check: fn(&Texts) -> Vec<FieldError>) -> Self {
        let texts = RwSignal::new(texts);
        Self::checked(name, texts, Memo::new(move |_| texts.with(check)).into())
    }

    /// Begins with texts that are checked elsewhere.
    pub(crate) fn checked(name: &'static str, texts: RwSignal<Texts>, found: Signal<Vec<FieldError>>) -> Self {
        let (refused, touched) = (RwSignal::new(Vec::new()), RwSignal::new(Vec::new()));
        Self { texts, found, refused, touched, is_tried: RwSignal::new(false), name }
    }

    /// Begins anew with other texts.
    pub(crate) fn reset(self, texts: Texts) {
        self.texts.set(texts);
        self.refused.set(Vec::new());
        self.touched.set(Vec::new());
        self.is_tried.set(false);
    }

    /// All texts.
    pub(crate) fn texts(self) -> Texts {
        self.texts.get()
    }

    /// The text of a field.
    pub(crate) fn get(self, key: &str) -> String {
        self.texts.with(|texts| text_of(texts, key).to_owned())
    }

    /// Whether the text of a field is this one.
    pub(crate) fn is(self, key: &str, text: &str) -> bool {
        self.texts.with(|texts| text_of(texts, key) == text)
    }

    /// Changes the text of a field.
    pub(crate) fn set(self, key: &'static str, text: String) {
        self.texts.update(|texts| match texts.iter_mut().find(|(known, _)| *known == key) {
            Some(known) => known.1 = text,
            None => texts.push((key, text)),
        });
        self.touched.update(|touched| touched.push(key));
        self.refused.update(|refused| refused.retain(|error| error.field != key));
    }

    /// Shows what is wrong with any field from now on; whether nothing is.
    pub(crate) fn is_right(self) -> bool {
        self.is_tried.set(true);
        self.found.with_untracked(Vec::is_empty)
    }

    /// Shows what the hub found wrong.
    pub(crate) fn refuse(self, errors: Vec<FieldError>) {
        self.refused.set(errors);
    }

    /// What is wrong with a field, once it may be said.
    pub(crate) fn error(self, key: &str) -> Option<String> {
        let find = |errors: &Vec<FieldError>| errors.iter().find(|e| e.field == key).map(|e| e.message.clone());
        let is_said = self.is_tried.get() || self.touched.with(|touched| touched.contains(&key));
        self.refused.with(find).or_else(|| self.found.with(find).filter(|_| is_said))
    }

    /// What is wrong with fields that the form does not show.
    pub(crate) fn other_errors(self, shown: &[&str]) -> Vec<String> {
        let other = |errors: &Vec<FieldError>| -> Vec<String> {
            let others = errors.iter().filter(|error| !shown.contains(&error.field.as_str()));
            others.map(|error| format!("{}: {}", error.field, error.message)).collect()
        };
        let mut all = self.refused.with(other);
        if self.is_tried.get() {
            all.extend(self.found.with(other));
        }
        all
    }
}

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// By typing, with an example of what.
    Line(&'static str),
    /// By typing one of the names of a list of the page.
    Named(&'static str),
    /// By typing more than a line.
    Area(&'static str),
    /// By choosing one of a few: each as it is kept, and as people read it.
    Choice(&'static [(&'static str, &'static str)]),
    /// By a date and a time.
    Moment,
    /// By a time of day.
    TimeOfDay,
}

/// One field: label, control, help, and what is wrong with it. Drawn anew it would lose the focus, so only its text
/// moves.
#[component]
pub(crate) fn SheetField(
    sheet: Sheet,
    key: &'static str,
    label: &'static str,
    help: &'static str,
    control: Control,
    /// What stands behind the control.
    #[prop(optional)]
    unit: Option<Signal<&'static str>>,
) -> impl IntoView {
    let id = format!("{}-{key}", sheet.name);
    let (help_id, error_id) = (format!("{id}-help"), format!("{id}-error"));
    let error = Memo::new(move |_| sheet.error(key));
    let described = format!("{help_id} {error_id}");
    view! {
        <div class="sheet-field" class:is-long=matches!(control, Control::Area(_))>
            <label class="field-label" for=id.clone()>
                {label}
            </label>
            <span class="sheet-control">{drawn(sheet, key, control, (id.clone(), described), error)} {unit.map(unit_of)}</span>
            <p class="field-help" id=help_id>
                {help}
            </p>
            <p
                class="field-error"
                id=error_id
                role="alert"
                data-testid=format!("error-{id}")
                hidden=move || error.with(Option::is_none)
            >
                {error}
            </p>
        </div>
    }
    .into_any()
}

fn unit_of(unit: Signal<&'static str>) -> AnyView {
    view! { <span class="number-unit">{unit}</span> }.into_any()
}

/// The control of a field; `id` and what describes it come together.
fn drawn(
    sheet: Sheet,
    key: &'static str,
    control: Control,
    (id, described): (String, String),
    error: Memo<Option<String>>,
) -> AnyView {
    let text = Memo::new(move |_| sheet.get(key));
    let testid = format!("field-{id}");
    let is_wrong = move || error.with(Option::is_some).to_string();
    let on_input = move |event| sheet.set(key, event_target_value(&event));
    let (kind, example, list) = match control {
        Control::Line(example) => ("text", example, None),
        Control::Named(list) => ("text", "", Some(list)),
        Control::Moment => ("datetime-local", "", None),
        Control::TimeOfDay => ("time", "", None),
        Control::Area(example) => {
            return view! {
                <textarea
                    class="text-input run-notes"
                    id=id
                    data-testid=testid
                    placeholder=example
                    aria-describedby=described
                    aria-invalid=is_wrong
                    prop:value=text
                    on:input=on_input
                >
                    {text.get_untracked()}
                </textarea>
            }
            .into_any();
        }
        Control::Choice(options) => {
            let option = move |(value, word): &(&'static str, &'static str)| {
                let (value, word) = (*value, *word);
                let is_chosen = move || text.with(|text| text == value);
                view! {
                    <option value=value selected=untrack(is_chosen) prop:selected=is_chosen>
                        {word}
                    </option>
                }
            };
            return view! {
                <select
                    class="text-input"
                    id=id
                    data-testid=testid
                    aria-describedby=described
                    aria-invalid=is_wrong
                    on:change=on_input
                >
                    {options.iter().map(option).collect_view()}
                </select>
            }
            .into_any();
        }
    };
    view! {
        <input
            class="text-input"
            type=kind
            id=id
            list=list
            placeholder=example
            autocomplete="off"
            spellcheck="false"
            data-testid=testid
            aria-describedby=described
            aria-invalid=is_wrong
            value=text.get_untracked()
            prop:value=text
            on:input=on_input
        />
    }
    .into_any()
}
