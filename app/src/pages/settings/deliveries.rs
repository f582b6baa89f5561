//! What became of the last notifications.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::notify::{Delivery, Outcome};

use crate::{
    api,
    clock::Clock,
    components::{
        status_badge::{StatusBadge, Tone},
        when::When,
    },
};

/// How often the hub is asked anew, ms.
const REFRESH_MS: i64 = 5_000;
/// Attempts that are shown.
const SHOWN: u32 = 20;

/// The log, asked for anew now and then.
#[component]
pub(super) fn Deliveries() -> impl IntoView {
    let clock = Clock::expect();
    let log = RwSignal::new(Vec::<Delivery>::new());
    let asked_ms = StoredValue::new(None::<i64>);
    // The clock ticks in browsers only, and as long as this is shown.
    Effect::new(move |_| {
        let now_ms = clock.now().ms();
        if asked_ms.get_value().is_none_or(|asked_ms| now_ms - asked_ms >= REFRESH_MS) {
            asked_ms.set_value(Some(now_ms));
            spawn_local(async move {
                if let Ok(newest) = api::notifications(SHOWN).await
                    && log.try_with_untracked(|known| *known != newest) == Some(true)
                {
                    log.try_set(newest);
                }
            });
        }
    });
    view! {
        <div class="storage-size" data-testid="deliveries">
            <span class="field-label">"Last notifications"</span>
            <div class="table-scroll">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"When"</th>
                            <th scope="col">"Receiver"</th>
                            <th scope="col">"About"</th>
                            <th scope="col">"Attempt"</th>
                            <th scope="col">"Outcome"</th>
                        </tr>
                    </thead>
                    <tbody>{move || log.get().into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </div>
    }
    .into_any()
}

fn row(delivery: Delivery) -> AnyView {
    let tone = match delivery.outcome {
        Outcome::Delivered => Tone::Ok,
        Outcome::Retrying => Tone::Warning,
        Outcome::Failed | Outcome::Refused => Tone::Critical,
    };
    let count = if delivery.count > 0 { format!(", {}", delivery.count) } else { String::new() };
    view! {
        <tr data-testid="delivery">
            <td><When at=delivery.at /></td>
            <th scope="row">{delivery.receiver}</th>
            <td>{delivery.notice.word()} {count}</td>
            <td class="number">{delivery.attempt}</td>
            <td class="delivery-outcome">
                <StatusBadge tone word=delivery.outcome.word() />
                " "
                <span class="muted">{delivery.cause}</span>
            </td>
        </tr>
    }
    .into_any()
}
