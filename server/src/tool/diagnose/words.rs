//! A diagnosis for a terminal: the verdict first, then what it stands on.

use std::fmt::Write as _;

use netloom_core::diagnosis::{Diagnosis, Grade, Item};

/// Columns of the titles of checks.
const TITLE_CHARS: usize = 26;
/// Columns of the grades: the widest word.
const GRADE_CHARS: usize = 7;

/// The text, with colours or without.
pub(super) fn told(diagnosis: &Diagnosis, has_colour: bool) -> String {
    let mut text = String::new();
    if let Some(verdict) = &diagnosis.verdict {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {}", word(verdict.grade, has_colour), plain(&verdict.sentence));
        for (at, point) in verdict.points.iter().enumerate() {
            // The first one is in the sentence already, unless all is well.
            if at > 0 || !verdict.sentence.starts_with(&point.text) {
                let _ = writeln!(text, "\n{}  {}", word(point.grade, has_colour), plain(&point.text));
            }
            if !point.cure.is_empty() {
                let _ = writeln!(text, "         What would help: {}.", plain(&point.cure));
            }
        }
    }
    let mut last = None;
    for item in &diagnosis.items {
        if last != Some(&item.spec.subject) {
            let _ = writeln!(text, "\n{}", plain(&item.spec.subject));
            last = Some(&item.spec.subject);
        }
        text += &line(item, has_colour);
    }
    if let Some(ended_at) = diagnosis.ended_at {
        let took_s = (ended_at.ms() - diagnosis.started_at.ms()) as f64 / 1e3;
        let _ = writeln!(text, "\n{} checks from {} in {took_s:.1} s", diagnosis.items.len(), plain(&diagnosis.node));
    }
    text
}

fn line(item: &Item, has_colour: bool) -> String {
    let title = plain(&item.spec.title);
    format!("  {}  {title:<TITLE_CHARS$} {}\n", word(item.grade, has_colour), plain(&item.headline))
}

/// The grade, as wide as the widest.
fn word(grade: Grade, has_colour: bool) -> String {
    let colour = match grade {
        Grade::Unknown => "2",
        Grade::Fine => "32",
        Grade::Notable => "33",
        Grade::Bad => "31",
    };
    let word = format!("{:<GRADE_CHARS$}", grade.word());
    if has_colour { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word }
}

/// Names from the network must not steer the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use netloom_core::{
        check::{Check, Finding, Phase},
        diagnosis::{DiagnosisState, ItemSpec},
        time::Timestamp,
    };

    use super::*;

    #[test]
    fn the_verdict_comes_first_and_nothing_steers_the_terminal() {
        let spec = ItemSpec { subject: "db\u{1b}[2J".into(), title: "connections".into(), check: Check::Connections };
        let mut item = Item::waiting(spec);
        item.take(Finding::failed(Phase::Connect, "bad\u{7}", "cure"));
        let asked = Diagnosis::asked("", "n1", Vec::new(), Timestamp(0));
        let mut diagnosis = Diagnosis { state: DiagnosisState::Running, items: vec![item], ..asked };
        diagnosis.conclude(Timestamp(4_200));
        let text = told(&diagnosis, false);
        assert!(text.starts_with("bad      db"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'));
        assert!(text.contains("What would help: cure.") && text.ends_with("1 checks from n1 in 4.2 s\n"), "{text}");
        assert!(told(&diagnosis, true).contains("\u{1b}[31mbad"));
    }
}
