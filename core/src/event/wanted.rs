//! What a listener of the stream wants to be told of samples and matrices: a tab gets only what it shows.

use serde::{Deserialize, Serialize};

use crate::{
    metric,
    sample::{LABELS_MAX, Labels, SeriesKey},
};

/// Interests of one listener: a page of charts has a dozen, one with a table of every node a few for each column.
pub const INTERESTS_MAX: usize = 512;
/// Matrices of one listener: a page shows one or two.
pub const MATRICES_MAX: usize = 4;

/// All series of a metric that carry these labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Interest {
    /// The metric.
    pub metric: String,
    /// Labels that a series must carry with exactly these values.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl Interest {
    /// Whether a series is meant.
    pub fn covers(&self, series: &SeriesKey) -> bool {
        series.metric == self.metric && series.carries(&self.labels)
    }
}

/// What a listener wants of samples and matrices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The series whose samples it wants; every sample when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Vec<Interest>>,
    /// The metrics whose matrix it wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<String>,
}

impl Wanted {
    /// Checks sizes and names, and puts what is wanted into an order of its own, so that equal wishes are equal.
    ///
    /// # Errors
    /// The field to blame, and one sentence.
    pub fn checked(mut self) -> Result<Self, (&'static str, String)> {
        if let Some(interests) = &mut self.samples {
            interests.sort_unstable();
            interests.dedup();
            if interests.len() > INTERESTS_MAX {
                return Err(("samples", format!("at most {INTERESTS_MAX} interests")));
            }
            let wrong = |i: &&Interest| !metric::is_valid_name(&i.metric) || i.labels.len() > LABELS_MAX;
            if let Some(wrong) = interests.iter().find(wrong) {
                return Err(("samples", format!("{:?} is not a metric name, or it has too many labels", wrong.metric)));
            }
        }
        self.matrix.sort_unstable();
        self.matrix.dedup();
        if self.matrix.len() > MATRICES_MAX {
            return Err(("matrix", format!("at most {MATRICES_MAX} metrics")));
        }
        match self.matrix.iter().find(|name| !metric::is_valid_name(name)) {
            Some(wrong) => Err(("matrix", format!("{wrong:?} is not a metric name"))),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interest(metric: &str, labels: &[(&str, &str)]) -> Interest {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Interest { metric: metric.into(), labels }
    }

    #[test]
    fn an_interest_covers_series_with_its_labels() {
        let series = SeriesKey::new("rtt_us", [("src", "a"), ("dst", "b")]);
        assert!(interest("rtt_us", &[]).covers(&series));
        assert!(interest("rtt_us", &[("src", "a")]).covers(&series));
        assert!(!interest("rtt_us", &[("src", "b")]).covers(&series));
        assert!(!interest("jitter_us", &[]).covers(&series));
    }

    #[test]
    fn equal_wishes_are_equal_and_wrong_ones_are_blamed() {
        let wish = |metrics: [&str; 2]| Wanted {
            samples: Some(metrics.map(|metric| interest(metric, &[])).to_vec()),
            matrix: metrics.map(str::to_owned).to_vec(),
        };
        assert_eq!(wish(["a", "b"]).checked(), wish(["b", "a"]).checked());
        assert_eq!(wish(["a", "B C"]).checked().expect_err("no name").0, "samples");
        let many = Wanted { samples: None, matrix: (0..9).map(|n| format!("m{n}")).collect() };
        assert_eq!(many.checked().expect_err("too many").0, "matrix");
        let many = vec![interest("a", &[]); INTERESTS_MAX + 1];
        assert!(Wanted { samples: Some(many), matrix: Vec::new() }.checked().is_ok(), "all the same one");
    }
}
