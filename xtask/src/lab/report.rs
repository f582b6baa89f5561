//! How the checks went, as a table.

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What was checked.
    pub(crate) check: String,
    /// What the truth is, and who says so.
    pub(crate) truth: String,
    /// What Netloom said.
    pub(crate) netloom: String,
    /// What was allowed.
    pub(crate) limit: String,
    /// Whether it was kept.
    pub(crate) is_fine: bool,
}

/// The rows with columns as wide as they need to be.
pub(crate) fn table(rows: &[Row]) -> String {
    let heads = ["check", "truth", "netloom", "limit", ""].map(str::to_owned);
    let verdict = |row: &Row| if row.is_fine { "ok" } else { "FAILED" }.to_owned();
    let cells = rows
        .iter()
        .map(|row| [row.check.clone(), row.truth.clone(), row.netloom.clone(), row.limit.clone(), verdict(row)]);
    let lines: Vec<_> = std::iter::once(heads).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |cells: &[String; 5]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest() {
        let row = |check: &str, is_fine| Row {
            check: check.into(),
            truth: "1 ms".into(),
            netloom: "1 ms".into(),
            limit: "0.1".into(),
            is_fine,
        };
        let text = table(&[row("a", true), row("µs → b", false)]);
        let expected =
            "check   truth  netloom  limit\na       1 ms   1 ms     0.1    ok\nµs → b  1 ms   1 ms     0.1    FAILED";
        assert_eq!(text, expected);
    }
}
