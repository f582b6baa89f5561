//! What the interfaces of a node are made of, and what went wrong on them.

use leptos::prelude::*;
use netloom_core::check::interface::{BondMember, InterfaceDepth};

use super::Subject;
use crate::components::pieces::card;

/// The card; nothing where the node does not tell.
#[component]
pub(super) fn Depth(subject: Subject) -> impl IntoView {
    let all = Memo::new(move |_| subject.read(|node| node.info.depth.clone()).unwrap_or_default());
    let table = move || {
        let body = view! {
            <div class="table-scroll">
                <table data-testid="interface-depth">
                    <thead>
                        <tr>
                            <th scope="col">"Interface"</th>
                            <th scope="col">"Driver"</th>
                            <th scope="col" class="number">"Speed"</th>
                            <th scope="col">"Duplex"</th>
                            <th scope="col" class="number">"MTU"</th>
                            <th scope="col" class="number">"Queues in/out"</th>
                            <th scope="col" class="number">"Carrier changes"</th>
                            <th scope="col">"Errors and drops since the system started"</th>
                        </tr>
                    </thead>
                    <tbody>{move || all.get().into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        };
        card("depth-title", "", "Interfaces in depth", ().into_any(), body.into_any())
    };
    let is_told = Memo::new(move |_| all.with(|all| !all.is_empty()));
    move || is_told.get().then(table)
}

/// A figure that the system may not tell.
fn told<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// A speed as it stands on the port.
fn speed(mbps: Option<u64>) -> String {
    match mbps {
        Some(mbps) if mbps >= 1_000 && mbps.is_multiple_of(100) => format!("{} Gbit/s", mbps as f64 / 1_000.0),
        Some(mbps) => format!("{mbps} Mbit/s"),
        None => "–".to_owned(),
    }
}

/// Errors by cause, in words.
fn errors(depth: &InterfaceDepth) -> String {
    if depth.errors.is_empty() {
        return "none".to_owned();
    }
    depth
        .errors
        .iter()
        .map(|(cause, count)| format!("{} {count}", cause.replace('_', " ")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A member of a bond, in words.
fn member(member: &BondMember) -> String {
    let state = if member.is_up { "" } else { " (down)" };
    let failures = if member.failures > 0 { format!(", failed {} times", member.failures) } else { String::new() };
    format!("{}{state} {}{failures}", member.name, speed(member.speed_mbps))
}

fn row(depth: InterfaceDepth) -> AnyView {
    let (errors, has_errors) = (errors(&depth), !depth.errors.is_empty());
    let bond = depth.bond.as_ref().map(|bond| {
        let members = bond.members.iter().map(member).collect::<Vec<_>>().join("; ");
        view! { <p class="muted" data-testid="bond">{format!("bond, {}: {members}", bond.mode)}</p> }
    });
    view! {
        <tr data-testid=format!("depth-{}", depth.name)>
            <th scope="row">{depth.name.clone()} {(!depth.is_up).then_some(" (down)")} {bond}</th>
            <td>{told(depth.driver.as_ref())}</td>
            <td class="number">{speed(depth.speed_mbps)}</td>
            <td>{told(depth.duplex.as_ref())}</td>
            <td class="number">{told(depth.mtu_bytes.as_ref())}</td>
            <td class="number">{format!("{} / {}", depth.rx_queues, depth.tx_queues)}</td>
            <td class="number">{told(depth.carrier_changes.as_ref())}</td>
            <td class="depth-errors" class:muted=!has_errors>{errors}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_say_them() {
        assert_eq!(
            [Some(100_000), Some(2_500), Some(100), None].map(speed),
            ["100 Gbit/s", "2.5 Gbit/s", "100 Mbit/s", "–"]
        );
        let mut depth = InterfaceDepth::default();
        assert_eq!(errors(&depth), "none");
        depth.errors = [("rx_crc".to_owned(), 3), ("tx_dropped".to_owned(), 1)].into();
        assert_eq!(errors(&depth), "rx crc 3, tx dropped 1");
        let lost = BondMember { name: "eth1".into(), is_up: false, speed_mbps: Some(1_000), failures: 2 };
        assert_eq!(member(&lost), "eth1 (down) 1 Gbit/s, failed 2 times");
    }
}
