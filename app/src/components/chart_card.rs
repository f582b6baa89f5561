//! A chart over time with its legend, its states, and the table that stands in for it.

use leptos::prelude::*;
use netloom_core::time::Timestamp;

use super::{
    canvas::{Canvas, Frame, Gesture, Hooks},
    figure::Figure,
    icon::{Drawing, Icon},
    when::When,
};
use crate::{
    charts::{Line, TEST_NAME, TimeChart, points},
    clock::Clock,
    live::{
        FeedHandle, Live,
        feed::{Feed, FeedState},
        is_stale,
    },
    range::TimeRange,
};

/// What is said when only a part of the window could be loaded.
const HISTORY_MISSING: &str = "history could not be loaded";

/// What stands in the chart's place.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    Chart,
    Loading,
    Empty,
    Failed(String),
}

/// A chart and the feeds that its points come from.
#[derive(Clone, Copy)]
struct Source {
    chart: Signal<TimeChart>,
    feeds: StoredValue<Vec<FeedHandle>>,
    live: Live,
}

impl Source {
    /// Reads the feeds, and again whenever there are new samples.
    fn read<T>(self, read: impl FnOnce(&TimeChart, &[&Feed]) -> T) -> T {
        self.live.samples(|store| {
            let feeds: Vec<&Feed> =
                self.feeds.with_value(|feeds| feeds.iter().filter_map(|feed| feed.of(store)).collect());
            self.chart.with(|chart| read(chart, &feeds))
        })
    }

    fn shown(self) -> Shown {
        self.read(|chart, feeds| {
            if points::any(chart, feeds) {
                return if feeds.iter().any(|feed| feed.state == FeedState::Loading) {
                    Shown::Loading
                } else {
                    Shown::Chart
                };
            }
            let failed = feeds.iter().find_map(|feed| match &feed.state {
                FeedState::Failed(why) => Some(Shown::Failed(why.clone())),
                FeedState::Loading | FeedState::Ready => None,
            });
            let is_loading = feeds.is_empty() || feeds.iter().any(|feed| feed.state == FeedState::Loading);
            failed.unwrap_or(if is_loading { Shown::Loading } else { Shown::Empty })
        })
    }

    /// Whether history is missing behind what is shown.
    fn has_failed(self) -> bool {
        self.read(|_, feeds| feeds.iter().any(|feed| matches!(feed.state, FeedState::Failed(_))))
    }

    /// What the canvas draws; nothing as long as history is awaited, so that the chart does not build up from its end.
    fn frame(self, window: (i64, i64)) -> Option<Frame> {
        self.read(|chart, feeds| {
            if feeds.iter().any(|feed| feed.state == FeedState::Loading) {
                return None;
            }
            let (mut points, newest_ms) = points::flat(chart, feeds);
            points.extend(points::band(chart, feeds));
            Some(Frame { window, ids: points::ids(chart), points, newest_ms })
        })
    }
}

/// A card with a chart; `id` names it on the page and in tests.
#[component]
pub(crate) fn ChartCard(
    id: &'static str,
    #[prop(into)] title: String,
    feeds: Vec<FeedHandle>,
    #[prop(into)] chart: Signal<TimeChart>,
) -> impl IntoView {
    let (live, range, clock) = (Live::expect(), TimeRange::expect(), Clock::expect());
    let source = Source { chart, feeds: StoredValue::new(feeds), live };
    let is_table = RwSignal::new(false);
    let ceiling = Memo::new(move |_| source.read(|chart, feeds| chart.ceiling(points::max(chart, feeds))));
    let option = Memo::new(move |_| chart.with(|chart| chart.option(ceiling.get())));
    let shown = Memo::new(move |_| source.shown());
    let frame = Callback::new(move |()| source.frame(range.window().bounds(clock.now_exact().ms())));
    let on_gesture = Callback::new(move |gesture| match gesture {
        Gesture::Zoom(from_ms, to_ms) => range.zoom(from_ms, to_ms),
        Gesture::ZoomReset => range.resume(),
    });
    let has_failed = Memo::new(move |_| source.has_failed() && shown.get() == Shown::Chart);
    let limits =
        move || chart.with(|chart| chart.thresholds.iter().map(|t| t.name.clone()).collect::<Vec<_>>().join(", "));
    view! {
        <section class="card chart-card" data-testid=id aria-labelledby=format!("{id}-title")>
            <header class="card-header">
                <h2 id=format!("{id}-title")>{title}</h2>
                <span class="card-note">
                    {move || if has_failed.get() { HISTORY_MISSING.to_owned() } else { limits() }}
                </span>
                <TableButton is_table />
            </header>
            <div class="chart-body">
                <div class="chart-area">
                    <Canvas
                        id
                        option
                        frame
                        hooks=Hooks { on_gesture, ..Hooks::default() }
                    />
                    {move || stand_in(&shown.get(), live)}
                    <Show when=move || is_table.get()>
                        <Table source />
                    </Show>
                </div>
                <Legend source />
            </div>
        </section>
    }
    .into_any()
}

/// Turns a chart into its table and back.
#[component]
pub(crate) fn TableButton(is_table: RwSignal<bool>) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-button quiet"
            aria-pressed=move || is_table.get().to_string()
            aria-label="View as table"
            title="View as table"
            on:click=move |_| is_table.update(|is_table| *is_table = !*is_table)
        >
            <Drawing icon=Icon::Table />
        </button>
    }
}

/// What lies over the chart when there is nothing to draw.
fn stand_in(shown: &Shown, live: Live) -> Option<AnyView> {
    match shown {
        Shown::Chart => None,
        Shown::Loading => {
            Some(view! { <div class="chart-cover skeleton" role="status" aria-label="Loading"></div> }.into_any())
        }
        Shown::Empty => Some(view! { <div class="chart-cover">"No data in this window"</div> }.into_any()),
        Shown::Failed(why) => {
            let retry = move |_| live.ask(|feed| matches!(feed.state, FeedState::Failed(_)));
            let why = format!("The history could not be loaded: {why}");
            let view = view! {
                <div class="chart-cover" role="alert">
                    <p>{why}</p>
                    <button type="button" class="button" on:click=retry>
                        "Try again"
                    </button>
                </div>
            };
            Some(view.into_any())
        }
    }
}

/// The lines by name and colour, each with its newest value.
#[component]
fn Legend(source: Source) -> impl IntoView {
    let lines = Memo::new(move |_| source.chart.with(|chart| chart.lines.clone()));
    // What is no line: the spread, and shaded stretches.
    let extras = Memo::new(move |_| {
        source.chart.with(|chart| {
            let band = chart.band.as_ref();
            let band = band.map(|band| ("legend-area", format!("background: var({})", band.colour), band.name));
            let doubt = (!chart.doubtful.is_empty()).then(|| ("legend-area is-doubt", String::new(), chart.shade_name));
            let tests = (!chart.tests.is_empty()).then(|| ("legend-area is-test", String::new(), TEST_NAME));
            [band, doubt, tests]
        })
    });
    view! {
        <ul class="legend">
            {move || {
                lines.get().into_iter().enumerate().map(|(at, line)| view! { <LegendRow source at line /> }).collect_view()
            }}
            {move || extras.get().into_iter().flatten().map(|(class, style, name)| {
                view! {
                    <li class="legend-row">
                        <span class=class style=style aria-hidden="true"></span>
                        <span class="legend-name">{name}</span>
                    </li>
                }
            }).collect_view()}
        </ul>
    }
}

/// One line. A value that is not current any more is dimmed and shows its age; in a window of the past none is.
#[component]
fn LegendRow(source: Source, at: usize, line: Line) -> impl IntoView {
    let (clock, range) = (Clock::expect(), TimeRange::expect());
    let newest = Memo::new(move |_| source.read(|chart, feeds| points::newest(chart, feeds, at)));
    let spacing_ms = Memo::new(move |_| source.read(|_, feeds| points::spacing_ms(feeds)));
    let age = Memo::new(move |_| {
        let (ts_ms, _) = newest.get().filter(|_| range.is_live())?;
        is_stale(clock.now().ms() - ts_ms, spacing_ms.get()).then(|| clock.ago(Timestamp(ts_ms)))
    });
    let value = Signal::derive(move || newest.get().map(|(_, value)| value));
    let unit = source.chart.with_untracked(|chart| chart.unit);
    let name = line.name.clone();
    view! {
        <li class="legend-row" class:is-old=move || age.with(Option::is_some)>
            <span
                class="legend-swatch"
                class:is-dashed=line.is_dashed
                style=format!("border-color: var({})", line.colour)
                aria-hidden="true"
            ></span>
            <span class="legend-name" title=line.name>
                {name}
            </span>
            <span class="legend-value">
                <Figure unit value />
                {move || age.get().map(|age| view! { <span class="legend-age">{format!(" {age} ago")}</span> })}
            </span>
        </li>
    }
}

/// The last points of all lines.
#[component]
fn Table(source: Source) -> impl IntoView {
    let head = move || {
        source.chart.with(|chart| {
            chart
                .lines
                .iter()
                .map(|line| view! { <th scope="col" class="number">{line.name.clone()}</th> })
                .collect_view()
        })
    };
    let body = move || {
        let unit = source.chart.with(|chart| chart.unit);
        let row = move |(ts_ms, values): points::Row| {
            let cell =
                move |value: Option<f64>| view! { <td class="number"><Figure unit value=Signal::stored(value) /></td> };
            view! {
                <tr>
                    <th scope="row"><When at=Timestamp(ts_ms) /></th>
                    {values.into_iter().map(cell).collect_view()}
                </tr>
            }
        };
        source.read(points::rows).into_iter().map(row).collect_view()
    };
    view! {
        <div class="chart-table" data-testid="chart-table" tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Time"</th>
                        {head}
                    </tr>
                </thead>
                <tbody>{body}</tbody>
            </table>
        </div>
    }
}
