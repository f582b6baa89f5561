//! `netloom check`: whether the database is whole, and what is in it.

use std::path::Path;

use netloom_core::{time::Timestamp, unit::bytes_figure};

use super::database;
use crate::{
    cli::CheckArgs,
    exit,
    store::sqlite::check::{CheckReport, check},
};

/// Looks at everything and says what it found.
///
/// # Errors
/// One line when the database cannot be read.
pub async fn run(args: &CheckArgs) -> anyhow::Result<u8> {
    let file = database(&args.data)?;
    if !file.exists() {
        eprintln!("netloom: there is no database at {}", file.display());
        return Ok(exit::UNKNOWN);
    }
    let report = check(&file).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&file, &report);
    }
    Ok(match (report.damage.is_empty(), report.warnings.is_empty()) {
        (false, _) => exit::ERROR,
        (true, false) => exit::WARNING,
        (true, true) => exit::FINE,
    })
}

fn print(file: &Path, report: &CheckReport) {
    let verdict = match (report.damage.is_empty(), report.warnings.is_empty()) {
        (false, _) => "damaged",
        (true, false) => "whole, but something does not fit",
        (true, true) => "all is well",
    };
    println!("{}: {verdict}", file.display());
    let disk = format!(
        "{} and {} of write-ahead log",
        bytes_figure(report.bytes as f64),
        bytes_figure(report.wal_bytes as f64)
    );
    let moment = |at: Option<i64>| at.map_or("none".to_owned(), |ms| Timestamp(ms).to_string());
    let waiting = format!("{} samples in {} rows", report.log_samples, report.log_rows);
    let rows = [
        ("schema", report.schema.to_string()),
        ("disk", disk),
        ("series", report.series.to_string()),
        ("oldest", moment(report.oldest_ms)),
        ("newest", moment(report.newest_ms)),
        ("log", waiting),
    ];
    for (name, value) in rows {
        println!("  {name:<8}{value}");
    }
    for tier in &report.tiers {
        let what = if tier.tier == "raw" { "samples" } else { "summaries" };
        println!(
            "  {:<8}{} {what} in {} blocks, {}",
            tier.tier,
            tier.samples,
            tier.blocks,
            bytes_figure(tier.bytes as f64)
        );
    }
    for line in report.damage.iter().map(|what| format!("damaged: {what}")) {
        println!("  {line}");
    }
    for line in report.warnings.iter().map(|what| format!("warning: {what}")) {
        println!("  {line}");
    }
}
