//! Goal: nobody overwrites anybody silently, everybody sees who changed what, and any change can be undone. Method: a hub
//! in this process, asked over HTTP; saved documents as another version would have left them.

use netloom_core::settings::layers::Held;
use netloom_server::{config::Config, store};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::TestHub;

const HISTORY: &str = "/api/v1/settings/history";

async fn sent(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

/// Saves as somebody.
async fn save(hub: &TestHub, who: &str, body: &Value) -> (u16, Value) {
    sent(hub.client.put(hub.url("/api/v1/settings")).header("netloom-user", who).json(body)).await
}

async fn undo(hub: &TestHub, version: &str) -> (u16, Value) {
    let url = hub.url(&format!("{HISTORY}/{version}"));
    sent(hub.client.post(url).header("netloom-user", "Eve")).await
}

async fn import(hub: &TestHub, parameters: &str, text: &str) -> (u16, Value) {
    let url = hub.url(&format!("/api/v1/settings/import{parameters}"));
    sent(hub.client.post(url).header("netloom-user", "Ida").body(text.to_owned())).await
}

async fn details(hub: &TestHub) -> Value {
    hub.get("/api/v1/settings/details").await.1
}

fn fields(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["field"].as_str().unwrap()).collect()
}

/// A hub over what another version saved.
async fn over_saved(saved: &Value, change: impl FnOnce(&mut Config)) -> TestHub {
    let folder = tempfile::tempdir().unwrap();
    let stores = store::open(folder.path()).await.unwrap();
    stores.ledger.save_settings(4, 0, saved, &[]).await.unwrap();
    stores.database.close().await;
    drop(stores);
    TestHub::start_with(folder, change).await
}

#[tokio::test]
async fn the_history_says_who_changed_what_and_survives_a_restart() {
    let hub = TestHub::start().await;
    assert_eq!(hub.get(HISTORY).await, (200, json!([])));
    save(&hub, "Ann", &json!({"probe": {"packets": 3}, "storage": {"raw_hours": 24}})).await;
    save(&hub, "Zoë Ł", &json!({"probe": {"packets": 4}})).await;
    assert_eq!(hub.put_settings(&json!({"probe": {"packets": 4}})).await.0, 200);
    let hub = TestHub::start_in(hub.stop().await).await;
    let history = hub.get(HISTORY).await.1;
    assert_eq!(history.as_array().unwrap().len(), 2, "what changes nothing is no change: {history}");
    assert_eq!((&history[0]["by"], &history[0]["version"]), (&json!("Zoë Ł"), &json!(2)));
    assert_eq!(history[0]["changes"], json!([{"field": "probe.packets", "before": 3, "after": 4}]));
    assert_eq!(
        (fields(&history[1]["changes"]), &history[1]["by"]),
        (vec!["probe.packets", "storage.raw_hours"], &json!("Ann"))
    );
    let sources = details(&hub).await["sources"].clone();
    assert_eq!(
        (&sources["probe.packets"]["layer"], &sources["probe.packets"]["by"]),
        (&json!("saved"), &json!("Zoë Ł"))
    );
    assert_eq!(sources["storage.raw_hours"]["by"], "Ann");
    assert_eq!(
        (&sources["probe.interval_ms"]["layer"], &sources["mesh.enabled"]["layer"]),
        (&json!("file"), &json!("default"))
    );
    hub.put_settings(&json!({"probe": {"packets": 5}})).await;
    assert_eq!(hub.get(HISTORY).await.1[0]["by"], "someone at 127.0.0.1");
    hub.stop().await;
}

#[tokio::test]
async fn two_who_save_at_once_overwrite_nothing_silently() {
    let hub = TestHub::start().await;
    let put = async |who: &str, version: &str, body: Value| {
        let request = hub.client.put(hub.url("/api/v1/settings")).header("if-match", version);
        sent(request.header("netloom-user", who).json(&body)).await
    };
    let (ann, bob) = tokio::join!(
        put("Ann", "\"0\"", json!({"probe": {"packets": 3}})),
        put("Bob", "\"0\"", json!({"probe": {"packets": 7}})),
    );
    let (winner, refused) = if ann.0 == 200 { ("Ann", bob) } else { ("Bob", ann) };
    assert_eq!(refused.0, 412, "{refused:?}");
    assert_eq!(fields(&refused.1["errors"]), ["probe.packets"]);
    assert!(refused.1["errors"][0]["message"].as_str().unwrap().contains(winner), "{refused:?}");
    // Scripts that name no version change what they name, whatever changed besides.
    let (one, two) = (json!({"storage": {"raw_hours": 24}}), json!({"mesh": {"packets": 2}}));
    let scripts = tokio::join!(save(&hub, "one", &one), save(&hub, "two", &two));
    assert_eq!((scripts.0.0, scripts.1.0), (200, 200));
    let settings = hub.get("/api/v1/settings").await.1;
    assert_eq!((&settings["storage"]["raw_hours"], &settings["mesh"]["packets"]), (&json!(24), &json!(2)));
    assert_eq!(hub.get(HISTORY).await.1.as_array().unwrap().len(), 3);
    hub.stop().await;
}

#[tokio::test]
async fn a_change_is_undone_unless_somebody_changed_it_again() {
    let hub = TestHub::start().await;
    save(&hub, "Ann", &json!({"probe": {"packets": 3}, "storage": {"raw_hours": 24}})).await;
    save(&hub, "Bob", &json!({"probe": {"packets": 4}})).await;
    let (status, problem) = undo(&hub, "1/undo").await;
    assert_eq!((status, fields(&problem["errors"])), (409, vec!["probe.packets"]));
    assert!(problem["errors"][0]["message"].as_str().unwrap().contains("is 4 by now"), "{problem}");
    assert_eq!(hub.get("/api/v1/settings").await.1["storage"]["raw_hours"], 24, "nothing was changed");
    let (status, settings) = undo(&hub, "2/undo").await;
    assert_eq!((status, &settings["probe"]["packets"]), (200, &json!(3)));
    let (status, settings) = undo(&hub, "1/undo").await;
    assert_eq!(
        (status, &settings["probe"]["packets"], &settings["storage"]["raw_hours"]),
        (200, &json!(5), &json!(72))
    );
    let history = hub.get(HISTORY).await.1;
    assert_eq!((&history[0]["note"], &history[0]["by"]), (&json!("undo of version 1"), &json!("Eve")));
    assert_eq!(details(&hub).await["sources"]["storage.raw_hours"]["layer"], "default");
    let (status, settings) = undo(&hub, "2/undo?force=true").await;
    assert_eq!((status, &settings["probe"]["packets"]), (200, &json!(3)));
    let (status, settings) = undo(&hub, "5/undo").await;
    assert_eq!((status, &settings["probe"]["packets"]), (200, &json!(5)), "an undo can be undone");
    for (path, status, culprit) in
        [("99/undo", 404, "99"), ("x/undo", 400, "version"), ("1/undo?force=maybe", 400, "force")]
    {
        let (got, problem) = undo(&hub, path).await;
        assert_eq!(got, status, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(culprit), "{path}: {problem}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn one_bad_field_of_a_saved_document_is_left_out_and_told() {
    let saved = json!({
        "probe": {"packets": 999, "timeout_ms": 700, "former": true},
        "storage": {"raw_hours": "long"},
        "alerts": {"latency": {"limit_ms": 7.5}},
    });
    let hub = over_saved(&saved, |_| {}).await;
    let told = details(&hub).await;
    let settings = &told["settings"];
    assert_eq!(
        (&settings["probe"]["timeout_ms"], &settings["alerts"]["latency"]["limit_ms"]),
        (&json!(700), &json!(7.5))
    );
    assert_eq!((&settings["probe"]["packets"], &settings["storage"]["raw_hours"]), (&json!(5), &json!(72)));
    let mut left_out = fields(&told["left_out"]);
    left_out.sort_unstable();
    assert_eq!(left_out, ["probe.former", "probe.packets", "storage.raw_hours"]);
    assert!(told["left_out"].to_string().contains("must be a number from 1 to 20"), "{told}");
    assert_eq!(told["version"], 4, "reading changes nothing");

    // Once something is saved, what was left out is in the history and nowhere else.
    assert_eq!(save(&hub, "Ann", &json!({"probe": {"timeout_ms": 600}})).await.0, 200);
    assert_eq!(details(&hub).await["left_out"], Value::Null);
    let history = hub.get(HISTORY).await.1;
    assert_eq!((&history[0]["by"], &history[0]["version"]), (&json!("Ann"), &json!(6)));
    assert_eq!((&history[1]["by"], &history[1]["version"]), (&json!("Netloom"), &json!(5)));
    let packets = history[1]["changes"].as_array().unwrap().iter().find(|change| change["field"] == "probe.packets");
    assert_eq!(packets.unwrap(), &json!({"field": "probe.packets", "before": 999, "after": 5}));
    let (status, problem) = undo(&hub, "5/undo").await;
    assert_eq!((status, problem["type"].as_str().unwrap()), (422, "urn:netloom:problem:invalid-settings"));
    hub.stop().await;
}

#[tokio::test]
async fn what_flags_and_environment_hold_is_named_and_what_was_saved_waits_below() {
    let held = |config: &mut Config| {
        config.held = Held::new(json!({"probe": {"packets": 2}}), json!({"storage": {"raw_hours": 12}}));
    };
    let saved = json!({"probe": {"packets": 9, "timeout_ms": 700}, "storage": {"raw_hours": 24}});
    let hub = over_saved(&saved, held).await;
    let told = details(&hub).await;
    assert_eq!(
        (&told["settings"]["probe"]["packets"], &told["settings"]["storage"]["raw_hours"]),
        (&json!(2), &json!(12))
    );
    assert_eq!(told["sources"]["probe.packets"], json!({"layer": "flag", "saved": 9}));
    let variable = "NETLOOM_SETTINGS__STORAGE__RAW_HOURS";
    assert_eq!(
        told["sources"]["storage.raw_hours"],
        json!({"layer": "environment", "variable": variable, "saved": 24})
    );
    for (change, holder) in
        [(json!({"probe": {"packets": 4}}), "--set probe.packets"), (json!({"storage": {"raw_hours": 13}}), variable)]
    {
        let (status, problem) = save(&hub, "Ann", &change).await;
        assert_eq!(status, 422);
        assert!(problem["detail"].as_str().unwrap().contains(holder), "{problem}");
    }
    assert_eq!(save(&hub, "Ann", &json!({"probe": {"timeout_ms": 600}})).await.0, 200);
    let hub = TestHub::start_in(hub.stop().await).await;
    let settings = hub.get("/api/v1/settings").await.1;
    assert_eq!((&settings["probe"]["packets"], &settings["storage"]["raw_hours"]), (&json!(9), &json!(24)), "kept");
    assert_eq!(settings["probe"]["timeout_ms"], 600);
    hub.stop().await;
}

#[tokio::test]
async fn an_export_goes_into_another_hub_and_a_dry_run_changes_nothing() {
    let hub = TestHub::start().await;
    let change = json!({
        "probe": {"packets": 3, "targets": [{"name": "nine", "address": "127.0.0.9", "port": 22}]},
        "alerts": {"latency": {"limit_ms": 2.5}},
    });
    save(&hub, "Ann", &change).await;
    let response = hub.client.get(hub.url("/api/v1/settings/export")).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/toml"));
    let text = response.text().await.unwrap();
    assert!(text.starts_with("# Settings of Netloom at version 1"), "{text}");
    assert!(!text.contains("timeout_ms"), "defaults are left out: {text}");

    let other = TestHub::start().await;
    save(&other, "Ann", &json!({"mesh": {"packets": 2}})).await;
    let before = details(&other).await;
    let (status, dry) = import(&other, "?dry_run=true", &text).await;
    assert_eq!((status, &dry["is_applied"], &dry["version"]), (200, &json!(false), &json!(1)));
    assert_eq!(fields(&dry["changes"]), ["probe.targets", "probe.packets", "alerts.latency.limit_ms"]);
    assert_eq!(details(&other).await, before);
    let (status, real) = import(&other, "", &text).await;
    assert_eq!((status, &real["is_applied"], &real["version"]), (200, &json!(true), &json!(2)));
    assert_eq!(real["changes"], dry["changes"]);
    let settings = other.get("/api/v1/settings").await.1;
    assert_eq!((&settings["probe"]["targets"], &settings["mesh"]["packets"]), (&change["probe"]["targets"], &json!(2)));
    let history = other.get(HISTORY).await.1;
    assert_eq!((&history[0]["note"], &history[0]["by"]), (&json!("import"), &json!("Ida")));
    let (_, dry) = import(&other, "?dry_run=true&reset_others=true", &text).await;
    assert_eq!(fields(&dry["changes"]), ["mesh.packets"]);
    hub.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn documents_that_cannot_be_imported_are_refused_with_line_or_field() {
    let hub = TestHub::start().await;
    let before = details(&hub).await;
    let huge = format!("# {}\n[settings]\n", "x".repeat(2_000_000));
    let cases = [
        ("[settings.probe]\npackets = 3\ntimeout_ms = \n", 400, "line 3"),
        ("\n[settings", 400, "line 2"),
        ("", 400, "[settings]"),
        ("{\"probe\": {}}", 400, "line 1"),
        ("listen = \"0.0.0.0:1\"", 400, "[settings]"),
        ("settings = 3", 422, "object"),
        ("[settings.probe]\npackets = 3\ninterval_ms = 5", 422, "probe.interval_ms"),
        ("[settings.probe]\npackets = \"many\"", 422, "probe.packets"),
        ("[settings.probe]\nspeed = 1", 422, "probe.speed"),
        ("[settings.alerts.latency]\nlimit_ms = nan", 422, "alerts.latency.limit_ms"),
        ("[settings.alerts.latency]\nlimit_ms = inf", 422, "alerts.latency.limit_ms"),
        (
            "[[settings.probe.targets]]\naddress = \"127.0.0.1\"\n[[settings.probe.targets]]\naddress = \"a b\"",
            422,
            "targets[1]",
        ),
        (&huge, 413, "limit"),
    ];
    for (text, status, culprit) in cases {
        for parameters in ["", "?dry_run=true"] {
            let (got, problem) = import(&hub, parameters, text).await;
            let shown = &text[..text.len().min(60)];
            assert_eq!(got, status, "{shown}: {problem}");
            assert!(problem["detail"].as_str().unwrap().contains(culprit), "{shown}: {problem}");
        }
    }
    assert_eq!(import(&hub, "?dry=true", "[settings]").await.0, 400);
    assert_eq!(details(&hub).await, before);
    hub.stop().await;
}

#[tokio::test]
async fn the_history_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = store::open(folder.path()).await.unwrap().ledger;
    let change = |version: u64, size: usize| {
        let by = "x".repeat(size);
        serde_json::from_value(json!({"version": version, "at": "2026-01-01T00:00:00Z", "by": by, "changes": []}))
            .unwrap()
    };
    let most = store::ledger::setting::HISTORY_MAX as u64;
    let rows: Vec<_> = (1..=most + 3).map(|version| change(version, 1)).collect();
    ledger.save_settings(most + 3, 0, &json!({}), &rows).await.unwrap();
    let kept = ledger.settings_history().await.unwrap();
    assert_eq!((kept.len() as u64, kept[0].version, kept.last().unwrap().version), (most, most + 3, 4));
    let half = store::ledger::setting::HISTORY_MAX_BYTES as usize / 2;
    for version in 1..4 {
        let version = most + 3 + version;
        ledger.save_settings(version, 0, &json!({}), &[change(version, half)]).await.unwrap();
    }
    let kept = ledger.settings_history().await.unwrap();
    assert_eq!(kept.iter().map(|change| change.version).collect::<Vec<_>>(), [most + 6], "two halves are too much");
    assert_eq!(ledger.settings_change(most + 6).await.unwrap().unwrap().version, most + 6);
    assert_eq!(ledger.settings_change(1).await.unwrap(), None);
}
