//! Messages with placeholders. What is put in is text and stays text, whatever it looks like.

/// The placeholders that every message may use, besides the labels of the series.
pub const PLACEHOLDERS: [&str; 5] = ["subject", "value", "limit", "metric", "rule"];

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// The parts of a message.
fn parts(message: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), message);
    while let Some((text, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err("opens a brace that it does not close".into());
        };
        parts.push(Part::Text(text));
        parts.push(Part::Placeholder(name));
        rest = after;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

/// Checks a message. `is_label` says which other placeholders there are: labels of the series.
///
/// # Errors
/// One phrase that says what is wrong with it.
pub fn check(message: &str, is_label: impl Fn(&str) -> bool) -> Result<(), String> {
    for part in parts(message)? {
        let Part::Placeholder(name) = part else { continue };
        if !PLACEHOLDERS.contains(&name) && !is_label(name) {
            let known = PLACEHOLDERS.join("}, {");
            return Err(format!("{{{name}}} stands for nothing: use {{{known}}} or a label of the series"));
        }
    }
    Ok(())
}

/// The message with what the placeholders stand for; one that stands for nothing stays as it is.
pub fn render(message: &str, value_of: impl Fn(&str) -> Option<String>) -> String {
    let Ok(parts) = parts(message) else { return message.to_owned() };
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Placeholder(name) => {
                let value = value_of(name).unwrap_or_else(|| format!("{{{name}}}"));
                text.push_str(&value);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_src(name: &str) -> bool {
        name == "src"
    }

    #[test]
    fn placeholders_are_filled_in_and_markup_stays_text() {
        let value_of = |name: &str| (name == "src").then(|| "<b>{value}</b>".to_owned());
        assert_eq!(render("<i>{src}</i> {dst}", value_of), "<i><b>{value}</b></i> {dst}");
        assert_eq!(render("open {brace", value_of), "open {brace");
    }

    #[test]
    fn unknown_placeholders_are_named() {
        assert_eq!(check("{subject}: {value} of {limit}, {src}", is_src), Ok(()));
        assert!(check("{colour}", is_src).expect_err("unknown").contains("{colour}"));
        assert!(check("{dst}", is_src).is_err());
        assert!(check("{", is_src).expect_err("open").contains("brace"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(message in "[a-z{}<>&é ]{0,40}") {
            let rendered = render(&message, |_| None);
            prop_assert_eq!(rendered, message.clone());
            let _ = check(&message, is_src);
        }
    }
}
