//! The heat map of all pairs: where it gets its figures from, and what the pointer is on.

use std::sync::Arc;

use leptos::{html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use netloom_core::{
    metric,
    unit::{Figure, Unit},
};

use crate::{
    charts::{
        matrix::{self, Scale, Sort, Sum},
        racks::{self, Racks},
    },
    clock::Clock,
    live::{Live, feed::Interest, matrix::Grid, use_matrix, use_newest},
    range::{TimeRange, segment},
};

/// What the canvas paints.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Paint {
    /// The values of all pairs, row by row; not a number where there is none.
    pub(crate) values: Vec<f32>,
    /// One value for each row.
    pub(crate) rows: Vec<f32>,
    /// One value for each column.
    pub(crate) columns: Vec<f32>,
    /// The ends of the colours.
    pub(crate) scale: Scale,
}

/// What stands out, whatever its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// By node: 1 where its figures are doubtful.
    pub(crate) doubtful: Vec<u8>,
    /// Pairs that led to the verdict: row, column, row, column, ...
    pub(crate) pairs: Vec<u32>,
}

/// The cell under the pointer or the keyboard's cursor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Who sends.
    pub(crate) row: usize,
    /// Who receives.
    pub(crate) column: usize,
    /// The lower right corner of the cell, px.
    pub(crate) x: f64,
    /// See `x`.
    pub(crate) y: f64,
    /// Whether it is the keyboard's, so that it is read out.
    pub(crate) by_keys: bool,
}

/// The figures of a map: the present, or a moment of the past. A handle: copies speak of the same map.
#[derive(Clone, Copy)]
pub(crate) struct MapFigures {
    live: Live,
    clock: Clock,
    /// The metric.
    pub(crate) metric: Memo<String>,
    /// What is shown in place of the present.
    pub(crate) past: RwSignal<Option<Arc<Grid>>>,
}

impl MapFigures {
    /// Begins to read the matrix of a metric for the component that is being built.
    pub(crate) fn begin(metric: Memo<String>) -> Self {
        use_matrix(metric.into());
        use_newest(&Interest::all(metric::ECHO_LAG_US));
        Self { live: Live::expect(), clock: Clock::expect(), metric, past: RwSignal::new(None) }
    }

    /// The unit of the figures.
    pub(crate) fn unit(self) -> Unit {
        self.metric.with(|metric| metric::unit_of(metric))
    }

    /// Reads what is shown, and again whenever it changed.
    pub(crate) fn read<T>(self, read: impl FnOnce(&Grid) -> T) -> Option<T> {
        self.past.with(|past| match past {
            Some(past) => Some(read(past)),
            None => self.metric.with(|metric| self.live.grid(metric, |grid| grid.map(read))),
        })
    }

    /// The names of the nodes.
    pub(crate) fn nodes(self) -> Vec<String> {
        self.read(|grid| grid.nodes.clone()).unwrap_or_default()
    }

    /// What stands out: only the present has doubts and a verdict.
    fn marks(self) -> Marks {
        if self.past.with(Option::is_some) {
            return Marks::default();
        }
        let now_ms = self.clock.now().ms();
        let doubtful = |node: &String| u8::from(self.live.is_doubtful(node, now_ms));
        self.read(|grid| {
            let cells = self.live.verdict.read();
            let cells = cells.culprits.iter().flat_map(|culprit| &culprit.evidence);
            let pairs = cells.filter_map(|cell| Some([grid.place(&cell.src)? as u32, grid.place(&cell.dst)? as u32]));
            Marks { doubtful: grid.nodes.iter().map(doubtful).collect(), pairs: pairs.flatten().collect() }
        })
        .unwrap_or_default()
    }
}

/// How a map is arranged and summed up.
#[derive(Clone, Copy)]
pub(crate) struct MapView {
    /// The order of the nodes.
    pub(crate) sort: Signal<Sort>,
    /// The racks.
    pub(crate) racks: Signal<Arc<Racks>>,
    /// How rows and columns become one value.
    pub(crate) sum: Signal<Sum>,
    /// How much larger than what fits cells are.
    pub(crate) zoom: Signal<f64>,
    /// The ends of the colours.
    pub(crate) scale: Memo<Scale>,
}

impl MapView {
    /// A view of the figures with the given choices.
    pub(crate) fn new(figures: MapFigures, sort: Signal<Sort>, racks: Signal<Arc<Racks>>) -> Self {
        let unit_before = StoredValue::new(None::<Unit>);
        let scale = Memo::new(move |before: Option<&Scale>| {
            let unit = figures.unit();
            let before = before.copied().filter(|_| unit_before.get_value() == Some(unit));
            unit_before.set_value(Some(unit));
            figures.read(|grid| matrix::scale(grid, unit, before)).or(before).unwrap_or(Scale {
                low: 10.0,
                high: 1_000.0,
                is_log: true,
            })
        });
        Self { sort, racks, sum: Signal::stored(Sum::Median), zoom: Signal::stored(1.0), scale }
    }
}

/// The map. `around` is the height of what has to be seen with it, px.
#[component]
pub(crate) fn HeatMap(
    id: &'static str,
    label: &'static str,
    around: u32,
    figures: MapFigures,
    view: MapView,
) -> impl IntoView {
    let (range, navigate) = (TimeRange::expect(), use_navigate());
    let element = NodeRef::<html::Div>::new();
    let point = RwSignal::new(None::<Point>);
    let nodes = Memo::new(move |_| figures.nodes());
    // Sorted anew when the choice or the nodes change, not with every value: rows that jump cannot be read.
    let arrangement = Memo::new(move |_| {
        // Read, not only tracked: a memo that nobody has read follows nothing.
        nodes.with(|_| ());
        let (sort, racks, unit) = (view.sort.get(), view.racks.get(), figures.unit());
        Arc::new(untrack(|| figures.read(|grid| matrix::arrange(grid, sort, &racks, unit))).unwrap_or_default())
    });
    let picture = Callback::new(move |()| {
        let (unit, how, scale) = (figures.unit(), view.sum.get(), view.scale.get());
        figures.read(|grid| Paint {
            values: grid.values().to_vec(),
            rows: matrix::sums(grid, true, how, unit),
            columns: matrix::sums(grid, false, how, unit),
            scale,
        })
    });
    let marks = Memo::new(move |_| figures.marks());
    let on_pick = Callback::new(move |(row, column): (usize, usize)| {
        let path = nodes.with_untracked(|nodes| Some(link_path(nodes.get(row)?, nodes.get(column)?)));
        if let Some(path) = path {
            navigate(&untrack(|| range.carry(&path)), NavigateOptions::default());
        }
    });
    #[cfg(feature = "hydrate")]
    super::canvas::map::drive_map(
        element,
        super::canvas::map::MapSource {
            arrangement: arrangement.into(),
            paint: picture,
            marks: marks.into(),
            zoom: view.zoom,
            on_point: Callback::new(move |at| point.set(at)),
            on_pick,
        },
    );
    #[cfg(not(feature = "hydrate"))]
    let _ = (arrangement, picture, marks, on_pick);
    let told =
        Memo::new(move |_| point.get().and_then(|point| figures.read(|grid| Told::of(grid, point, figures.unit()))));
    let spoken = move || told.get().flatten().filter(|told| told.point.by_keys).map(|told| told.sentence());
    view! {
        <div class="matrix-scroll">
            <div
                class="matrix"
                id=id
                data-testid=id
                data-around=around
                role="application"
                aria-roledescription="heat map"
                aria-label=label
                tabindex="0"
                node_ref=element
            ></div>
            {move || told.get().flatten().map(|told| view! { <Tip told racks=view.racks.get() /> })}
            <span class="visually-hidden" role="status" data-testid=format!("{id}-spoken")>
                {spoken}
            </span>
        </div>
    }
    .into_any()
}

/// The address of the page about a link.
pub(crate) fn link_path(src: &str, dst: &str) -> String {
    format!("/links/{}/{}", segment(src), segment(dst))
}

/// What is said about a cell.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    point: Point,
    src: String,
    dst: String,
    there: Figure,
    back: Figure,
    is_right: bool,
    is_low: bool,
}

impl Told {
    fn of(grid: &Grid, point: Point, unit: Unit) -> Option<Self> {
        let figure = |value: Option<f64>| unit.figure(value.unwrap_or(f64::NAN));
        let half = grid.size() / 2;
        Some(Self {
            point,
            src: grid.nodes.get(point.row)?.clone(),
            dst: grid.nodes.get(point.column)?.clone(),
            there: figure(grid.get(point.row, point.column)),
            back: figure(grid.get(point.column, point.row)),
            is_right: point.column > half,
            is_low: point.row > half,
        })
    }

    fn sentence(&self) -> String {
        let value = |figure: &Figure| if figure.number == "–" { "no data".to_owned() } else { figure.to_string() };
        format!("{} to {}: {}; back: {}", self.src, self.dst, value(&self.there), value(&self.back))
    }
}

/// The figures of the cell, beside it.
#[component]
fn Tip(told: Told, racks: Arc<Racks>) -> impl IntoView {
    let rack = match (racks::name(&racks, &told.src), racks::name(&racks, &told.dst)) {
        (Some(src), Some(dst)) if src == dst => Some(format!("both in {src}")),
        (Some(src), Some(dst)) => Some(format!("{src} to {dst}")),
        _ => None,
    };
    let style = format!("left: {}px; top: {}px", told.point.x, told.point.y);
    view! {
        <div class="matrix-tip" class:is-right=told.is_right class:is-low=told.is_low style=style data-testid="matrix-tip">
            <p class="matrix-tip-pair">{told.src.clone()} " → " {told.dst.clone()}</p>
            <p class="matrix-tip-value">{told.there.to_string()}</p>
            <p class="muted">"back " {told.back.to_string()}</p>
            {rack.map(|rack| view! { <p class="muted">{rack}</p> })}
        </div>
    }
}

/// The colours and what they mean.
#[component]
pub(crate) fn Legend(figures: MapFigures, view: MapView) -> impl IntoView {
    let ticks = move || {
        let unit = figures.unit();
        view.scale.get().ticks().map(|tick| view! { <span>{unit.figure(tick).to_string()}</span> })
    };
    view! {
        <div class="matrix-legend" data-testid="matrix-legend">
            <div class="matrix-ramp">
                <div class="matrix-colours" aria-hidden="true"></div>
                <div class="matrix-ticks">{ticks}</div>
            </div>
            <ul class="matrix-keys">
                <li><span class="matrix-key is-nothing"></span>"no data"</li>
                <li><span class="matrix-key is-doubtful"></span>"doubtful: the sender is starved"</li>
                <li><span class="matrix-key is-evidence"></span>"led to the verdict"</li>
            </ul>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::matrix::tests::grid;

    #[test]
    fn a_cell_is_told_with_its_opposite() {
        let grid = grid(&["a", "b"], &[&[0.0, 120.0], &[f64::NAN, 0.0]]);
        let point = Point { row: 0, column: 1, x: 0.0, y: 0.0, by_keys: true };
        let told = Told::of(&grid, point, Unit::Microseconds).expect("is a cell");
        assert_eq!(told.sentence(), "a to b: 120 µs; back: no data");
        assert!(Told::of(&grid, Point { row: 7, ..point }, Unit::Microseconds).is_none());
        assert_eq!(link_path("a b", "c"), "/links/a%20b/c");
    }
}
