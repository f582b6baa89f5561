//! How often something may be done.

/// So many at once, and so many a second after that.
#[derive(Debug, Clone)]
pub struct Bucket {
    most: f64,
    per_s: f64,
    left: f64,
    at_ms: i64,
}

impl Bucket {
    /// A full one.
    pub fn new(most: u32, per_s: f64) -> Self {
        Self { most: f64::from(most), per_s, left: f64::from(most), at_ms: i64::MIN }
    }

    /// Takes one out.
    ///
    /// # Errors
    /// After how many seconds there is one again.
    pub fn take(&mut self, now_ms: i64) -> Result<(), u64> {
        // A clock that was set back gives nothing, and holds nothing up.
        let passed_s = now_ms.saturating_sub(self.at_ms).max(0) as f64 / 1_000.0;
        self.left = (self.left + passed_s * self.per_s).min(self.most);
        self.at_ms = now_ms;
        if self.left < 1.0 {
            return Err(((1.0 - self.left) / self.per_s).ceil() as u64);
        }
        self.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let mut bucket = Bucket::new(3, 0.5);
        assert_eq!([0, 0, 0].map(|at| bucket.take(at)), [Ok(()); 3]);
        assert_eq!([0, 1_000].map(|at| bucket.take(at)), [Err(2), Err(1)]);
        assert_eq!([2_000, 2_000].map(|at| bucket.take(at)), [Ok(()), Err(2)]);
        assert_eq!([-9_000, -7_000].map(|at| bucket.take(at)), [Err(2), Ok(())], "the clock was set back");
        assert_eq!([99_000; 4].map(|at| bucket.take(at)).iter().filter(|taken| taken.is_ok()).count(), 3);
    }
}
