//! Looks at a whole database from outside of the hub: whether it is damaged, and whether what it says of itself is true.

use std::{collections::HashSet, path::Path};

use netloom_core::{api::TierSize, series::GROUP};
use serde::Serialize;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{block, log, noted_sizes, rollup, tier::Tier};
use crate::store::{StoreError, beside, database};

/// Blocks read at once: a few megabytes.
const PAGE_BLOCKS: i64 = 64;
/// Rows of the log read at once.
const PAGE_ROWS: i64 = 200;
/// Findings of a kind that are told; the rest is counted.
const FINDINGS_MAX: usize = 20;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct CheckReport {
    /// The version of the schema.
    pub schema: i64,
    /// Bytes of the database file.
    pub bytes: u64,
    /// Bytes of its write-ahead log.
    pub wal_bytes: u64,
    /// Different series.
    pub series: usize,
    /// Rows of the log: what is in no block yet.
    pub log_rows: u64,
    /// Samples in them.
    pub log_samples: u64,
    /// The oldest sample or summary, ms.
    pub oldest_ms: Option<i64>,
    /// The newest one, ms.
    pub newest_ms: Option<i64>,
    /// What is in each tier, counted.
    pub tiers: Vec<TierSize>,
    /// What cannot be read any more.
    pub damage: Vec<String>,
    /// What can be read but does not fit.
    pub warnings: Vec<String>,
}

/// Looks at a database. A hub may be writing to it at the same time.
///
/// # Errors
/// When it cannot be read at all, or is of a newer version.
pub async fn check(file: &Path) -> Result<CheckReport, StoreError> {
    let length = |suffix: &str| {
        let mut name = file.to_owned().into_os_string();
        name.push(suffix);
        std::fs::metadata(name).map_or(0, |metadata| metadata.len())
    };
    let mut report = CheckReport { bytes: length(""), wal_bytes: length("-wal"), ..CheckReport::default() };
    let mut connection = beside::open(file).await?;
    // One moment: what a running hub changes in between would look like a fault.
    let mut tx = connection.begin().await?;
    report.schema = schema(file, &mut tx).await?;
    report.integrity(&mut tx).await?;
    let newest = database::newest_schema();
    if report.schema < newest {
        report.warn(format!("the schema is older than {newest}: the next start of the hub brings it up to date"));
    }
    // Pages that do not hang together are not worth counting.
    if report.damage.is_empty() && report.schema == newest {
        let series = report.series(&mut tx).await?;
        report.blocks(&mut tx, &series).await?;
        report.log(&mut tx, &series).await?;
        report.compare(&mut tx).await?;
    }
    tx.rollback().await?;
    Ok(report)
}

async fn schema(file: &Path, connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let shown = file.display();
    let unknown = |_| StoreError::Unusable(format!("{shown} is not a database of netloom"));
    let version = sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations");
    let version: i64 = version.fetch_one(connection).await.map_err(unknown)?;
    if version > database::newest_schema() {
        return Err(StoreError::Unusable(format!(
            "the database {shown} was made by a newer netloom (schema {version}): use that version"
        )));
    }
    Ok(version)
}

impl CheckReport {
    fn warn(&mut self, what: String) {
        tell(&mut self.warnings, what);
    }

    fn damaged(&mut self, what: String) {
        tell(&mut self.damage, what);
    }

    fn saw(&mut self, ts_ms: i64) {
        self.oldest_ms = Some(self.oldest_ms.map_or(ts_ms, |oldest| oldest.min(ts_ms)));
        self.newest_ms = Some(self.newest_ms.map_or(ts_ms, |newest| newest.max(ts_ms)));
    }

    async fn integrity(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let found: Vec<String> = sqlx::query_scalar("pragma integrity_check(20)").fetch_all(connection).await?;
        found.into_iter().filter(|found| found != "ok").for_each(|found| self.damaged(found.replace('\n', " ")));
        Ok(())
    }

    /// The numbers of all series.
    async fn series(&mut self, connection: &mut SqliteConnection) -> Result<HashSet<u32>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as("select id, labels from series").fetch_all(connection).await?;
        let mut known = HashSet::with_capacity(rows.len());
        for (id, labels) in rows {
            if serde_json::from_str::<netloom_core::sample::Labels>(&labels).is_err() {
                self.damaged(format!("the labels of series {id} cannot be read"));
            }
            match u32::try_from(id) {
                Ok(id) => drop(known.insert(id)),
                Err(_) => self.damaged(format!("series {id} has no valid number")),
            }
        }
        self.series = known.len();
        Ok(known)
    }

    async fn blocks(&mut self, connection: &mut SqliteConnection, series: &HashSet<u32>) -> Result<(), StoreError> {
        self.tiers = Tier::ALL.map(|tier| TierSize { tier: tier.name().to_owned(), ..TierSize::default() }).to_vec();
        let mut last = i64::MIN;
        loop {
            let page = sqlx::query("select id, count, data from block where id > ? order by id limit ?");
            let page = page.bind(last).bind(PAGE_BLOCKS).fetch_all(&mut *connection).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.try_get("id")?;
            for row in &page {
                let (id, data): (i64, &[u8]) = (row.try_get("id")?, row.try_get("data")?);
                self.block(id, row.try_get("count")?, data, series);
            }
        }
    }

    fn block(&mut self, id: i64, noted: i64, data: &[u8], series: &HashSet<u32>) {
        let Some(tier) = Tier::of_row(id) else {
            self.damaged(format!("block {id} is of no tier"));
            return;
        };
        let at = tier as usize;
        let size = &mut self.tiers[at];
        (size.blocks, size.bytes) = (size.blocks + 1, size.bytes + data.len() as u64);
        match read(tier, id, data) {
            Err(error) => self.damaged(format!("block {id} ({}): {error}", tier.name())),
            Ok(Content { count, range, slots }) => {
                self.tiers[at].samples += count;
                if count != noted as u64 {
                    self.warn(format!("block {id} ({}) holds {count} and says {noted}", tier.name()));
                }
                range.into_iter().flat_map(|(from_ms, to_ms)| [from_ms, to_ms]).for_each(|ts_ms| self.saw(ts_ms));
                let group = Tier::group_of_row(id);
                if let Some(slot) = slots.iter().find(|slot| !series.contains(&(group * GROUP + **slot))) {
                    self.warn(format!("block {id} ({}) holds a series that is not known (place {slot})", tier.name()));
                }
            }
        }
    }

    async fn log(&mut self, connection: &mut SqliteConnection, series: &HashSet<u32>) -> Result<(), StoreError> {
        let mut last = i64::MIN;
        loop {
            let page = sqlx::query("select id, window, samples from log where id > ? order by id limit ?");
            let page = page.bind(last).bind(PAGE_ROWS).fetch_all(&mut *connection).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.try_get("id")?;
            self.log_rows += page.len() as u64;
            for row in &page {
                match log::decode(row.try_get("window")?, row.try_get("samples")?) {
                    Err(error) => self.damaged(error.to_string()),
                    Ok(samples) => {
                        self.log_samples += samples.len() as u64;
                        for sample in &samples {
                            self.saw(sample.ts_ms);
                        }
                        if let Some(sample) = samples.iter().find(|sample| !series.contains(&sample.series.0)) {
                            self.warn(format!("the log holds series {}, which is not known", sample.series.0));
                        }
                    }
                }
            }
        }
    }

    /// Holds what was counted against what the database says.
    async fn compare(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let all = noted_sizes(connection).await?;
        for counted in self.tiers.clone() {
            let noted = all.iter().find(|noted| noted.tier == counted.tier);
            if noted != Some(&counted) {
                let figures =
                    |size: &TierSize| format!("{} blocks, {} samples, {} bytes", size.blocks, size.samples, size.bytes);
                let noted = noted.map_or("nothing".to_owned(), figures);
                self.warn(format!("tier {} holds {} and says {noted}", counted.tier, figures(&counted)));
            }
        }
        Ok(())
    }
}

fn tell(findings: &mut Vec<String>, what: String) {
    if findings.len() < FINDINGS_MAX {
        findings.push(what);
    } else if findings.len() == FINDINGS_MAX {
        findings.push("and more of the kind".to_owned());
    }
}

/// What is in a block.
struct Content {
    count: u64,
    range: Option<(i64, i64)>,
    slots: Vec<u32>,
}

/// Reads a block whole.
fn read(tier: Tier, id: i64, data: &[u8]) -> Result<Content, StoreError> {
    let window = Tier::window_of_row(id);
    let mut times: Vec<i64> = Vec::new();
    let slots: Vec<u32> = if tier == Tier::Raw {
        let slots = block::decode(window, data)?;
        times.extend(slots.iter().flat_map(|(_, samples)| samples).map(|(ts_ms, _)| *ts_ms));
        slots.into_iter().map(|(slot, _)| slot).collect()
    } else {
        let slots = rollup::decode(tier, window, data, |_| true)?;
        times.extend(slots.values().flatten().map(|(at_ms, _)| *at_ms));
        slots.into_keys().collect()
    };
    let (from_ms, to_ms) = tier.bounds(window);
    if times.iter().any(|ts_ms| !(from_ms..to_ms).contains(ts_ms)) {
        return Err(StoreError::Damaged("it holds a moment of another window".into()));
    }
    let range = times.iter().min().copied().zip(times.iter().max().copied());
    Ok(Content { count: times.len() as u64, range, slots })
}
