//! Whether one set of values tends to be larger than another, without knowing how either is distributed.

/// Values each side needs: with fewer the normal approximation is worth nothing, and no difference could be shown.
pub const SIDE_MIN_VALUES: usize = 8;

/// What came of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankTest {
    /// How many of all pairs have the larger value on the second side, pairs of equal values counted half.
    pub u: f64,
    /// The same as a part of all pairs: 0.5 when neither side tends to be larger.
    pub share: f64,
    /// How likely a difference at least as large is when there is none; two-sided.
    pub p: f64,
}

/// The Mann–Whitney U test (H. B. Mann, D. R. Whitney: On a test of whether one of two random variables is
/// stochastically larger than the other, Annals of Mathematical Statistics 18, 1947), two-sided, by the normal
/// approximation with correction for ties and continuity. `None` when a side has too few values.
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<RankTest> {
    (first.len().min(second.len()) >= SIDE_MIN_VALUES).then(|| approximated(first, second))
}

fn approximated(first: &[f64], second: &[f64]) -> RankTest {
    // Adding zero makes both zeros the same one.
    let mut all: Vec<(f64, bool)> = first.iter().map(|value| (value + 0.0, false)).collect();
    all.extend(second.iter().map(|value| (value + 0.0, true)));
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let count = equal.len() as f64;
        // Equal values share the middle of their ranks.
        let rank = f64::midpoint(before + 1.0, before + count);
        rank_sum += rank * equal.iter().filter(|(_, is_second)| *is_second).count() as f64;
        ties += count.powi(3) - count;
        before += count;
    }
    let (n1, n2) = (first.len() as f64, second.len() as f64);
    let n = n1 + n2;
    let u = rank_sum - n2 * (n2 + 1.0) / 2.0;
    let variance = n1 * n2 / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    let distance = ((u - n1 * n2 / 2.0).abs() - 0.5).max(0.0);
    // Where all values are equal there is no difference to speak of.
    let p = if variance > 0.0 { 2.0 * upper_tail(distance / variance.sqrt()) } else { 1.0 };
    RankTest { u, share: u / (n1 * n2), p: p.min(1.0) }
}

/// The part of the standard normal distribution above `z`, for `z` of 0 or more; off by less than 7.5e-8 (Abramowitz and
/// Stegun, Handbook of Mathematical Functions, 26.2.17).
fn upper_tail(z: f64) -> f64 {
    const B: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let sum = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    ((-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Permeability of the human chorioamnion at term and before (M. Hollander, D. A. Wolfe: Nonparametric Statistical
    /// Methods, 1973, table 4.1): the published U is 35.
    #[test]
    fn a_published_example() {
        let term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let before = [1.15, 0.88, 0.90, 0.74, 1.21];
        let test = approximated(&before, &term);
        assert!((test.u - 35.0).abs() < 1e-9, "{test:?}");
        // z = (35 - 25 - 0.5) / sqrt(50 * 16 / 12) = 1.1635
        assert!((test.p - 0.2446).abs() < 5e-4, "{test:?}");
    }

    #[test]
    fn sides_apart_have_the_p_of_the_formula() {
        let first: Vec<f64> = (0..10).map(f64::from).collect();
        let second: Vec<f64> = (10..20).map(f64::from).collect();
        let test = mann_whitney(&first, &second).expect("has values");
        assert!((test.u - 100.0).abs() < 1e-9);
        // z = (50 - 0.5) / sqrt(100 * 21 / 12) = 3.7418, two-sided 1.827e-4
        assert!((test.p - 1.827e-4).abs() < 1e-6, "{test:?}");
    }

    #[test]
    fn ties_narrow_the_variance() {
        let test = mann_whitney(&[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0], &[1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0]);
        let test = test.expect("has values");
        assert!((test.u - 44.0).abs() < 1e-9, "{test:?}");
        // sum of t^3 - t over ties of 6, 8 and 2 is 720; variance 64/12 * (17 - 720/240) = 74.667; z = 11.5 / 8.641.
        assert!((test.p - 0.1832).abs() < 5e-4, "{test:?}");
    }

    #[test]
    fn equal_values_show_nothing_and_few_values_say_nothing() {
        let test = mann_whitney(&[0.0; 20], &[-0.0; 20]).expect("has values");
        assert!((test.p - 1.0).abs() < 1e-12 && (test.share - 0.5).abs() < 1e-12, "{test:?}");
        assert_eq!(mann_whitney(&[1.0; 7], &[2.0; 100]), None);
    }

    #[test]
    fn the_tail_is_that_of_the_tables() {
        for (z, tail) in [(0.0, 0.5), (1.0, 0.158_655_3), (1.959_964, 0.025), (3.0, 0.001_349_9)] {
            assert!((upper_tail(z) - tail).abs() < 1e-6, "{z}");
        }
        assert!(upper_tail(50.0) >= 0.0);
    }

    proptest! {
        #[test]
        fn sides_may_be_swapped_and_scales_changed(
            first in prop::collection::vec(-1e3_f64..1e3, 8..60),
            second in prop::collection::vec(-1e3_f64..1e3, 8..60),
        ) {
            let test = mann_whitney(&first, &second).expect("has values");
            let swapped = mann_whitney(&second, &first).expect("has values");
            prop_assert!((0.0..=1.0).contains(&test.p));
            prop_assert!((test.p - swapped.p).abs() < 1e-9 && (test.share + swapped.share - 1.0).abs() < 1e-9);
            let scaled = |values: &[f64]| values.iter().map(|value| value * 8.0 + 4_096.0).collect::<Vec<_>>();
            let other = mann_whitney(&scaled(&first), &scaled(&second)).expect("has values");
            prop_assert!((test.p - other.p).abs() < 0.05, "rounding may make a tie, no more");
        }
    }
}
