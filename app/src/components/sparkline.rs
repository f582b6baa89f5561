//! A line small enough to stand beside a figure.

use std::fmt::Write as _;

use leptos::prelude::*;

/// Points of the line; more would be less than a pixel apart.
const POINTS_MAX: i64 = 48;
const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 24.0;

/// The path through points that lie between `from_ms` and `to_ms`; the largest of points that share a place counts, and
/// a place without points breaks the line. Values begin at zero.
fn path(points: impl Iterator<Item = (i64, f64)>, (from_ms, to_ms): (i64, i64)) -> String {
    let span_ms = (to_ms - from_ms).max(1);
    let mut places: Vec<Option<f64>> = vec![None; POINTS_MAX as usize];
    for (ts_ms, value) in points.filter(|(ts_ms, _)| (from_ms..=to_ms).contains(ts_ms)) {
        let at = ((ts_ms - from_ms) * (POINTS_MAX - 1) / span_ms) as usize;
        places[at] = Some(places[at].map_or(value, |known| known.max(value)));
    }
    let top = places.iter().flatten().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut path = String::new();
    let mut is_drawing = false;
    for (at, value) in places.into_iter().enumerate() {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let x = at as f64 * WIDTH / (POINTS_MAX - 1) as f64;
        let y = HEIGHT - 1.0 - value / top * (HEIGHT - 2.0);
        path.push(if is_drawing { 'L' } else { 'M' });
        // Writing into a string cannot fail.
        let _ = write!(path, "{x:.1} {y:.1}");
        is_drawing = true;
    }
    path
}

/// Points in any order, and the window that they are drawn over, ms.
pub(crate) type Trend = (Vec<(i64, f64)>, (i64, i64));

/// Draws points over the window; a decoration of the figure beside it.
#[component]
pub(crate) fn Sparkline(
    /// Points in any order, and the window.
    #[prop(into)]
    points: Signal<Trend>,
) -> impl IntoView {
    let path = move || points.with(|(points, window)| path(points.iter().copied(), *window));
    view! {
        <svg
            class="sparkline"
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <path d=path></path>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_the_height_and_gaps_break_the_line() {
        let path = path([(0, 1.0), (100, 2.0), (4_700, 1.0)].into_iter(), (0, 4_700));
        assert_eq!(path, "M0.0 12.0L2.0 1.0M96.0 12.0");
    }

    #[test]
    fn zeros_lie_at_the_bottom_and_nothing_is_nothing() {
        assert_eq!(path([(0, 0.0)].into_iter(), (0, 100)), "M0.0 23.0");
        assert_eq!(path(std::iter::empty(), (0, 100)), "");
        assert_eq!(path([(500, 1.0)].into_iter(), (0, 100)), "");
    }
}
