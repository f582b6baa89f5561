//! How sure counts of lost packets make us.

/// Loss that is usual and nobody's fault: a queue overflows now and then on any shared network.
pub const USUAL_LOSS: f64 = 0.002;
/// Loss from which on somebody is to blame: half a percent halves what one TCP connection carries over a few
/// milliseconds (Mathis et al., "The macroscopic behavior of the TCP congestion avoidance algorithm", 1997).
pub const BLAMED_LOSS: f64 = 0.005;

/// The lower end of the Wilson score interval for `hits` of `tries` (E. B. Wilson, "Probable inference, the law of
/// succession, and statistical inference", 1927), `z` standard deviations wide; 0 without tries.
pub fn wilson_lower(hits: f64, tries: f64, z: f64) -> f64 {
    if tries <= 0.0 {
        return 0.0;
    }
    let (share, z2) = (hits / tries, z * z);
    let middle = share + z2 / (2.0 * tries);
    let half = z * (share * (1.0 - share) / tries + z2 / (4.0 * tries * tries)).sqrt();
    ((middle - half) / (1.0 + z2 / tries)).max(0.0)
}

/// By how much (in nats) counts speak for their own share and against the usual one: the logarithm of the likelihood
/// ratio of two binomials (S. S. Wilks, 1938). 0 when the share is below `least` or not above the usual one.
pub fn surprise(hits: f64, tries: f64, usual: f64, least: f64) -> f64 {
    if tries <= 0.0 {
        return 0.0;
    }
    let share = hits / tries;
    if share < least || share <= usual {
        return 0.0;
    }
    let misses = tries - hits;
    let rest = if misses > 0.0 { misses * ((1.0 - share) / (1.0 - usual)).ln() } else { 0.0 };
    hits * (share / usual).ln() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_one_in_the_books() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I: 15 of 148, 95 %.
        assert!((wilson_lower(15.0, 148.0, 1.96) - 0.0624).abs() < 1e-4);
        assert!(wilson_lower(0.0, 300.0, 3.0).abs() < 1e-12 && wilson_lower(0.0, 0.0, 3.0).abs() < 1e-12);
    }

    #[test]
    fn one_culprit_with_all_the_loss_surprises_more_than_all_with_a_little() {
        let concentrated = surprise(30.0, 100.0, USUAL_LOSS, BLAMED_LOSS);
        let spread = surprise(30.0, 700.0, USUAL_LOSS, BLAMED_LOSS);
        assert!(concentrated > spread && spread > 20.0, "{concentrated} {spread}");
        assert!(surprise(1.0, 700.0, USUAL_LOSS, BLAMED_LOSS).abs() < 1e-12);
        assert!((surprise(5.0, 5.0, 0.01, 0.3) - 5.0 * 100_f64.ln()).abs() < 1e-9);
    }
}
