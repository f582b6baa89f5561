//! The links of the graph as a table, the worst first.

use leptos::prelude::*;

use crate::{
    charts::mesh::Link,
    components::{
        figure::Figure,
        heat_map::{MapFigures, link_path},
        status_badge::{StatusBadge, Tone, health_word},
    },
    order,
    range::TimeRange,
};

/// Rows of the table: the page of the matrix has all pairs.
const ROWS_MAX: usize = 100;

/// Links with the worse status first, then with the larger value.
fn sorted(mut links: Vec<Link>) -> Vec<Link> {
    let worse = |link: &Link| link.values.0.into_iter().chain(link.values.1).fold(f64::NEG_INFINITY, f64::max);
    order::sort_by(&mut links, |a, b| b.status.cmp(&a.status).then_with(|| worse(b).total_cmp(&worse(a))));
    links.truncate(ROWS_MAX);
    links
}

/// The table.
#[component]
pub(super) fn Table(links: Memo<Vec<Link>>, figures: MapFigures) -> impl IntoView {
    let range = TimeRange::expect();
    let row = move |link: Link| {
        let unit = figures.unit();
        let path = link_path(&link.a, &link.b);
        view! {
            <tr>
                <th scope="row">
                    <a href=move || range.carry(&path)>{format!("{} – {}", link.a, link.b)}</a>
                </th>
                <td class="number"><Figure unit value=Signal::stored(link.values.0) /></td>
                <td class="number"><Figure unit value=Signal::stored(link.values.1) /></td>
                <td><StatusBadge tone=Tone::from(link.status) word=health_word(link.status) /></td>
            </tr>
        }
    };
    view! {
        <div class="chart-table" data-testid="topology-table" tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Link"</th>
                        <th scope="col" class="number">"There"</th>
                        <th scope="col" class="number">"Back"</th>
                        <th scope="col">"State"</th>
                    </tr>
                </thead>
                <tbody>{move || sorted(links.get()).into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::health::HealthStatus;

    #[test]
    fn what_is_bad_comes_first() {
        let link = |a: &str, value, status| Link { a: a.into(), b: "z".into(), values: (Some(value), None), status };
        let all = vec![
            link("a", 5.0, HealthStatus::Ok),
            link("b", 9.0, HealthStatus::Ok),
            link("c", 1.0, HealthStatus::Critical),
        ];
        assert_eq!(sorted(all).into_iter().map(|link| link.a).collect::<Vec<_>>(), ["c", "b", "a"]);
    }
}
