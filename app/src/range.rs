//! The stretch of time that a page shows. It lives in the URL, so that a link shows a colleague the same view and the
//! browser's back button undoes a zoom.
//!
//! `?range=15m` is a live window that ends now; `from` and `to` (epoch milliseconds) beside it hold the page still at
//! what was zoomed to, and are dropped to go on live.
//!
//! A page that is about a stretch of time itself, a training run, shows that in the place of a live window: its scope
//! follows from the path, so the parameters mean the same there as everywhere.

use std::fmt::Write as _;

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};

/// A live window that people can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preset {
    /// The value of `?range=`.
    pub(crate) key: &'static str,
    /// What the button says.
    pub(crate) label: &'static str,
    /// Its length, ms.
    pub(crate) span_ms: i64,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The windows in the order of the buttons; the first one is the default.
pub(crate) const PRESETS: [Preset; 7] = [
    Preset { key: "5m", label: "5 m", span_ms: 5 * MINUTE_MS },
    Preset { key: "15m", label: "15 m", span_ms: 15 * MINUTE_MS },
    Preset { key: "1h", label: "1 h", span_ms: HOUR_MS },
    Preset { key: "6h", label: "6 h", span_ms: 6 * HOUR_MS },
    Preset { key: "24h", label: "24 h", span_ms: 24 * HOUR_MS },
    Preset { key: "7d", label: "7 d", span_ms: 7 * 24 * HOUR_MS },
    Preset { key: "30d", label: "30 d", span_ms: 30 * 24 * HOUR_MS },
];

/// Shorter than this nothing could be seen: a few samples.
const ZOOM_MIN_MS: i64 = 5_000;

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// The last `span_ms` milliseconds, moving on.
    Live {
        /// Its length, ms.
        span_ms: i64,
    },
    /// From a moment until now.
    Growing {
        /// Its beginning, ms since the epoch.
        from_ms: i64,
        /// What it may grow to before its points become wider, ms.
        room_ms: i64,
    },
    /// A stretch that stays.
    Fixed {
        /// Its beginning, ms since the epoch.
        from_ms: i64,
        /// Its end, ms since the epoch.
        to_ms: i64,
    },
}

/// Points per series that a chart asks for at most: about one per pixel of a wide screen.
const POINTS_WANTED: i64 = 900;

/// Widths of a point, ms: steps that people can name.
const STEPS_MS: [i64; 14] = [
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    6 * HOUR_MS,
];

impl Window {
    /// The window of something that began and has perhaps ended; one too short to be seen is widened.
    pub(crate) fn of(from_ms: i64, to_ms: Option<i64>, now_ms: i64) -> Self {
        if let Some(to_ms) = to_ms {
            return Window::Fixed { from_ms, to_ms: to_ms.max(from_ms + ZOOM_MIN_MS) };
        }
        let mut room_ms = PRESETS[0].span_ms;
        while room_ms < now_ms - from_ms {
            room_ms *= 2;
        }
        Window::Growing { from_ms, room_ms }
    }

    /// Its beginning and end, ms since the epoch.
    pub(crate) fn bounds(self, now_ms: i64) -> (i64, i64) {
        match self {
            Window::Live { span_ms } => (now_ms - span_ms, now_ms),
            Window::Growing { from_ms, .. } => (from_ms, now_ms.max(from_ms + ZOOM_MIN_MS)),
            Window::Fixed { from_ms, to_ms } => (from_ms, to_ms),
        }
    }

    /// The width of a point for samples taken every `interval_ms`; `None` where every sample fits.
    pub(crate) fn step_ms(self, interval_ms: i64) -> Option<i64> {
        let span_ms = match self {
            Window::Live { span_ms } | Window::Growing { room_ms: span_ms, .. } => span_ms,
            Window::Fixed { from_ms, to_ms } => to_ms - from_ms,
        };
        let wanted_ms = span_ms.div_euclid(POINTS_WANTED);
        if interval_ms >= wanted_ms {
            return None;
        }
        let last = STEPS_MS.last().copied();
        STEPS_MS.iter().copied().find(|step_ms| *step_ms >= wanted_ms).or(last)
    }
}

/// What the URL says about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selection {
    /// The chosen live window.
    pub(crate) preset: Preset,
    /// What was zoomed to, from and to in ms since the epoch; the page is live without it.
    pub(crate) zoom: Option<(i64, i64)>,
}

impl Selection {
    /// Reads the parameters of a URL; what is not understood is as if it were not there.
    fn read<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Self {
        let key = parameter("range").unwrap_or_default();
        let preset = PRESETS.into_iter().find(|preset| preset.key == key).unwrap_or(PRESETS[0]);
        let moment = |name: &str| parameter(name)?.parse::<i64>().ok();
        let zoom = moment("from").zip(moment("to"));
        Self { preset, zoom: zoom.filter(|(from, to)| *from >= 0 && to - from >= ZOOM_MIN_MS) }
    }

    /// The stretch to show on a page of this scope.
    pub(crate) fn window(self, scope: Option<Window>) -> Window {
        match self.zoom {
            Some((from_ms, to_ms)) => Window::Fixed { from_ms, to_ms },
            None => scope.unwrap_or(Window::Live { span_ms: self.preset.span_ms }),
        }
    }

    /// The parameters of an address with this selection in place of its own, with `?` in front.
    fn instead_of(self, search: &str) -> String {
        let is_time = |parameter: &&str| {
            matches!(parameter.split('=').next(), Some("range" | "from" | "to")) || parameter.is_empty()
        };
        let others = search.trim_start_matches('?').split('&').filter(|parameter| !is_time(parameter));
        others.fold(self.query(), |query, other| {
            let separator = if query.is_empty() { '?' } else { '&' };
            format!("{query}{separator}{other}")
        })
    }

    /// The parameters that keep the selection, with `?` in front; empty for the default.
    pub(crate) fn query(self) -> String {
        let range = (self.preset != PRESETS[0]).then(|| format!("range={}", self.preset.key));
        let zoom = self.zoom.map(|(from, to)| format!("from={from}&to={to}"));
        let parts: Vec<String> = range.into_iter().chain(zoom).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

/// The selection of the page and the ways to change it.
#[derive(Clone, Copy)]
pub(crate) struct TimeRange {
    selection: Memo<Selection>,
    scope: Memo<Option<Window>>,
    go: Callback<Selection>,
}

impl TimeRange {
    /// Reads the URL from here on and hands the selection to all components below. `scope` is the stretch of time that
    /// the page is about, if it is about one. Must be called within the router.
    pub(crate) fn provide(scope: Memo<Option<Window>>) {
        let location = use_location();
        let query = location.query;
        let selection = Memo::new(move |_| query.with(|query| Selection::read(|name| query.get_str(name))));
        let navigate = use_navigate();
        let go = Callback::new(move |selection: Selection| {
            let query = location.search.with_untracked(|search| selection.instead_of(search));
            let options = NavigateOptions { scroll: false, resolve: false, ..Default::default() };
            navigate(&format!("{}{query}", location.pathname.get_untracked()), options);
        });
        provide_context(Self { selection, scope, go });
    }

    /// The selection of the page around the caller.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// What the URL says.
    pub(crate) fn selection(self) -> Selection {
        self.selection.get()
    }

    /// What is shown.
    pub(crate) fn window(self) -> Window {
        self.selection.get().window(self.scope.get())
    }

    /// Whether the page is about a stretch of time itself, so that there is no other to choose.
    pub(crate) fn has_scope(self) -> bool {
        self.scope.with(Option::is_some)
    }

    /// Whether the page moves on with time.
    pub(crate) fn is_live(self) -> bool {
        !matches!(self.window(), Window::Fixed { .. })
    }

    /// Shows a live window.
    pub(crate) fn choose(self, preset: Preset) {
        self.go.run(Selection { preset, zoom: None });
    }

    /// Holds the page at a stretch of time; a shorter one than can be read is widened around its middle.
    pub(crate) fn zoom(self, from_ms: f64, to_ms: f64) {
        let (from_ms, to_ms) = (from_ms as i64, to_ms as i64);
        let widen = (ZOOM_MIN_MS - (to_ms - from_ms) + 1).max(0) / 2;
        let zoom = Some(((from_ms - widen).max(0), to_ms + widen));
        self.go.run(Selection { zoom, ..self.selection.get_untracked() });
    }

    /// Goes on live, or back to all of what the page is about.
    pub(crate) fn resume(self) {
        self.go.run(Selection { zoom: None, ..self.selection.get_untracked() });
    }

    /// The address of another page that shows the same stretch of time; `path` may have parameters of its own. A run and an
    /// incident have their own stretch, so what was zoomed to elsewhere does not hold there.
    pub(crate) fn carry(self, path: &str) -> String {
        let selection = self.selection.get();
        let zoom = selection.zoom.filter(|_| !["/runs/", "/alerts/"].iter().any(|own| path.starts_with(own)));
        let time = Selection { zoom, ..selection }.query();
        let time = if path.contains('?') { time.replacen('?', "&", 1) } else { time };
        format!("{path}{time}")
    }
}

/// A name as one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(byte as char);
        } else {
            // Writing into a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&'static str, &'static str)]) -> Selection {
        Selection::read(|wanted| query.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value))
    }

    #[test]
    fn without_parameters_the_page_is_live_and_its_address_stays_bare() {
        let selection = read(&[]);
        assert_eq!(selection.window(None), Window::Live { span_ms: 300_000 });
        assert_eq!(selection.query(), "");
    }

    #[test]
    fn a_selection_survives_its_own_address() {
        let selection = read(&[("range", "6h"), ("from", "100000"), ("to", "200000")]);
        assert_eq!(selection.window(None), Window::Fixed { from_ms: 100_000, to_ms: 200_000 });
        assert_eq!(selection.query(), "?range=6h&from=100000&to=200000");
    }

    #[test]
    fn other_parameters_of_the_address_stay() {
        let hour = read(&[("range", "1h")]);
        assert_eq!(hour.instead_of("range=6h&interface=lo&from=1&to=2"), "?range=1h&interface=lo");
        assert_eq!(hour.instead_of(""), "?range=1h");
        assert_eq!(read(&[]).instead_of("range=6h"), "");
        assert_eq!(read(&[]).instead_of("interface=lo"), "?interface=lo");
    }

    #[test]
    fn nonsense_in_the_address_is_left_out() {
        for bad in [[("from", "x"), ("to", "1")], [("from", "9000"), ("to", "1")], [("range", "1y"), ("from", "1")]] {
            assert_eq!(read(&bad).window(None), Window::Live { span_ms: 300_000 });
        }
    }

    #[test]
    fn long_windows_are_thinned_out_and_short_ones_are_not() {
        let steps = PRESETS.map(|preset| Window::Live { span_ms: preset.span_ms }.step_ms(1_000));
        let long = [Some(5_000), Some(30_000), Some(120_000), Some(900_000), Some(3_600_000)];
        assert_eq!(steps[..2], [None, None]);
        assert_eq!(steps[2..], long);
        assert_eq!(Window::Live { span_ms: 300_000 }.step_ms(200), Some(1_000));
        assert_eq!(Window::Live { span_ms: 3_600_000 }.step_ms(60_000), None);
    }

    #[test]
    fn a_scope_stands_in_for_the_live_window_and_a_zoom_goes_further() {
        let scope = Some(Window::of(1_000, Some(61_000), 99_000));
        assert_eq!(read(&[("range", "1h")]).window(scope), Window::Fixed { from_ms: 1_000, to_ms: 61_000 });
        let zoomed = read(&[("from", "10000"), ("to", "20000")]).window(scope);
        assert_eq!(zoomed, Window::Fixed { from_ms: 10_000, to_ms: 20_000 });
    }

    #[test]
    fn what_goes_on_grows_and_becomes_coarser_in_leaps() {
        let at = |now_ms| Window::of(1_000, None, now_ms);
        assert_eq!(at(1_000).bounds(1_500), (1_000, 6_000));
        assert_eq!(at(200_000).bounds(200_000), (1_000, 200_000));
        assert_eq!(at(200_000), at(300_000), "nothing is asked for anew");
        assert_eq!((at(200_000).step_ms(1_000), at(4_000_000).step_ms(1_000)), (None, Some(10_000)));
        assert_eq!(Window::of(1_000, Some(1_200), 9_000).bounds(9_000), (1_000, 6_000));
    }

    #[test]
    fn names_become_one_segment() {
        assert_eq!(segment("gpu-7.rack"), "gpu-7.rack");
        assert_eq!(segment("a/b ?é"), "a%2Fb%20%3F%C3%A9");
    }
}
