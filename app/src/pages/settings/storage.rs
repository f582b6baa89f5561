//! What the history takes on disk, beside the settings that decide about it.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    api::StoreSize,
    time::Timestamp,
    unit::{bytes_figure, count_figure},
};

use super::form::Form;
use crate::{api, clock::Clock};

/// How often the hub is asked anew, ms: it packs every quarter of an hour.
const REFRESH_MS: i64 = 30_000;
/// What stands where nothing is known.
const NOTHING: &str = "–";

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    what: &'static str,
    count: String,
    size: String,
    per_sample: String,
    oldest_ms: Option<i64>,
}

/// The rows, always the same ones, so that nothing moves when the figures come.
fn rows(size: Option<&StoreSize>) -> [Row; 5] {
    let nothing = || NOTHING.to_owned();
    let tier = |what: &'static str, name: &str| {
        let tier = size.and_then(|size| size.tiers.iter().find(|tier| tier.tier == name));
        let per_sample = tier.filter(|tier| tier.samples > 0).map(|tier| tier.bytes as f64 / tier.samples as f64);
        Row {
            what,
            count: tier.map_or_else(nothing, |tier| count_figure(tier.samples as f64).to_string()),
            size: tier.map_or_else(nothing, |tier| bytes_figure(tier.bytes as f64).to_string()),
            per_sample: per_sample.map_or_else(nothing, |bytes| bytes_figure(bytes).to_string()),
            oldest_ms: None,
        }
    };
    let waiting = Row {
        what: "Samples not packed yet",
        count: size.map_or_else(nothing, |size| count_figure(size.unsealed as f64).to_string()),
        size: nothing(),
        per_sample: nothing(),
        oldest_ms: None,
    };
    let all = Row {
        what: "The database, with everything",
        count: nothing(),
        size: size.map_or_else(nothing, |size| bytes_figure(size.bytes as f64).to_string()),
        per_sample: nothing(),
        oldest_ms: size.and_then(|size| size.oldest_ms),
    };
    [
        waiting,
        tier("Samples as they were taken", "raw"),
        tier("Summaries of a minute", "minute"),
        tier("Summaries of an hour", "hour"),
        all,
    ]
}

/// What retention as it stands in the form will take, in words.
fn estimate(size: Option<&StoreSize>, hours: impl Fn(&str) -> f64) -> String {
    let Some(size) = size else { return NOTHING.to_owned() };
    let each = |name: &str| {
        let tier = size.tiers.iter().find(|tier| tier.tier == name && tier.samples > 0);
        tier.map(|tier| tier.bytes as f64 / tier.samples as f64)
    };
    let Some(raw_each) = each("raw") else {
        return "How much this will take can be told when the first samples are packed, within the first hour."
            .to_owned();
    };
    let (rate, series) = (size.samples_per_s, size.series as f64);
    let raw = raw_each * rate * 3_600.0 * hours("raw_hours");
    let minute = each("minute").map(|each| each * series * 60.0 * 24.0 * hours("minute_days"));
    let hour = each("hour").map(|each| each * series * 24.0 * hours("hour_days"));
    let all = raw + minute.unwrap_or_default() + hour.unwrap_or_default();
    let missing =
        if minute.is_none() || hour.is_none() { " Not all summaries are measured yet; they come on top." } else { "" };
    format!(
        "When all of it is there, about {}, of which {} are samples: reckoned from {} samples/s since the hub started, \
         {} series, and the sizes below.{missing}",
        bytes_figure(all),
        bytes_figure(raw),
        count_figure(rate),
        count_figure(series),
    )
}

/// The table, asked for anew now and then, and what the chosen retention will take.
#[component]
pub(super) fn StorageSize(form: Form) -> impl IntoView {
    let clock = Clock::expect();
    let size = RwSignal::new(None::<StoreSize>);
    let failure = RwSignal::new(None::<String>);
    let asked_ms = StoredValue::new(None::<i64>);
    let ask = move || {
        asked_ms.set_value(Some(clock.now_untracked().ms()));
        spawn_local(async move {
            let answer = api::storage().await;
            failure.try_set(answer.as_ref().err().map(|problem| problem.detail.clone()));
            if let Ok(newest) = answer {
                size.try_set(Some(newest));
            }
        });
    };
    // The clock ticks in browsers only, and as long as this is shown.
    Effect::new(move |_| {
        let now_ms = clock.now().ms();
        if asked_ms.get_value().is_none_or(|asked_ms| now_ms - asked_ms >= REFRESH_MS) {
            ask();
        }
    });
    let row = move |row: Row| {
        let oldest = row.oldest_ms.map_or_else(|| NOTHING.to_owned(), |ms| clock.write_full(Timestamp(ms)));
        view! {
            <tr>
                <th scope="row">{row.what}</th>
                <td class="number">{row.count}</td>
                <td class="number">{row.size}</td>
                <td class="number">{row.per_sample}</td>
                <td>{oldest}</td>
            </tr>
        }
    };
    let chosen = move |key: &str| form.value(&format!("storage.{key}")).as_f64().unwrap_or_default();
    let outlook = Memo::new(move |_| size.with(|size| estimate(size.as_ref(), chosen)));
    view! {
        <p class="storage-size" data-testid="storage-estimate">
            <span class="field-label">"What it will take: "</span>
            {outlook}
        </p>
        <div class="storage-size" data-testid="storage-size">
            <div class="storage-head">
                <span class="field-label">"What it takes now"</span>
                <span class="storage-failure" role="status">{move || failure.get()}</span>
                <button type="button" class="button" data-testid="refresh-storage" on:click=move |_| ask()>
                    "Look again"
                </button>
            </div>
            <div class="table-scroll">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"What"</th>
                            <th scope="col" class="number">"How many"</th>
                            <th scope="col" class="number">"Size"</th>
                            <th scope="col" class="number">"Each"</th>
                            <th scope="col">"Oldest"</th>
                        </tr>
                    </thead>
                    <tbody>{move || size.with(|size| rows(size.as_ref())).map(row).collect_view()}</tbody>
                </table>
            </div>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::api::TierSize;

    #[test]
    fn the_rows_stay_when_the_figures_come() {
        let tier = TierSize { tier: "raw".into(), blocks: 3, samples: 10_000, bytes: 12_500 };
        let size =
            StoreSize { bytes: 2_000_000, unsealed: 7, oldest_ms: Some(5), tiers: vec![tier], ..Default::default() };
        let (empty, full) = (rows(None), rows(Some(&size)));
        assert_eq!(empty.each_ref().map(|row| row.what), full.each_ref().map(|row| row.what));
        assert!(empty.iter().all(|row| row.count == NOTHING && row.size == NOTHING && row.per_sample == NOTHING));
        assert_eq!(
            (full[1].count.as_str(), full[1].size.as_str(), full[1].per_sample.as_str()),
            ("10 k", "12.5 kB", "1.25 B")
        );
        assert_eq!((full[0].count.as_str(), full[4].size.as_str(), full[4].oldest_ms), ("7", "2 MB", Some(5)));
    }

    #[test]
    fn the_estimate_follows_the_chosen_retention_and_says_what_it_does_not_know() {
        let tier = |tier: &str, samples, bytes| TierSize { tier: tier.into(), blocks: 1, samples, bytes };
        let mut size = StoreSize { series: 100, samples_per_s: 50.0, ..Default::default() };
        let of =
            |size: &StoreSize, hours: f64| estimate(Some(size), |key| if key == "raw_hours" { hours } else { 30.0 });
        assert!(of(&size, 72.0).contains("when the first samples are packed"));
        size.tiers.push(tier("raw", 1_000, 2_000));
        let told = of(&size, 100.0);
        assert!(told.contains("about 36 MB, of which 36 MB are samples: reckoned from 50 samples/s"), "{told}");
        assert!(told.contains("not measured") || told.contains("Not all summaries"), "{told}");
        size.tiers.extend([tier("minute", 10, 500), tier("hour", 10, 500)]);
        let told = of(&size, 200.0);
        // 72 MB of samples, 216 MB of minutes, 3.6 MB of hours.
        assert!(told.contains("about 292 MB, of which 72 MB"), "{told}");
        assert!(!told.contains("Not all"), "{told}");
        assert_eq!(estimate(None, |_| 1.0), NOTHING);
    }
}
