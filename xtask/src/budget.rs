//! How many bytes a browser may have to download before a page is interactive.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::node;

/// The size a file may have once it is compressed.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The name of the file, or with a star at its end the beginning of the names of several, which are one sum.
    file: &'static str,
    limit_bytes: Option<u64>,
}

impl Budget {
    /// Whether a file belongs to it.
    fn counts(&self, name: &str) -> bool {
        self.file
            .strip_suffix('*')
            .map_or(name == self.file, |begin| name.strip_suffix(".wasm").is_some_and(|stem| stem.starts_with(begin)))
    }
}

/// The files of the client, and the limits of those that decide how long a first visit takes.
pub(crate) const BUDGETS: [Budget; 6] = [
    // What every page needs: the frame, what lives on the stream, charming as the builder of chart options, and the first
    // page. It decides when a first visit comes alive.
    Budget { file: "netloom_bg.wasm", limit_bytes: Some(450_000) },
    // The groups of pages that are loaded when opened, and what two of them share.
    Budget { file: "split_*", limit_bytes: Some(500_000) },
    Budget { file: "chunk_*", limit_bytes: Some(60_000) },
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
    let bytes = |path: &Path| {
        std::fs::metadata(path).map(|file| file.len()).with_context(|| format!("could not read {}", path.display()))
    };
    let files = node::files(package, "")?;
    let measured = |budget: &'static Budget| {
        let mut size = Size { budget, raw_bytes: 0, brotli_bytes: 0 };
        let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut own = files.iter().filter(|file| budget.counts(&name(file))).peekable();
        ensure!(own.peek().is_some(), "there is no {} in {}", budget.file, package.display());
        for file in own {
            size.raw_bytes += bytes(file)?;
            size.brotli_bytes += bytes(&package.join(format!("{}.br", name(file))))?;
        }
        Ok(size)
    };
    BUDGETS.iter().map(measured).collect()
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
        assert!(over(&[sized(0, 450_000), sized(3, 260_000), sized(5, u64::MAX)]).is_empty());
        assert_eq!(over(&[sized(0, 450_001), sized(3, 1)]), ["netloom_bg.wasm"]);
        assert!(table(&[sized(3, 300_000)]).ends_with("300 kB    260 kB  over budget"));
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
            let names = match budget.file.strip_suffix('*') {
                Some(begin) => vec![format!("{begin}a.wasm"), format!("{begin}b.wasm")],
                None => vec![budget.file.to_owned()],
            };
            for name in &names {
                std::fs::write(dir.path().join(name), vec![0; 20 / names.len()]).unwrap();
                std::fs::write(dir.path().join(format!("{name}.br")), vec![0; 10 / names.len()]).unwrap();
            }
        }
        let sizes = measure(dir.path()).unwrap();
        assert!(sizes.iter().all(|size| (size.raw_bytes, size.brotli_bytes) == (20, 10)), "{sizes:?}");
        std::fs::remove_file(dir.path().join("style.css.br")).unwrap();
        assert!(measure(dir.path()).unwrap_err().to_string().contains("style.css.br"));
    }
}
