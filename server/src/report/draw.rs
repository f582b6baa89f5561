//! Small pictures: times of packets, rates of slices, lengths of phases. They take the colour of the text around them, so
//! they stand on any ground.

use std::fmt::Write as _;

use netloom_core::{check::PhaseTime, unit::Unit};

use super::escaped;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 72.0;
/// Bars of a picture at most: what can be told apart.
const BARS_MAX: usize = 480;

/// A bar for each value; a gap with a mark where there is none.
pub(super) fn bars(values: &[Option<f64>], unit: Unit, what: &str) -> String {
    let values = &values[..values.len().min(BARS_MAX)];
    let most = values.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    if values.is_empty() {
        return String::new();
    }
    let step = WIDTH / values.len() as f64;
    let thick = (step * 0.7).min(14.0);
    let mut drawn = String::new();
    for (at, value) in values.iter().enumerate() {
        let x = at as f64 * step;
        // Writing to a string cannot fail.
        let _ = if let Some(value) = value.filter(|value| value.is_finite()) {
            let tall = if most > 0.0 { (value / most * HEIGHT).max(1.0) } else { 1.0 };
            let (y, shown) = (HEIGHT - tall, unit.figure(value));
            write!(
                drawn,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{thick:.1}\" height=\"{tall:.1}\" fill=\"currentColor\"><title>{}: {shown}</title></rect>",
                at + 1
            )
        } else {
            let (left, right) = (x, x + thick);
            write!(
                drawn,
                "<path class=\"lost\" d=\"M{left:.1} 0L{right:.1} {HEIGHT}M{right:.1} 0L{left:.1} {HEIGHT}\" stroke=\"#c0392b\" stroke-width=\"1.5\"><title>{}: lost</title></path>",
                at + 1
            )
        };
    }
    let missing = values.iter().filter(|value| value.is_none()).count();
    let lost = if missing > 0 { format!(", {missing} lost") } else { String::new() };
    let caption = format!("{}: {} in order, the largest {}{lost}", escaped(what), values.len(), unit.figure(most));
    format!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{caption}\">{drawn}</svg><figcaption>{caption}</figcaption></figure>"
    )
}

/// A bar for each phase, one behind the other as they were gone through.
pub(super) fn phases(phases: &[PhaseTime]) -> String {
    let total: f64 = phases.iter().map(|phase| phase.us.max(0.0)).sum();
    if phases.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    let mut begun = 0.0;
    for phase in phases {
        let part = |us: f64| if total > 0.0 { us.max(0.0) / total * 200.0 } else { 0.0 };
        let (x, wide) = (part(begun), part(phase.us).max(1.0));
        begun += phase.us.max(0.0);
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th><td><svg viewBox=\"0 0 200 10\" width=\"200\" height=\"10\" aria-hidden=\"true\"><rect x=\"{x:.1}\" width=\"{wide:.1}\" height=\"10\" fill=\"currentColor\"/></svg></td><td class=\"number\">{}</td></tr>",
            phase.phase.word(),
            Unit::Microseconds.figure(phase.us),
        );
    }
    format!("<table class=\"phases\"><caption>Phases</caption><tbody>{rows}</tbody></table>")
}
