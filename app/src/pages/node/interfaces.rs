//! The interfaces of a node: all in a table, one of them in charts.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use netloom_core::{
    metric,
    sample::SeriesKey,
    topology::{Interface, InterfaceKind},
    unit::{Unit, bps_from_mbps},
};

use super::Subject;
use crate::{
    charts::rates,
    components::{
        chart_card::ChartCard,
        figure::Figure,
        status_badge::{StatusBadge, Tone},
    },
    live::{feed::Interest, use_feed, use_newest},
    range::{TimeRange, segment},
};

const fn kind_word(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Loopback => "loopback",
        InterfaceKind::Physical => "hardware",
        InterfaceKind::Bond => "bond",
        InterfaceKind::Bridge => "bridge",
        InterfaceKind::Overlay => "overlay",
        InterfaceKind::Virtual => "virtual",
    }
}

/// The interface that is shown when none is chosen: the first that counts, else the first that is up.
fn first(interfaces: &[Interface]) -> Option<&Interface> {
    interfaces.iter().find(|interface| interface.is_counted).or_else(|| interfaces.iter().find(|i| i.is_up))
}

/// The table and the charts. Which interface is in the charts stands in the URL.
#[component]
pub(super) fn Interfaces(subject: Subject) -> impl IntoView {
    let query = use_query_map();
    let all = Memo::new(move |_| subject.read(|node| node.info.interfaces.clone()).unwrap_or_default());
    let chosen = Memo::new(move |_| {
        let wanted = query.with(|query| query.get("interface"));
        all.with(|all| {
            let found = wanted.and_then(|wanted| all.iter().find(|interface| interface.name == wanted));
            found.or_else(|| first(all)).map(|interface| interface.name.clone())
        })
    });
    view! {
        <section class="card" aria-labelledby="interfaces-title">
            <header class="card-header">
                <h2 id="interfaces-title">"Interfaces"</h2>
                <span class="card-note">"Those that count add up to the totals, each byte once"</span>
            </header>
            <div class="table-scroll">
                <table class="interfaces" data-testid="interfaces">
                    <thead>
                        <tr>
                            <th scope="col">"Interface"</th>
                            <th scope="col">"State"</th>
                            <th scope="col" class="number">"In"</th>
                            <th scope="col" class="number">"Out"</th>
                            <th scope="col" class="number">"Errors"</th>
                            <th scope="col" class="number">"Drops"</th>
                            <th scope="col" class="number">"Speed"</th>
                            <th scope="col" class="number">"MTU"</th>
                            <th scope="col">"Counts"</th>
                            <th scope="col">"Addresses"</th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || all.get() key=|interface| format!("{interface:?}") let:interface>
                            <Row subject interface chosen />
                        </For>
                    </tbody>
                </table>
            </div>
        </section>
        // Another interface is another set of feeds.
        {move || chosen.get().map(|interface| view! { <Charts subject interface /> })}
    }
    .into_any()
}

#[component]
fn Row(subject: Subject, interface: Interface, chosen: Memo<Option<String>>) -> impl IntoView {
    let (live, range) = (subject.live, TimeRange::expect());
    let name = interface.name.clone();
    subject.name.with_value(|node| {
        rates::ROWS.into_iter().for_each(|metric| {
            use_newest(&Interest::all(metric).with("node", node));
        });
    });
    let path =
        subject.name.with_value(|node| format!("/nodes/{}?interface={}", segment(node), segment(&interface.name)));
    let is_chosen = {
        let name = name.clone();
        Memo::new(move |_| chosen.with(|chosen| chosen.as_ref() == Some(&name)))
    };
    // The newest values of some metrics, added up.
    let sum = move |metrics: &'static [&'static str], unit: Unit| {
        let series: Vec<SeriesKey> = subject.name.with_value(|node| {
            metrics.iter().map(|metric| SeriesKey::new(metric, [("node", node), ("interface", &name)])).collect()
        });
        let value = move || {
            live.samples(|store| {
                let values: Vec<f64> = series.iter().filter_map(|key| Some(store.newest_of(key)?.value)).collect();
                (!values.is_empty()).then(|| values.iter().sum())
            })
        };
        view! { <td class="number"><Figure unit value=Signal::derive(value) /></td> }
    };
    let (tone, state) = if interface.is_up { (Tone::Ok, "up") } else { (Tone::Unknown, "down") };
    let speed_bps = interface.speed_mbps.map(|mbps| bps_from_mbps(mbps as f64));
    let mtu = interface.mtu_bytes.map_or_else(|| "–".to_owned(), |bytes| bytes.to_string());
    view! {
        <tr class:is-chosen=is_chosen data-testid=format!("interface-row-{}", interface.name)>
            <th scope="row">
                <a href=move || range.carry(&path) aria-current=move || is_chosen.get().then_some("true")>
                    {interface.name.clone()}
                </a>
                " "
                <span class="muted">{kind_word(interface.kind)}</span>
            </th>
            <td><StatusBadge tone word=state /></td>
            {sum.clone()(&[metric::IF_RX_BPS], Unit::BitsPerSecond)}
            {sum.clone()(&[metric::IF_TX_BPS], Unit::BitsPerSecond)}
            {sum.clone()(&[metric::IF_RX_ERRORS_PS, metric::IF_TX_ERRORS_PS], Unit::PerSecond)}
            {sum(&[metric::IF_RX_DROPS_PS, metric::IF_TX_DROPS_PS], Unit::PerSecond)}
            <td class="number"><Figure unit=Unit::BitsPerSecond value=Signal::stored(speed_bps) /></td>
            <td class="number">{mtu}</td>
            <td>{if interface.is_counted { "yes" } else { "no" }}</td>
            <td class="addresses"><code>{interface.addresses.join(", ")}</code></td>
        </tr>
    }
    .into_any()
}

/// Rates, packets, errors and drops of one interface.
#[component]
fn Charts(subject: Subject, interface: String) -> impl IntoView {
    let charts = [
        ("chart-interface-bits", "bandwidth", rates::BITS),
        ("chart-interface-packets", "packets", rates::PACKETS),
        ("chart-interface-faults", "errors and drops", rates::FAULTS),
    ];
    let card = |(id, what, rows): (&'static str, &'static str, rates::Rows)| {
        let (node, name) = (subject.name.get_value(), interface.clone());
        let feeds = rows
            .iter()
            .map(|row| use_feed(Interest::all(row.0).with("node", &node).with("interface", &name).extremes()));
        let chart = StoredValue::new(rates::chart(rows, &node, &name));
        let chart = Memo::new(move |_| subject.happenings.on(chart.get_value()));
        view! {
            <ChartCard id title=format!("{name}, {what}") feeds=feeds.collect() chart />
        }
    };
    view! { <div class="three-columns">{charts.map(card)}</div> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, is_up: bool, is_counted: bool) -> Interface {
        Interface {
            name: name.into(),
            kind: InterfaceKind::Virtual,
            is_up,
            has_master: false,
            speed_mbps: None,
            mtu_bytes: None,
            addresses: Vec::new(),
            is_counted,
        }
    }

    #[test]
    fn what_counts_is_shown_first_else_what_is_up() {
        let all = [interface("a", false, false), interface("lo", true, false), interface("eth0", true, true)];
        assert_eq!(first(&all).map(|i| i.name.as_str()), Some("eth0"));
        assert_eq!(first(&all[..2]).map(|i| i.name.as_str()), Some("lo"));
        assert!(first(&[]).is_none());
    }
}
