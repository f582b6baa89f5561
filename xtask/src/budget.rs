//! How many bytes a browser may have to download before a page is interactive.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// The size a file may have once it is compressed.
#[derive(Debug)]
pub(crate) struct Budget {
    file: &'static str,
    limit_bytes: Option<u64>,
}

/// The files of the client, and the limits of those that decide how long a first visit takes.
pub(crate) const BUDGETS: [Budget; 4] = [
    // The pages of the mesh and of alerts, charming as the builder of chart options, and the checks of rules, silences and
    // settings, which run in the browser as they do in the hub; with six per cent of room. A page takes about ten
    // kilobytes: before more of them pass the limit, the rarer pages should be loaded when opened.
    Budget { file: "netloom_bg.wasm", limit_bytes: Some(800_000) },
    Budget { file: "charts.js", limit_bytes: Some(260_000) },
    Budget { file: "netloom.js", limit_bytes: None },
    Budget { file: "style.css", limit_bytes: None },
];

/// One file with its sizes.
#[derive(Debug)]
pub(crate) struct Size {
    budget: &'static Budget,
    raw_bytes: u64,
    brotli_bytes: u64,
}

impl Size {
    /// Whether the file costs more than it may.
    fn is_over(&self) -> bool {
        self.budget.limit_bytes.is_some_and(|limit| self.brotli_bytes > limit)
    }
}

/// Reads the sizes of all files that have a place in the budget.
pub(crate) fn measure(package: &Path) -> Result<Vec<Size>> {
    let bytes = |name: &str| {
        let path = package.join(name);
        std::fs::metadata(&path).map(|file| file.len()).with_context(|| format!("could not read {}", path.display()))
    };
    BUDGETS
        .iter()
        .map(|budget| {
            let (raw_bytes, brotli_bytes) = (bytes(budget.file)?, bytes(&format!("{}.br", budget.file))?);
            Ok(Size { budget, raw_bytes, brotli_bytes })
        })
        .collect()
}

/// The sizes as a table.
pub(crate) fn table(sizes: &[Size]) -> String {
    let mut table = format!("{:<16} {:>9} {:>9} {:>9}", "file", "raw", "brotli", "budget");
    for size in sizes {
        let limit = size.budget.limit_bytes.map_or_else(|| "–".to_owned(), readable);
        let verdict = if size.is_over() { "  over budget" } else { "" };
        let (raw, brotli) = (readable(size.raw_bytes), readable(size.brotli_bytes));
        let _ = write!(table, "\n{:<16} {raw:>9} {brotli:>9} {limit:>9}{verdict}", size.budget.file);
    }
    table
}

/// The names of the files that cost more than they may.
pub(crate) fn over(sizes: &[Size]) -> Vec<&'static str> {
    sizes.iter().filter(|size| size.is_over()).map(|size| size.budget.file).collect()
}

/// Bytes as a person reads them.
pub(crate) fn readable(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{:.0} kB", bytes as f64 / 1e3) } else { format!("{:.1} MB", bytes as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_beyond_its_limit_is_over() {
        let sized = |index: usize, brotli_bytes| Size { budget: &BUDGETS[index], raw_bytes: 1, brotli_bytes };
        assert!(over(&[sized(0, 800_000), sized(1, 260_000), sized(3, u64::MAX)]).is_empty());
        assert_eq!(over(&[sized(0, 800_001), sized(1, 1)]), ["netloom_bg.wasm"]);
        assert!(table(&[sized(1, 300_000)]).ends_with("300 kB    260 kB  over budget"));
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!(readable(999), "1 kB");
        assert_eq!(readable(217_900), "218 kB");
        assert_eq!(readable(1_120_000), "1.1 MB");
    }

    #[test]
    fn sizes_are_read_from_the_package() {
        let dir = tempfile::tempdir().unwrap();
        for budget in &BUDGETS {
            std::fs::write(dir.path().join(budget.file), [0; 20]).unwrap();
            std::fs::write(dir.path().join(format!("{}.br", budget.file)), [0; 10]).unwrap();
        }
        let sizes = measure(dir.path()).unwrap();
        assert!(sizes.iter().all(|size| (size.raw_bytes, size.brotli_bytes) == (20, 10)));
        std::fs::remove_file(dir.path().join("style.css.br")).unwrap();
        assert!(measure(dir.path()).unwrap_err().to_string().contains("style.css.br"));
    }
}
