//! Any metric: one line for each series as far as there is room, and one for all others.

use netloom_core::sample::{Labels, SeriesKey};

use super::{COLOUR_OTHERS, COLOURS, Fold, LINES_MAX, Line, TimeChart};

/// What people call a series of a metric that Netloom does not know: its labels.
fn name(metric: &str, labels: &Labels) -> String {
    let words: Vec<String> = match (labels.get("src"), labels.get("dst")) {
        (Some(src), Some(dst)) => vec![format!("{src} → {dst}")],
        _ => labels.iter().map(|(name, value)| format!("{name} {value}")).collect(),
    };
    if words.is_empty() { metric.to_owned() } else { words.join(", ") }
}

/// The chart of all series of a metric, in the order of their labels.
pub(crate) fn chart(metric: &str, series: &[Labels]) -> TimeChart {
    let mut chart = TimeChart::new(metric, Fold::Worst);
    let key = |labels: &Labels| SeriesKey { metric: metric.to_owned(), labels: labels.clone() };
    let (drawn, others) = series.split_at(series.len().min(LINES_MAX));
    for (at, labels) in drawn.iter().enumerate() {
        chart.lines.push(Line {
            id: at.to_string(),
            name: name(metric, labels),
            colour: COLOURS[at],
            is_dashed: false,
            sources: vec![key(labels)],
        });
    }
    if !others.is_empty() {
        chart.lines.push(Line {
            id: "others".into(),
            name: format!("largest of {} others", others.len()),
            colour: COLOUR_OTHERS,
            is_dashed: true,
            sources: others.iter().map(key).collect(),
        });
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_named_by_labels_and_the_rest_is_folded() {
        let labels = |n: u32| SeriesKey::new("x", [("job", "self"), ("id", &n.to_string())]).labels;
        let chart = chart("x", &(0..9).map(labels).collect::<Vec<_>>());
        assert_eq!(chart.lines[0].name, "id 0, job self");
        assert_eq!((chart.lines.len(), chart.lines[6].name.as_str()), (7, "largest of 3 others"));
        assert_eq!(super::chart("x", &[Labels::new()]).lines[0].name, "x");
        assert_eq!(name("rtt_us", &SeriesKey::new("", [("src", "a"), ("dst", "b")]).labels), "a → b");
    }
}
