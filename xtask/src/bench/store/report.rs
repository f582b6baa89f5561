//! The figures side by side, each with what Netloom has to reach.

use std::fmt::Write as _;

use super::engine::Engine;
use super::figures::Figures;
use super::latency::Latency;
use super::question::Question;

/// How many times as many samples a second as `VictoriaMetrics` Netloom has to take.
const INGEST_OF_VICTORIA: f64 = 1.0;
/// How many times as many as Prometheus.
const INGEST_OF_PROMETHEUS: f64 = 2.5;
/// The most bytes on disk for each sample.
const BYTES_PER_SAMPLE: f64 = 0.8;
/// The most resident memory, MB.
const MEMORY_MB: f64 = 150.0;

/// What is shown where nothing was measured.
const NOTHING: &str = "–";

/// One line of the table.
#[derive(Debug, PartialEq)]
struct Row {
    title: String,
    cells: Vec<String>,
    target: String,
    is_met: Option<bool>,
}

impl Row {
    /// A line with a cell of each engine.
    fn new(title: &str, all: &[Figures], cell: impl Fn(&Figures) -> Option<String>) -> Self {
        let cells = all.iter().map(|figures| cell(figures).unwrap_or_else(|| NOTHING.to_owned())).collect();
        Self { title: title.to_owned(), cells, target: String::new(), is_met: None }
    }

    /// The same line with a target; nothing is known about it when Netloom or its rival was not measured.
    fn target(mut self, target: impl Into<String>, is_met: Option<bool>) -> Self {
        (self.target, self.is_met) = (target.into(), is_met);
        self
    }
}

/// The whole table.
pub(crate) fn table(all: &[Figures]) -> String {
    let mut table = format!("{:<28}", "");
    for figures in all {
        let _ = write!(table, "{:>13}", figures.engine.name());
    }
    table.push_str("  target");
    for row in rows(all) {
        let _ = write!(table, "\n{:<28}", row.title);
        for cell in &row.cells {
            let _ = write!(table, "{cell:>13}");
        }
        let verdict = row.is_met.map_or("", |is_met| if is_met { ": met" } else { ": MISSED" });
        if !row.target.is_empty() {
            let _ = write!(table, "  {}{verdict}", row.target);
        }
    }
    table
}

fn rows(all: &[Figures]) -> Vec<Row> {
    let mut rows = ingest_rows(all);
    rows.extend(memory_rows(all));
    rows.extend(disk_rows(all));
    rows.extend(Question::ALL.map(|question| question_row(all, question)));
    rows.extend(export_rows(all));
    let restart = |figures: &Figures| Some(format!("{:.0} ms", figures.restart?.as_secs_f64() * 1e3));
    rows.push(Row::new("start with all the data", all, restart));
    let others = |figures: &Figures| Some(format!("{:.0} %", figures.others_ratio? * 100.0));
    rows.push(Row::new("other load meanwhile", all, others).target("figures are worth most near 0 %", None));
    rows
}

fn ingest_rows(all: &[Figures]) -> Vec<Row> {
    let netloom = of(all, Engine::Netloom);
    let beside = |rival| Some((netloom?, of(all, rival)?));
    let ingest = |rival| beside(rival).map(|(own, other)| own.samples_per_s() / other.samples_per_s());
    let (victoria, prometheus) = (ingest(Engine::Victoria), ingest(Engine::Prometheus));
    let told = |times: Option<f64>| times.map_or_else(String::new, |times| format!(" ({times:.2}x)"));
    let target = format!(
        "≥ {INGEST_OF_VICTORIA:.1}x victoria{}, ≥ {INGEST_OF_PROMETHEUS:.1}x prometheus{}",
        told(victoria),
        told(prometheus)
    );
    let fast =
        [victoria.map(|times| times >= INGEST_OF_VICTORIA), prometheus.map(|times| times >= INGEST_OF_PROMETHEUS)];
    let is_met = fast.into_iter().flatten().reduce(|one, other| one && other);
    let cpu = beside(Engine::Victoria).map(|(own, other)| own.cpu_s_per_million() <= other.cpu_s_per_million());
    let again = |figures: &Figures| Some(figures.ingest.again.to_string());
    let mut rows = vec![
        Row::new("ingest, samples/s", all, |figures| Some(grouped(figures.samples_per_s()))).target(target, is_met),
        Row::new("CPU s per million samples", all, |figures| Some(format!("{:.3}", figures.cpu_s_per_million())))
            .target("≤ victoria", cpu),
    ];
    if all.iter().any(|figures| figures.ingest.again > 0) {
        rows.push(Row::new("requests sent again", all, again));
    }
    let request = |figures: &Figures| {
        let (median_ms, longest_ms) = figures.ingest.request_ms;
        Some(format!("{median_ms:.1} / {longest_ms:.0} ms"))
    };
    rows.push(Row::new("  a request, median / longest", all, request));
    rows
}

fn memory_rows(all: &[Figures]) -> Vec<Row> {
    let netloom = of(all, Engine::Netloom);
    let highest = |title, peak: fn(&Figures) -> Option<u64>| {
        let is_met = netloom.and_then(peak).map(|bytes| bytes as f64 <= MEMORY_MB * 1e6);
        Row::new(title, all, |figures| peak(figures).map(megabytes)).target(format!("≤ {MEMORY_MB} MB"), is_met)
    };
    let mut rows = vec![
        highest("memory, highest", |figures| Some(figures.peak_rss_bytes)),
        highest("  questions included", |figures| figures.peak_rss_after_bytes),
        Row::new("memory, settled", all, |figures| Some(megabytes(figures.rss_bytes))),
    ];
    let marks = all.iter().map(|figures| figures.ingest.rss_bytes.len()).max().unwrap_or_default();
    rows.extend((0..marks).map(|at| {
        let mark = |figures: &Figures| figures.ingest.rss_bytes.get(at).copied().map(megabytes);
        Row::new(&format!("  after {} min of data", (at + 1) * 10), all, mark)
    }));
    rows
}

fn disk_rows(all: &[Figures]) -> Vec<Row> {
    let netloom = of(all, Engine::Netloom);
    let mut rows = vec![
        Row::new("written to disk", all, |figures| Some(megabytes(figures.written_bytes))),
        Row::new("on disk, settled", all, |figures| Some(megabytes(figures.disk_bytes))),
        Row::new("bytes per sample", all, |figures| Some(format!("{:.2}", figures.bytes_per_sample())))
            .target(format!("≤ {BYTES_PER_SAMPLE}"), netloom.map(|own| own.bytes_per_sample() <= BYTES_PER_SAMPLE)),
    ];
    if all.iter().any(|figures| figures.block_bytes.is_some()) {
        let blocks = |figures: &Figures| Some(format!("{:.2}", figures.block_bytes? as f64 / figures.samples as f64));
        rows.push(Row::new("  as finished blocks", all, blocks));
    }
    rows
}

fn question_row(all: &[Figures], question: Question) -> Row {
    let target_ms = question.target_ms();
    let is_met = of(all, Engine::Netloom).and_then(|own| Some(own.latency(question)?.median_ms <= target_ms));
    let cell = |figures: &Figures| Some(format!("{:.2} ms", figures.latency(question)?.median_ms));
    let size = question.expected();
    let target = format!("≤ {target_ms} ms, {} series, {} points", size.series, size.points);
    Row::new(question.title(), all, cell).target(target, is_met)
}

fn export_rows(all: &[Figures]) -> Vec<Row> {
    if of(all, Engine::Netloom).is_none() {
        return Vec::new();
    }
    let growth = |figures: &Figures| figures.export.map(|export| megabytes(export.rss_growth_bytes));
    vec![
        Row::new("export, samples/s", all, |figures| figures.export.map(|export| grouped(export.samples_per_s))),
        Row::new("  memory it took", all, growth),
    ]
}

/// Questions to which two engines gave different answers.
pub(crate) fn disagreements(all: &[Figures]) -> Vec<String> {
    let mut found = Vec::new();
    for question in Question::ALL {
        let sums = all.iter().filter_map(|figures| Some((figures.engine, figures.latency(question)?.answer.sum)));
        let sums: Vec<_> = sums.collect();
        for pair in sums.windows(2) {
            let [(one, left), (other, right)] = [pair[0], pair[1]];
            if (left - right).abs() > question.tolerance() * left.abs().max(right.abs()) {
                let (one, other) = (one.name(), other.name());
                found.push(format!("{}: {one} says {left} in all, {other} says {right}", question.title()));
            }
        }
    }
    found
}

/// What each engine answered, for the notes below the table.
pub(crate) fn answers(figures: &Figures) -> String {
    let told = |latency: &Latency| {
        let size = latency.answer.size;
        format!("{} {} series/{} points", latency.question.key(), size.series, size.points)
    };
    figures.latencies.iter().map(told).collect::<Vec<_>>().join(", ")
}

fn of(all: &[Figures], engine: Engine) -> Option<&Figures> {
    all.iter().find(|figures| figures.engine == engine)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A whole number with a comma between groups of three digits.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::answer::Answer;
    use super::super::ingest::Ingest;
    use super::*;

    fn figures(engine: Engine, wall_s: f64, sum: f64) -> Figures {
        let wall = Duration::from_secs_f64(wall_s);
        let question = Question::Pair;
        Figures {
            engine,
            samples: 1_000_000,
            ingest: Ingest { wall, again: 0, request_ms: (3.0, 9.0), rss_bytes: vec![50_000_000] },
            cpu_s: 2.0,
            peak_rss_bytes: 100_000_000,
            peak_rss_after_bytes: Some(160_000_000),
            rss_bytes: 90_000_000,
            written_bytes: 3_000_000,
            disk_bytes: 700_000,
            block_bytes: None,
            latencies: vec![Latency { question, median_ms: 2.0, answer: Answer { size: question.expected(), sum } }],
            export: None,
            restart: None,
            others_ratio: Some(0.03),
            failures: Vec::new(),
        }
    }

    fn line<'a>(table: &'a str, title: &str) -> &'a str {
        table.lines().find(|line| line.trim_start().starts_with(title)).unwrap()
    }

    #[test]
    fn netloom_is_held_against_the_others_and_against_limits() {
        let all = [
            figures(Engine::Netloom, 2.0, 1.0),
            figures(Engine::Victoria, 3.0, 1.0),
            figures(Engine::Prometheus, 4.0, 1.0),
        ];
        let table = table(&all);
        let ingest = line(&table, "ingest");
        assert!(ingest.contains("500,000") && ingest.contains("250,000"), "{ingest}");
        assert!(ingest.ends_with("≥ 1.0x victoria (1.50x), ≥ 2.5x prometheus (2.00x): MISSED"), "{ingest}");
        assert!(line(&table, "CPU").ends_with("≤ victoria: met"));
        assert!(line(&table, "bytes per sample").contains("0.70"));
        assert!(line(&table, "bytes per sample").ends_with("≤ 0.8: met"));
        assert!(line(&table, "memory, highest").ends_with("≤ 150 MB: met"));
        assert!(line(&table, "questions included").ends_with("≤ 150 MB: MISSED"));
        assert!(line(&table, "after 10 min").contains("50.0 MB"));
        assert!(line(&table, "one pair").ends_with("≤ 1.5 ms, 1 series, 900 points: MISSED"));
        assert!(line(&table, "newest").contains(NOTHING));
    }

    #[test]
    fn without_netloom_nothing_is_judged() {
        let table = table(&[figures(Engine::Victoria, 3.0, 1.0)]);
        assert!(!table.contains(": met") && !table.contains("MISSED") && !table.contains("export"), "{table}");
    }

    #[test]
    fn different_answers_are_named() {
        let all = [figures(Engine::Netloom, 1.0, 10.0), figures(Engine::Victoria, 1.0, 10.0)];
        assert!(disagreements(&all).is_empty());
        let all = [figures(Engine::Netloom, 1.0, 10.0), figures(Engine::Victoria, 1.0, 11.0)];
        assert_eq!(disagreements(&all), ["one pair, raw, 15 min: netloom says 10 in all, victoria says 11"]);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7.0), "7");
        assert_eq!(grouped(1_234_567.4), "1,234,567");
        assert_eq!(grouped(123_456.0), "123,456");
    }
}
