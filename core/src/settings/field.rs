//! The description of a setting, from which forms, checks and help are drawn.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A part of the settings document and of the page.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// What the section is about, one sentence.
    pub help: &'static str,
    /// Its fields in the order of the page.
    pub fields: &'static [Field],
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Where it is in the document, dotted.
    pub path: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What it does, one sentence.
    pub help: &'static str,
    /// What values it takes.
    pub kind: FieldKind,
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldKind {
    /// On or off.
    Toggle,
    /// A number within limits, in a unit.
    Number {
        /// The smallest allowed.
        min: f64,
        /// The largest allowed.
        max: f64,
        /// The unit as people read it.
        unit: &'static str,
    },
    /// A line of text.
    Text {
        /// The most characters.
        max_chars: usize,
        /// What an empty one means, such as `off`; an empty text where it may not be empty.
        empty: &'static str,
    },
    /// One of a few words.
    Choice {
        /// Each as it is written in the document, and as people read it.
        options: &'static [(&'static str, &'static str)],
    },
    /// Lines of text, each a thing of its own; empty ones are none.
    Lines {
        /// The most lines.
        max_lines: usize,
        /// The most characters of a line.
        max_chars: usize,
        /// What one looks like.
        example: &'static str,
    },
    /// A list of things to probe.
    Targets,
    /// Alert rules that people added.
    Rules,
    /// Maintenance windows.
    Maintenance,
    /// Who is told of incidents.
    Receivers,
}

/// A setting that is wrong, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Where it is in the document, dotted.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl FieldError {
    /// An error at a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Field {
    /// The path of the switch without which this setting has no effect: the one called `enabled` beside it.
    pub fn switch(&self) -> Option<&'static str> {
        let (group, name) = self.path.rsplit_once('.')?;
        let is_switch = |path: &str| path.strip_prefix(group) == Some(".enabled");
        let switch = super::fields().map(|other| other.path).find(|path| is_switch(path))?;
        (name != "enabled").then_some(switch)
    }

    /// What is wrong with a value of this field, if anything.
    pub fn check(&self, value: &Value) -> Option<FieldError> {
        match self.kind {
            FieldKind::Toggle if !value.is_boolean() => Some(FieldError::new(self.path, "must be true or false")),
            FieldKind::Number { min, max, unit } => {
                let within = value.as_f64().is_some_and(|number| (min..=max).contains(&number));
                let allowed = format!("must be a number from {min} to {max} {unit}");
                (!within).then(|| FieldError::new(self.path, allowed.trim_end()))
            }
            FieldKind::Text { max_chars, empty } => {
                let text = value.as_str();
                let fits = text.is_some_and(|text| text.chars().count() <= max_chars && !text.contains('\n'));
                let says = text.is_some_and(|text| !text.trim().is_empty()) || !empty.is_empty();
                let allowed = format!("must be one line of at most {max_chars} characters");
                let needed = (!says).then(|| FieldError::new(self.path, "must not be empty"));
                if fits { needed } else { Some(FieldError::new(self.path, allowed)) }
            }
            FieldKind::Choice { options } => {
                let is_one = value.as_str().is_some_and(|word| options.iter().any(|(option, _)| *option == word));
                let words: Vec<&str> = options.iter().map(|(option, _)| *option).collect();
                (!is_one).then(|| FieldError::new(self.path, format!("must be one of {}", words.join(", "))))
            }
            FieldKind::Lines { max_lines, max_chars, .. } => {
                let is_line = |line: &Value| {
                    line.as_str().is_some_and(|text| text.chars().count() <= max_chars && !text.contains('\n'))
                };
                let fits = |lines: &Vec<Value>| lines.len() <= max_lines && lines.iter().all(is_line);
                let allowed = format!("must be at most {max_lines} lines of at most {max_chars} characters");
                (!value.as_array().is_some_and(fits)).then(|| FieldError::new(self.path, allowed))
            }
            // Lists of things are checked by their sections, thing by thing.
            _ => None,
        }
    }
}
