//! The series that rules look at, each with one window for all of them, and the way from a number to its series.

use std::{collections::HashMap, sync::Arc};

use netloom_core::{
    rule::view::INPUTS_MAX,
    sample::SeriesKey,
    series::SeriesId,
    stats::window::{WINDOW_MAX_MS, Window},
};

use super::names::About;

/// Stands for a place that holds nothing.
pub const NONE: u32 = u32::MAX;

/// A series that a rule looks at.
pub struct Series {
    pub key: Arc<SeriesKey>,
    /// Its number, once samples of it came.
    pub id: Option<SeriesId>,
    pub about: About,
    pub window: Window,
    /// When the first sample came since it was met, and the newest.
    pub since_ms: Option<i64>,
    pub newest_ms: Option<i64>,
    pub judged_ms: i64,
    /// The instances of rules that look at it.
    pub instances: Vec<u32>,
    /// How far back any of them looks, ms, and at how many rounds.
    pub keep_ms: i64,
    pub keep_rounds: usize,
    /// How many of them keep a budget.
    pub budgets: u32,
    pub is_touched: bool,
    /// Of an interface: whether it is one that counts.
    pub is_counted: bool,
    /// Whether it tells how late its host was.
    pub is_lateness: bool,
}

impl Series {
    fn new(key: Arc<SeriesKey>, about: About) -> Self {
        Self {
            is_lateness: key.metric == netloom_core::metric::ECHO_LAG_US,
            is_counted: !key.labels.contains_key("interface"),
            key,
            id: None,
            about,
            window: Window::default(),
            since_ms: None,
            newest_ms: None,
            judged_ms: i64::MIN,
            instances: Vec::new(),
            keep_ms: 0,
            keep_rounds: 0,
            budgets: 0,
            is_touched: false,
        }
    }

    /// Takes a sample.
    pub fn push(&mut self, ts_ms: i64, value: f64) {
        self.since_ms = self.since_ms.or(Some(ts_ms));
        self.newest_ms = Some(self.newest_ms.map_or(ts_ms, |newest_ms| newest_ms.max(ts_ms)));
        if self.keep_ms > 0 || self.keep_rounds > 0 {
            self.window.push(ts_ms, value);
        }
    }

    /// Forgets what no rule looks at any more.
    pub fn trim(&mut self, now_ms: i64) {
        self.window.keep(now_ms - self.keep_ms, self.keep_rounds, now_ms - WINDOW_MAX_MS);
    }
}

/// What is known of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nobody asked yet.
    New,
    /// No rule looks at it.
    Ignored,
    /// Rules would, but have too many subjects.
    Unwatched,
    /// It is there.
    At(u32),
}

/// The series.
#[derive(Default)]
pub struct Table {
    all: Vec<Option<Series>>,
    free: Vec<u32>,
    by_key: HashMap<Arc<SeriesKey>, u32>,
    /// By the number of the series; as many as the store takes.
    by_id: Vec<u32>,
}

/// How a [`Place`] is written: a number less than the last two is where the series is.
const NEW: u32 = NONE;
const IGNORED: u32 = NONE - 1;
const UNWATCHED: u32 = NONE - 2;

impl Table {
    pub fn place(&self, id: SeriesId) -> Place {
        match self.by_id.get(id.0 as usize).copied().unwrap_or(NEW) {
            NEW => Place::New,
            IGNORED => Place::Ignored,
            UNWATCHED => Place::Unwatched,
            at => Place::At(at),
        }
    }

    pub fn set_place(&mut self, id: SeriesId, place: Place) {
        let index = id.0 as usize;
        if self.by_id.len() <= index {
            self.by_id.resize(index + 1, NEW);
        }
        self.by_id[index] = match place {
            Place::New => NEW,
            Place::Ignored => IGNORED,
            Place::Unwatched => UNWATCHED,
            Place::At(at) => at,
        };
    }

    /// Has everything asked anew that no rule looked at.
    pub fn ask_again(&mut self) {
        self.by_id.iter_mut().filter(|place| matches!(**place, IGNORED | UNWATCHED)).for_each(|place| *place = NEW);
    }

    pub fn find(&self, key: &SeriesKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    pub fn add(&mut self, key: Arc<SeriesKey>, about: About) -> u32 {
        let series = Some(Series::new(key.clone(), about));
        let at = if let Some(at) = self.free.pop() {
            self.all[at as usize] = series;
            at
        } else {
            self.all.push(series);
            self.all.len() as u32 - 1
        };
        self.by_key.insert(key, at);
        at
    }

    /// Takes a series out.
    pub fn remove(&mut self, at: u32) -> Option<Series> {
        let series = self.all.get_mut(at as usize)?.take()?;
        self.by_key.remove(&series.key);
        if let Some(id) = series.id {
            self.set_place(id, Place::New);
        }
        self.free.push(at);
        Some(series)
    }

    pub fn get(&self, at: u32) -> Option<&Series> {
        self.all.get(at as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, at: u32) -> Option<&mut Series> {
        self.all.get_mut(at as usize)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &Series)> {
        self.all.iter().enumerate().filter_map(|(at, series)| Some((at as u32, series.as_ref()?)))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Series)> {
        self.all.iter_mut().enumerate().filter_map(|(at, series)| Some((at as u32, series.as_mut()?)))
    }

    /// The windows of some series, and when the newest figure of any came.
    pub fn windows(&self, inputs: [u32; INPUTS_MAX]) -> ([Option<&Window>; INPUTS_MAX], Option<i64>) {
        let series = inputs.map(|at| self.get(at));
        let newest_ms = series.iter().flatten().filter_map(|series| series.newest_ms).max();
        (series.map(|series| series.map(|series| &series.window)), newest_ms)
    }
}
