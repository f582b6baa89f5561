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

/// The rows as a document that is kept: what was compared, on what machine, and how it went.
pub(crate) fn document(rows: &[Row], machine: &str) -> String {
    let head = "# Probes beside the truth\n\n\
                Made by `cargo xtask lab run --only probes --save docs/comparison.md`, which sets up the network, the \
                servers and the faults that it compares with.\n\
                A row is fine when Netloom is as near as the limit to what the other program or the kernel says.\n";
    let row = |row: &Row| {
        let verdict = if row.is_fine { "yes" } else { "**no**" };
        format!("| {} | {} | {} | {} | {verdict} |\n", row.check, row.truth, row.netloom, row.limit)
    };
    let rows: String = rows.iter().map(row).collect();
    format!("{head}\nMachine: {machine}.\n\n| check | truth | Netloom | limit | fine |\n|---|---|---|---|---|\n{rows}")
}

/// The machine in a line.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores, Linux {}", read("/proc/sys/kernel/osrelease"))
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

    #[test]
    fn the_document_has_a_line_for_each() {
        let row = Row { check: "a".into(), truth: "b".into(), netloom: "c".into(), limit: "d".into(), is_fine: false };
        let text = document(&[row.clone(), Row { is_fine: true, ..row }], "2 cores");
        assert!(text.ends_with("| a | b | c | d | **no** |\n| a | b | c | d | yes |\n"), "{text}");
    }
}
