//! Which pair or which node is bad?

mod past;
mod table;

use std::sync::Arc;

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;
use netloom_core::metric;

use crate::{
    api,
    charts::{
        matrix::{METRICS, Sort, Sum, THROUGHPUT},
        racks::Racks,
    },
    components::{
        empty_state::EmptyState,
        heat_map::{HeatMap, Legend, MapFigures, MapView},
        mesh_verdict::MeshVerdictCard,
    },
    live::{Live, matrix::Grid},
    parameter::{Parameter, use_parameter},
    range::TimeRange,
};
use past::{AGGREGATIONS, Past, PastControls};
use table::WorstPairs;

/// What stands above and below the map, px: with it the map is seen whole on a laptop.
const AROUND_PX: u32 = 300;
/// How much larger than what fits cells can be made.
const ZOOMS: [f64; 4] = [1.0, 1.5, 2.5, 4.0];

/// Asks for the racks; nothing until they are there.
pub(crate) fn use_racks() -> RwSignal<Arc<Racks>> {
    let racks = RwSignal::new(Arc::new(Racks::default()));
    // An effect runs in the browser only.
    Effect::new(move |_| {
        spawn_local(async move {
            if let Ok(told) = api::layout().await {
                racks.try_set(Arc::new(told));
            }
        });
    });
    racks
}

/// What people call a metric of pairs.
pub(crate) fn title(name: &str) -> String {
    if name == THROUGHPUT {
        return "Throughput".into();
    }
    metric::find(name).map_or_else(|| name.to_owned(), |metric| metric.title.to_owned())
}

/// The page.
#[component]
pub(crate) fn Matrix() -> impl IntoView {
    let (range, live) = (TimeRange::expect(), Live::expect());
    let [metric, sort, sum, agg] = ["metric", "sort", "sum", "agg"].map(use_parameter);
    let chosen = Memo::new(move |_| metric.get().unwrap_or_else(|| metric::RTT_US.to_owned()));
    let figures = MapFigures::begin(chosen);
    let (racks, zoom, has_throughput) = (use_racks(), RwSignal::new(0_usize), RwSignal::new(false));
    // An effect runs in the browser only.
    Effect::new(move |_| {
        spawn_local(async move {
            let names = api::metrics().await.unwrap_or_default();
            has_throughput.try_set(names.iter().any(|name| name == THROUGHPUT));
        });
    });
    let sorted = Signal::derive(move || Sort::parse(&sort.get().unwrap_or_default()));
    let view = MapView {
        sum: Signal::derive(move || if sum.get().as_deref() == Some("worst") { Sum::Worst } else { Sum::Median }),
        zoom: Signal::derive(move || ZOOMS[zoom.get()]),
        ..MapView::new(figures, sorted, racks.into())
    };
    let past = Past::begin(figures, agg);
    let size = Memo::new(move |_| figures.read(Grid::size));
    let summary = move || match size.get() {
        None | Some(0) => String::new(),
        Some(size) => {
            let (judged, bad) = live.verdict.with(|verdict| (verdict.judged, verdict.bad));
            let bad = if judged > 0 && past.at().is_none() {
                format!(", {bad} of {judged} pairs bad")
            } else {
                String::new()
            };
            format!("{size} nodes, {} pairs{bad}", size * (size - 1))
        }
    };
    view! {
        <Title text="Matrix" />
        <div class="page-head">
            <h1 class="page-title">"Matrix"</h1>
            <span class="muted" data-testid="matrix-summary">{summary}</span>
        </div>
        <MeshVerdictCard />
        <div class="matrix-layout">
            <section class="card matrix-card" aria-labelledby="matrix-title">
                <header class="matrix-controls">
                    <h2 class="visually-hidden" id="matrix-title">"All pairs: rows send, columns receive"</h2>
                    {move || {
                        let options = metrics(figures, has_throughput.get());
                        view! { <Choice label="Metric" parameter=metric default=metric::RTT_US options id="matrix-metric" /> }
                    }}
                    <Choice label="Order" parameter=sort default="name" options=orders() id="matrix-sort" />
                    <Choice label="Edges show" parameter=sum default="median" options=sums() id="matrix-sum" />
                    <ZoomButtons zoom />
                </header>
                <div class="matrix-body">
                    <HeatMap id="matrix" label="All pairs: rows send, columns receive. Arrow keys move, Enter opens the link." around=AROUND_PX figures view />
                    <Show when=move || size.get().is_none_or(|size| size < 2)>
                        <Nothing is_known=Signal::derive(move || size.get().is_some()) range />
                    </Show>
                </div>
                <Legend figures view />
                <PastControls past agg aggregations=AGGREGATIONS />
            </section>
            <WorstPairs figures racks=racks.into() />
        </div>
    }
    .into_any()
}

/// What stands in the place of a map without pairs.
#[component]
fn Nothing(is_known: Signal<bool>, range: TimeRange) -> impl IntoView {
    view! {
        <div class="matrix-nothing" data-testid="matrix-nothing">
            <EmptyState title="No pairs yet">
                "As soon as two nodes report they probe each other, and every pair has a cell here. Nodes are added in the "
                <a href=move || range.carry("/settings")>"settings"</a> "."
            </EmptyState>
            <Show when=move || !is_known.get()>
                <span class="visually-hidden" role="status">"Loading"</span>
            </Show>
        </div>
    }
}

type Options = Vec<(&'static str, String)>;

/// The metrics that can be chosen; throughput when it is chosen already, or when somebody measures it.
fn metrics(figures: MapFigures, has_throughput: bool) -> Options {
    let is_offered =
        |name: &&str| *name != THROUGHPUT || has_throughput || untrack(|| figures.metric.get()) == THROUGHPUT;
    METRICS.into_iter().filter(is_offered).map(|name| (name, title(name))).collect()
}

fn orders() -> Options {
    Sort::ALL.into_iter().map(|(_, name, title)| (name, title.to_owned())).collect()
}

fn sums() -> Options {
    vec![("median", "Median".to_owned()), ("worst", "Worst".to_owned())]
}

/// A choice that lives in the address.
#[component]
pub(crate) fn Choice(
    label: &'static str,
    parameter: Parameter,
    default: &'static str,
    options: Vec<(&'static str, String)>,
    id: &'static str,
) -> impl IntoView {
    let option = move |(name, title): (&'static str, String)| {
        let is_chosen = move || parameter.get().as_deref().unwrap_or(default) == name;
        view! { <option value=name selected=is_chosen>{title}</option> }
    };
    view! {
        <label class="choice">
            <span class="choice-label">{label}</span>
            <select
                class="text-input select"
                data-testid=id
                prop:value=move || parameter.get().unwrap_or_else(|| default.to_owned())
                on:change=move |event| parameter.choose(&event_target_value(&event), default)
            >
                {options.into_iter().map(option).collect_view()}
            </select>
        </label>
    }
}

#[component]
fn ZoomButtons(zoom: RwSignal<usize>) -> impl IntoView {
    let step = move |by: isize| zoom.update(|at| *at = at.saturating_add_signed(by).min(ZOOMS.len() - 1));
    view! {
        <div class="segments matrix-zoom" role="group" aria-label="Size of the cells">
            <button type="button" class="segment" aria-label="Smaller" disabled=move || zoom.get() == 0 on:click=move |_| step(-1)>
                "−"
            </button>
            <button
                type="button"
                class="segment"
                aria-label="Larger"
                data-testid="matrix-larger"
                disabled=move || zoom.get() + 1 == ZOOMS.len()
                on:click=move |_| step(1)
            >
                "+"
            </button>
        </div>
    }
}
