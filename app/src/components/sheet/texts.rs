//! What people type in place of lists, links, labels and durations, and how those read.

use netloom_core::{rule::spec::LinkScope, sample::Labels};

/// Between the ends of a link, as pages write it; `->` is as good.
const ARROW: char = '→';

/// The parts of a list, which commas separate; those in brackets belong to a name: `gpu[1-4,7]`.
pub(crate) fn names(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_i32);
    for c in text.chars() {
        depth += i32::from(c == '[') - i32::from(c == ']');
        match parts.last_mut() {
            Some(part) if depth > 0 || !matches!(c, ',' | '\n') => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The links of a list: `a → b, c → d`.
///
/// # Errors
/// What is no link, in words.
pub(crate) fn links(text: &str) -> Result<Vec<LinkScope>, String> {
    let link = |part: String| {
        let ends = part.replace("->", "→");
        let ends = ends.split_once(ARROW).map(|(src, dst)| (src.trim(), dst.trim()));
        match ends.filter(|(src, dst)| !src.is_empty() && !dst.is_empty()) {
            Some((src, dst)) => Ok(LinkScope { src: src.to_owned(), dst: dst.to_owned() }),
            None => Err(format!("{part:?} is no link: write a -> b")),
        }
    };
    names(text).into_iter().map(link).collect()
}

/// The labels of a list: `mode=udp, job=eval`.
///
/// # Errors
/// What is no label, in words.
pub(crate) fn labels(text: &str) -> Result<Labels, String> {
    let label = |part: String| match part.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("{part:?} is no label: write name=value")),
    };
    names(text).into_iter().map(label).collect()
}

/// Links as they are typed.
pub(crate) fn links_text(links: &[LinkScope]) -> String {
    let texts: Vec<String> = links.iter().map(|link| format!("{} {ARROW} {}", link.src, link.dst)).collect();
    texts.join(", ")
}

/// Labels as they are typed.
pub(crate) fn labels_text(labels: &Labels) -> String {
    let texts: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    texts.join(", ")
}

/// Digits that people type, less the first.
const DIGITS: f64 = 9.0;

/// The units of durations, the longest first, s.
const DURATIONS: [(f64, &str); 3] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];

/// A duration that was typed, s: `90`, `90 s`, `1.5 h`, `2d`.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = match text[end..].trim() {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Some(number * unit)
}

/// A duration as it is typed and read, in the longest unit of which it is a whole number.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = |(length, _): &(f64, &str)| seconds >= *length && seconds % length == 0.0;
    match DURATIONS.iter().find(|unit| whole(unit)) {
        Some((length, word)) => format!("{} {word}", seconds / length),
        None => format!("{} s", plain(seconds)),
    }
}

/// A number as it is typed: without the last digits, which come from turning units.
pub(crate) fn plain(number: f64) -> String {
    let magnitude = number.abs().log10();
    // Nine digits in all; larger numbers have none behind the point that would be seen.
    if !magnitude.is_finite() || magnitude >= DIGITS {
        return number.to_string();
    }
    let scale = 10.0_f64.powi((DIGITS - magnitude.floor()) as i32);
    ((number * scale).round() / scale).to_string()
}

/// Several names as they read in a sentence: `a, b or c`.
pub(crate) fn either(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_brackets_belong_to_the_name() {
        assert_eq!(names(" gpu[1-4,7], login ,\n x"), ["gpu[1-4,7]", "login", "x"]);
        assert!(names(" , ").is_empty());
    }

    #[test]
    fn links_and_labels_read_back() {
        let typed = links("a -> b, c→d").expect("links");
        assert_eq!(links_text(&typed), "a → b, c → d");
        assert_eq!(links(&links_text(&typed)), Ok(typed));
        assert!(links("a").expect_err("no link").contains("a -> b"));
        assert!(links("a ->").is_err());
        let typed = labels("mode=udp, job = eval").expect("labels");
        assert_eq!(labels_text(&typed), "job=eval, mode=udp");
        assert!(labels("mode").is_err() && labels("=x").is_err());
    }

    #[test]
    fn durations_are_typed_in_any_unit_and_read_in_the_longest() {
        let typed = ["90", "90 s", "1.5h", "2 d", "5 min", "500ms"].map(seconds);
        assert_eq!(typed, [90.0, 90.0, 5_400.0, 172_800.0, 300.0, 0.5].map(Some));
        assert_eq!(["", "x", "5 weeks", "-1"].map(seconds), [None; 4]);
        assert_eq!(
            [0.0, 0.5, 90.0, 300.0, 5_400.0, 604_800.0].map(duration),
            ["0 s", "0.5 s", "90 s", "5 min", "90 min", "7 d"]
        );
    }

    #[test]
    fn turning_units_leaves_no_digits_behind() {
        assert_eq!(plain(0.07 * 100.0), "7");
        assert_eq!(plain(0.1 + 0.2), "0.3");
        assert_eq!(plain(100.0), "100");
    }

    #[test]
    fn names_read_as_a_sentence() {
        let names = |list: &[&str]| either(&list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!([names(&[]), names(&["a"]), names(&["a", "b", "c"])], ["", "a", "a, b or c"]);
    }
}
