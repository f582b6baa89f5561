//! The worst pairs beside the map, by words: what the map shows by colour can be read, sorted and reached by keyboard.

use std::sync::Arc;

use leptos::prelude::*;

use super::title;
use crate::{
    charts::{
        matrix,
        racks::{self, Racks},
    },
    components::{
        figure::Figure,
        heat_map::{MapFigures, link_path},
    },
    order,
    range::TimeRange,
};

/// Pairs in the table: more are a map.
const PAIRS_MAX: usize = 50;
/// Pairs that are seen without asking for more.
const PAIRS_FEW: usize = 12;

/// How the table is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    There,
    Back,
    Src,
}

/// A row: source, destination, value, and the value of the way back.
type Row = (String, String, f64, Option<f64>);

fn rows(figures: MapFigures, by: By) -> Vec<Row> {
    let unit = figures.unit();
    let mut rows: Vec<Row> = figures
        .read(|grid| {
            let worst = matrix::worst(grid, PAIRS_MAX, unit).into_iter();
            worst.map(|(a, b, value)| (grid.nodes[a].clone(), grid.nodes[b].clone(), value, grid.get(b, a))).collect()
        })
        .unwrap_or_default();
    match by {
        By::There => {}
        By::Back => order::largest_first(&mut rows, |row| row.3.unwrap_or(f64::MIN)),
        By::Src => order::sort_by(&mut rows, |a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1))),
    }
    rows
}

/// The table.
#[component]
pub(super) fn WorstPairs(figures: MapFigures, racks: Signal<Arc<Racks>>) -> impl IntoView {
    let range = TimeRange::expect();
    let (by, is_long) = (RwSignal::new(By::There), RwSignal::new(false));
    let all = Memo::new(move |_| rows(figures, by.get()));
    let shown = move || all.get().into_iter().take(if is_long.get() { PAIRS_MAX } else { PAIRS_FEW });
    let row = move |(src, dst, there, back): Row| {
        let path = link_path(&src, &dst);
        let unit = figures.unit();
        let is_apart = racks.with(|told| racks::name(told, &src) != racks::name(told, &dst));
        view! {
            <tr>
                <th scope="row">
                    <a href=move || range.carry(&path) title=is_apart.then_some("in different racks")>
                        {format!("{src} → {dst}")}
                    </a>
                </th>
                <td class="number"><Figure unit value=Signal::stored(Some(there)) /></td>
                <td class="number"><Figure unit value=Signal::stored(back) /></td>
            </tr>
        }
    };
    let head = move |order: By, name: &'static str, is_number: bool| {
        let sort = move || if by.get() == order { "descending" } else { "none" };
        view! {
            <th scope="col" class:number=is_number aria-sort=sort>
                <button type="button" class="sort-button" on:click=move |_| by.set(order)>{name}</button>
            </th>
        }
    };
    view! {
        <section class="card matrix-side" aria-labelledby="worst-title" data-testid="matrix-table">
            <header class="card-header">
                <h2 id="worst-title">"Worst pairs"</h2>
                <span class="card-note">{move || figures.metric.with(|metric| title(metric))}</span>
            </header>
            <div class="table-scroll">
                <table>
                    <thead>
                        <tr>
                            {head(By::Src, "Pair", false)} {head(By::There, "There", true)} {head(By::Back, "Back", true)}
                        </tr>
                    </thead>
                    <tbody>{move || shown().map(row).collect_view()}</tbody>
                </table>
            </div>
            <Show when=move || { all.with(Vec::len) > PAIRS_FEW }>
                <button type="button" class="link-button" data-testid="matrix-more" on:click=move |_| is_long.update(|is| *is = !*is)>
                    {move || if is_long.get() { "Show fewer" } else { "Show 50" }}
                </button>
            </Show>
        </section>
    }
    .into_any()
}
