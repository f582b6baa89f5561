//! Figures with what they have to reach.

use std::fmt::Write as _;

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    title: &'static str,
    figure: String,
    target: String,
    is_met: Option<bool>,
}

impl Row {
    /// A figure that has to reach nothing.
    pub(crate) fn new(title: &'static str, figure: impl Into<String>) -> Self {
        Self { title, figure: figure.into(), target: String::new(), is_met: None }
    }

    /// The same with a target.
    pub(crate) fn target(mut self, target: impl Into<String>, is_met: bool) -> Self {
        (self.target, self.is_met) = (target.into(), Some(is_met));
        self
    }

    /// Whether there is no target that it missed.
    pub(crate) fn is_fine(&self) -> bool {
        self.is_met != Some(false)
    }
}

/// The rows below each other.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = String::new();
    for row in rows {
        let _ = write!(table, "{:<44}{:>14}", row.title, row.figure);
        if let Some(is_met) = row.is_met {
            let _ = write!(table, "  {}: {}", row.target, if is_met { "met" } else { "MISSED" });
        }
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missed_stands_out() {
        let rows = [Row::new("memory", "13 MB").target("12 MB", false), Row::new("packets", "9")];
        assert!(table(&rows).contains("12 MB: MISSED"), "{}", table(&rows));
        assert!(!rows[0].is_fine() && rows[1].is_fine());
    }
}
