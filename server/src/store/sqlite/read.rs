//! Answers questions, group by group: each group's blocks are read and decoded once, whatever series of it are asked for.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, TryStreamExt, stream};
use netloom_core::{
    query::{Query, SeriesPoints, Shape, Step},
    series::SeriesId,
    stats::{aggregate::Aggregation, points::PointBuilder},
};
use sqlx::Row as _;

use super::{
    SqliteStore,
    block::{Block, Samples, in_order},
    plan::{self, Coverage, Segment},
    rollup::{self, Summaries},
    seal::blocking,
    tier::Tier,
};
use crate::store::{ANSWER_MAX_POINTS, Scan, ScanPage, ScanPlace, StoreError};

/// Parts of a question that are read and decoded at a time, as many as there are connections that read.
const PARTS_AT_ONCE: usize = 3;
/// Groups of one part: each statement and each change of thread costs as much as decoding a group.
const PART_GROUPS: usize = 16;
/// Blocks that one statement names one by one; more are read group by group.
const NAMED_MAX_BLOCKS: i64 = 256;
/// Samples of one page of a scan: a few megabytes.
const SCAN_PAGE_SAMPLES: usize = 100_000;
/// Blocks looked at for one page of a scan, so that a page of an empty stretch ends as well.
const SCAN_PAGE_BLOCKS: usize = 512;

/// A segment with its blocks.
struct Part {
    segment: Segment,
    blocks: Stored,
}

/// The blocks of a group: window and data.
pub(super) type Stored = Vec<(i64, Vec<u8>)>;

/// A series and its points.
type Answer = (SeriesId, Vec<(i64, f64)>);

/// What is in the head, per series of a group.
type Fresh = BTreeMap<SeriesId, Samples>;

impl SqliteStore {
    /// The points of all series that the query selects.
    pub(super) async fn answer(&self, query: &Query) -> Result<Vec<SeriesPoints>, StoreError> {
        let ids = self.catalog.read(|catalog| catalog.select(&query.metric, &query.labels));
        let mut newest = self.newest(query, &ids);
        let rest: Vec<SeriesId> = ids.iter().copied().filter(|id| !newest.contains_key(id)).collect();
        let segments: Arc<[Segment]> = self.plan(query).into();
        let count = Arc::new(AtomicUsize::new(0));
        let groups: Vec<Vec<SeriesId>> =
            rest.chunk_by(|a, b| a.group() == b.group()).map(<[SeriesId]>::to_vec).collect();
        let parts: Vec<Vec<Vec<SeriesId>>> = groups.chunks(PART_GROUPS).map(<[Vec<SeriesId>]>::to_vec).collect();
        let answers = stream::iter(parts)
            .map(|groups| self.answer_groups(query.clone(), groups, segments.clone(), count.clone()))
            .buffered(PARTS_AT_ONCE);
        let answers: Vec<Vec<Answer>> = answers.try_collect().await?;
        newest.extend(answers.into_iter().flatten());
        let labelled = |catalog: &netloom_core::series::Catalog| {
            let points = newest.into_iter().filter(|(_, points)| !points.is_empty());
            let labels = |id| catalog.key(id).map(|key| key.labels.clone()).unwrap_or_default();
            points.map(|(id, points)| SeriesPoints { labels: labels(id), points }).collect()
        };
        Ok(query.fold(self.catalog.read(labelled)))
    }

    /// The answers to "which value is the newest" that memory holds.
    fn newest(&self, query: &Query, ids: &[SeriesId]) -> BTreeMap<SeriesId, Vec<(i64, f64)>> {
        let (Step::Whole { at_ms }, Shape::One(Aggregation::Last)) = (query.step, query.shape) else {
            return BTreeMap::new();
        };
        // A block may hold something newer only if the clock was turned back.
        let packed = self.filled_windows(Tier::Raw).last().map_or(i64::MIN, |window| Tier::Raw.bounds(*window).1);
        let is_newest = |ts_ms: i64| ts_ms >= packed && (query.from_ms..=query.to_ms).contains(&ts_ms);
        let last = |id: &SeriesId| {
            let (_, value) = self.head.last(*id).filter(|(ts_ms, _)| is_newest(*ts_ms))?;
            Some((*id, vec![(at_ms, value)]))
        };
        ids.iter().filter_map(last).collect()
    }

    /// The oldest moment that anything is known of, ms.
    pub(super) fn oldest_ms(&self) -> Option<i64> {
        let packed = self.filled(|filled| filled.iter().map(|(tier, window)| tier.bounds(*window).0).min());
        let unpacked = self.head.occupied().first().map(|window| Tier::Raw.bounds(*window).0);
        packed.into_iter().chain(unpacked).min()
    }

    /// The first moment after everything that is known, ms.
    fn newest_ms(&self) -> Option<i64> {
        let packed = self.filled(|filled| filled.iter().map(|(tier, window)| tier.bounds(*window).1).max());
        let unpacked = self.head.occupied().last().map(|window| Tier::Raw.bounds(*window).1);
        packed.into_iter().chain(unpacked).max()
    }

    fn plan(&self, query: &Query) -> Vec<Segment> {
        let head = self.head.occupied();
        let is_rolled = |tier: Tier, window: i64| {
            let is_filled = self.filled(|filled| filled.contains(&(tier, window)));
            // What came late counts before it is packed and summed up anew.
            is_filled && !tier.windows_below(window, Tier::Raw).any(|raw| head.contains(&raw))
        };
        let coverage = Coverage {
            is_rolled: &is_rolled,
            raw_from_ms: self.kept_from_ms(Tier::Raw),
            minute_from_ms: self.kept_from_ms(Tier::Minute),
            oldest_ms: self.oldest_ms().unwrap_or(i64::MAX),
            newest_ms: self.newest_ms().unwrap_or(i64::MIN),
        };
        plan::plan(query, &coverage)
    }

    async fn answer_groups(
        &self,
        query: Query,
        groups: Vec<Vec<SeriesId>>,
        segments: Arc<[Segment]>,
        count: Arc<AtomicUsize>,
    ) -> Result<Vec<Answer>, StoreError> {
        // Memory first: what is packed in between is in both and counted once, the other way round it would be in neither.
        let fresh: Vec<Fresh> = groups.iter().map(|ids| self.fresh(ids, query.from_ms, query.to_ms)).collect();
        let numbers: Vec<u32> = groups.iter().filter_map(|ids| Some(ids.first()?.group())).collect();
        let mut parts: Vec<Vec<Part>> = numbers.iter().map(|_| Vec::with_capacity(segments.len())).collect();
        for segment in segments.iter() {
            let blocks = self.blocks_of(&numbers, *segment).await?;
            for (parts, blocks) in parts.iter_mut().zip(blocks) {
                parts.push(Part { segment: *segment, blocks });
            }
        }
        blocking(move || {
            let mut answers = Vec::new();
            for ((ids, parts), fresh) in groups.iter().zip(&parts).zip(fresh) {
                answers.extend(points(&query, ids, parts, fresh, &count)?);
            }
            Ok(answers)
        })
        .await
    }

    /// The blocks of some groups that a segment touches: for each group, windows and data.
    async fn blocks_of(&self, groups: &[u32], segment: Segment) -> Result<Vec<Stored>, StoreError> {
        let (tier, windows) = (segment.tier, segment.windows());
        let count = (windows.end() - windows.start() + 1).saturating_mul(groups.len() as i64);
        if groups.len() == 1 || count > NAMED_MAX_BLOCKS {
            let mut all = Vec::with_capacity(groups.len());
            for group in groups {
                all.push(self.blocks(tier, *group, &windows).await?);
            }
            return Ok(all);
        }
        let rows: Vec<i64> =
            groups.iter().flat_map(|group| windows.clone().map(|window| tier.row(*group, window))).collect();
        let select = "select id, data from block where id in (select value from json_each(?)) order by id";
        let select = sqlx::query(select).bind(serde_json::Value::from(rows).to_string());
        let mut all = vec![Vec::new(); groups.len()];
        for row in select.fetch_all(self.database.readers()).await? {
            let id: i64 = row.try_get("id")?;
            if let Ok(at) = groups.binary_search(&Tier::group_of_row(id)) {
                all[at].push((Tier::window_of_row(id), row.try_get("data")?));
            }
        }
        Ok(all)
    }

    fn fresh(&self, ids: &[SeriesId], from_ms: i64, to_ms: i64) -> Fresh {
        let read = |id: &SeriesId| {
            let mut samples = Vec::new();
            self.head.read(*id, from_ms, to_ms, &mut samples);
            (*id, samples)
        };
        ids.iter().map(read).collect()
    }

    /// The blocks of a group in some windows, in order: window and data.
    pub(super) async fn blocks(
        &self,
        tier: Tier,
        group: u32,
        windows: &RangeInclusive<i64>,
    ) -> Result<Stored, StoreError> {
        let select = sqlx::query("select id, data from block where id between ? and ? order by id");
        let select = select.bind(tier.row(group, *windows.start())).bind(tier.row(group, *windows.end()));
        let rows = select.fetch_all(self.database.readers()).await?;
        rows.iter().map(|row| Ok((Tier::window_of_row(row.try_get("id")?), row.try_get("data")?))).collect()
    }

    /// The next page of a scan. A place is a window and a group of it.
    pub(super) async fn scan_page(&self, scan: &Scan, place: ScanPlace) -> Result<ScanPage, StoreError> {
        let groups: Vec<&[SeriesId]> = scan.series.chunk_by(|a, b| a.group() == b.group()).collect();
        let (first, last) = (Tier::Raw.window_of(scan.from_ms), Tier::Raw.window_of(scan.to_ms));
        let windows = self.windows_between(first.max(place.0), last);
        let mut page = ScanPage::default();
        let (mut samples, mut blocks) = (0, 0);
        for window in windows {
            let skip = if window == place.0 { place.1 } else { 0 };
            for (at, ids) in groups.iter().enumerate().skip(skip) {
                if samples >= SCAN_PAGE_SAMPLES || blocks >= SCAN_PAGE_BLOCKS {
                    page.next = Some(ScanPlace(window, at));
                    return Ok(page);
                }
                let (start_ms, end_ms) = Tier::Raw.bounds(window);
                let segment =
                    Segment { tier: Tier::Raw, from_ms: scan.from_ms.max(start_ms), to_ms: scan.to_ms.min(end_ms - 1) };
                let fresh = self.fresh(ids, segment.from_ms, segment.to_ms);
                let part = Part { segment, blocks: self.blocks(Tier::Raw, ids[0].group(), &(window..=window)).await? };
                let ids = ids.to_vec();
                let found = blocking(move || raw_samples(&ids, &part, fresh)).await?;
                blocks += 1;
                samples += found.iter().map(|(_, samples)| samples.len()).sum::<usize>();
                page.series.extend(found);
            }
        }
        Ok(page)
    }

    /// The windows with raw samples, packed or not.
    fn windows_between(&self, first: i64, last: i64) -> Vec<i64> {
        let mut windows = self.filled_windows(Tier::Raw);
        windows.extend(self.head.occupied());
        windows.sort_unstable();
        windows.dedup();
        windows.retain(|window| (first..=last).contains(window));
        windows
    }
}

/// The samples of a raw part per series, in order of time.
fn raw_samples(ids: &[SeriesId], part: &Part, mut fresh: Fresh) -> Result<Vec<(SeriesId, Samples)>, StoreError> {
    let mut found = Vec::new();
    let parsed = part.blocks.iter().map(|(window, data)| Block::parse(*window, data));
    let parsed: Vec<Block> = parsed.collect::<Result<_, _>>()?;
    for id in ids {
        let samples = series_samples(*id, &parsed, part.segment, fresh.get_mut(id))?;
        if !samples.is_empty() {
            found.push((*id, samples));
        }
    }
    Ok(found)
}

fn series_samples(
    id: SeriesId,
    blocks: &[Block],
    segment: Segment,
    fresh: Option<&mut Samples>,
) -> Result<Samples, StoreError> {
    let mut samples = Vec::new();
    for block in blocks {
        block.read(id.slot(), &mut samples)?;
    }
    let range = segment.from_ms..=segment.to_ms;
    samples.retain(|(ts_ms, _)| range.contains(ts_ms));
    if let Some(fresh) = fresh {
        samples.extend(fresh.iter().filter(|(ts_ms, _)| range.contains(ts_ms)));
    }
    in_order(&mut samples);
    Ok(samples)
}

/// Hands the samples of a raw segment to a builder. Blocks follow each other in time, so that their columns are taken as
/// they are as long as nothing in memory lies between them.
fn raw_part(
    builder: &mut PointBuilder,
    id: SeriesId,
    blocks: &[Block],
    segment: Segment,
    fresh: Option<&mut Samples>,
) -> Result<(), StoreError> {
    let range = segment.from_ms..=segment.to_ms;
    let packed_until_ms = blocks.last().map_or(i64::MIN, Block::end_ms);
    let is_behind = |(ts_ms, _): &(i64, f64)| *ts_ms >= packed_until_ms || !range.contains(ts_ms);
    if fresh.as_ref().is_some_and(|fresh| !fresh.iter().all(is_behind)) {
        for (ts_ms, value) in series_samples(id, blocks, segment, fresh)? {
            builder.value(ts_ms, value);
        }
        return Ok(());
    }
    for block in blocks {
        let (times, values) = block.columns(id.slot())?;
        let from = times.partition_point(|ts_ms| *ts_ms < segment.from_ms);
        let to = times.partition_point(|ts_ms| *ts_ms <= segment.to_ms);
        builder.values(&times[from..to.max(from)], &values[from..to.max(from)]);
    }
    if let Some(fresh) = fresh {
        let mut samples: Samples = fresh.iter().copied().filter(|(ts_ms, _)| range.contains(ts_ms)).collect();
        in_order(&mut samples);
        for (ts_ms, value) in samples {
            builder.value(ts_ms, value);
        }
    }
    Ok(())
}

/// A part that was opened: blocks of samples, or summaries by slot.
enum Opened<'a> {
    Raw(Segment, Vec<Block<'a>>),
    Summed(Segment, BTreeMap<u32, Summaries>),
}

fn open<'a>(part: &'a Part, ids: &[SeriesId]) -> Result<Opened<'a>, StoreError> {
    let Segment { tier, .. } = part.segment;
    if tier == Tier::Raw {
        let blocks = part.blocks.iter().map(|(window, data)| Block::parse(*window, data));
        return Ok(Opened::Raw(part.segment, blocks.collect::<Result<_, _>>()?));
    }
    let mut slots = BTreeMap::<u32, Summaries>::new();
    for (window, data) in &part.blocks {
        let wanted = |slot| ids.iter().any(|id| id.slot() == slot);
        for (slot, summaries) in rollup::decode(tier, *window, data, wanted)? {
            slots.entry(slot).or_default().extend(summaries);
        }
    }
    Ok(Opened::Summed(part.segment, slots))
}

/// The points of the series of one group.
fn points(
    query: &Query,
    ids: &[SeriesId],
    parts: &[Part],
    mut fresh: Fresh,
    count: &AtomicUsize,
) -> Result<Vec<Answer>, StoreError> {
    let opened: Vec<Opened> = parts.iter().map(|part| open(part, ids)).collect::<Result<_, _>>()?;
    let mut answers = Vec::with_capacity(ids.len());
    for id in ids {
        let mut builder = query.builder();
        for part in &opened {
            match part {
                Opened::Raw(segment, blocks) => {
                    raw_part(&mut builder, *id, blocks, *segment, fresh.get_mut(id))?;
                }
                Opened::Summed(segment, slots) => {
                    let range = segment.from_ms..=segment.to_ms;
                    let summaries = slots.get(&id.slot()).into_iter().flatten();
                    summaries
                        .filter(|(at_ms, _)| range.contains(at_ms))
                        .for_each(|(at_ms, summary)| builder.summary(*at_ms, summary));
                }
            }
        }
        let points = builder.finish();
        if count.fetch_add(points.len(), Ordering::Relaxed) + points.len() > ANSWER_MAX_POINTS {
            return Err(StoreError::TooLarge);
        }
        answers.push((*id, points));
    }
    Ok(answers)
}
