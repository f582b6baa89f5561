//! Axes: from values to places, and the round numbers beside them.

/// From values to places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    /// The distance of two labels.
    pub(super) step: f64,
    /// Where the first and the last value lie.
    pub(super) places: (f64, f64),
}

impl Scale {
    /// A scale over exactly these values, with about as many labels as wished.
    pub(super) fn exact(from: f64, to: f64, labels: f64, places: (f64, f64)) -> Self {
        Self { from, to, step: round_step((to - from) / labels), places }
    }

    /// A scale that holds these values between labels; from 0, unless that would leave next to nothing of how they
    /// differ.
    pub(super) fn around(lowest: f64, highest: f64, labels: f64, places: (f64, f64)) -> Self {
        /// Values whose spread is less than this part of the highest one would lie in a flat line far above 0.
        const FLAT: f64 = 0.3;
        let spread = highest - lowest;
        let bottom = if spread < FLAT * highest && spread > 0.0 { (lowest - spread / 2.0).max(0.0) } else { 0.0 };
        let top = if highest > bottom { highest + (highest - bottom) * 0.04 } else { bottom + 1.0 };
        let step = round_step((top - bottom) / labels);
        Self { from: (bottom / step).floor() * step, to: (top / step).ceil() * step, step, places }
    }

    /// Where a value lies.
    pub(super) fn at(&self, value: f64) -> f64 {
        let part = (value - self.from) / (self.to - self.from);
        self.places.0 + part * (self.places.1 - self.places.0)
    }

    /// The labels, and where they lie.
    pub(super) fn labels(&self) -> Vec<(String, f64)> {
        /// More than fit beside any axis.
        const LABELS_MAX: usize = 32;
        let digits = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = (self.from / self.step - 1e-9).ceil();
        let label = |index: usize| {
            let value = (first + index as f64) * self.step;
            (value <= self.to + self.step * 1e-9).then(|| (format!("{value:.digits$}"), self.at(value)))
        };
        (0..LABELS_MAX).map_while(label).collect()
    }
}

/// The next larger one of 1, 2 and 5 times a power of ten.
fn round_step(at_least: f64) -> f64 {
    if !at_least.is_finite() || at_least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(at_least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= at_least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.labels().into_iter().map(|(label, _)| label).collect()
    }

    #[test]
    fn labels_are_round_numbers_that_hold_the_values() {
        assert_eq!(labels(Scale::around(0.031, 0.44, 5.0, (0.0, 1.0))), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(labels(Scale::exact(0.0, 60.0, 8.0, (0.0, 1.0))), ["0", "10", "20", "30", "40", "50", "60"]);
    }

    #[test]
    fn values_far_from_zero_keep_their_spread() {
        let scale = Scale::around(100.0, 104.0, 5.0, (0.0, 1.0));
        assert!(scale.from > 90.0 && scale.from <= 100.0 && scale.to >= 104.0, "{scale:?}");
    }

    #[test]
    fn equal_values_and_none_have_a_scale() {
        for (lowest, highest) in [(5.0, 5.0), (0.0, 0.0)] {
            let scale = Scale::around(lowest, highest, 5.0, (0.0, 100.0));
            assert!(scale.at(highest).is_finite() && !scale.labels().is_empty(), "{scale:?}");
        }
    }
}
