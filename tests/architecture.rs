//! Goal: the structure that ARCHITECTURE.md draws is the one in the tree. Method: reads the sources' imports, sizes and
//! the document's paths.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Production lines of one file: past this nobody reads it whole.
const FILE_MAX_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    assert!(!found.is_empty(), "{folder} has no sources");
    let named = |path: &PathBuf| path.strip_prefix(root()).unwrap().display().to_string();
    found.iter().map(|path| (named(path), fs::read_to_string(path).unwrap())).collect()
}

/// The code before the tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap().split("#[cfg(all(test").next().unwrap()
}

/// What each module of the server must not know. `agent` never sees what only the hub has.
const FORBIDDEN_IN_SERVER: &[(&str, &[&str])] = &[
    ("server/src/probe", &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/collect", &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/store", &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "web"]),
    ("server/src/live.rs", &["agent", "alert", "board", "config", "hub", "ingest", "settings", "store", "web"]),
    ("server/src/matrix.rs", &["agent", "alert", "config", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/board.rs", &["agent", "alert", "config", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/alert", &["agent", "board", "config", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/rules", &["agent", "board", "config", "hub", "ingest", "live", "runs", "settings", "web"]),
    (
        "server/src/incident_ids.rs",
        &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "store", "web"],
    ),
    (
        "server/src/agent/",
        &["agents", "alert", "board", "config", "hub", "ingest", "live", "mesh", "settings", "store", "uplink", "web"],
    ),
    ("server/src/agent.rs", &["agents", "alert", "board", "hub", "ingest", "live", "mesh", "store", "uplink", "web"]),
    (
        "server/src/agents.rs",
        &["agent", "alert", "board", "config", "hub", "ingest", "live", "mesh", "settings", "uplink", "web"],
    ),
    (
        "server/src/mesh",
        &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "store", "uplink", "web"],
    ),
    ("server/src/private.rs", &["agent", "agents", "clock", "config", "hub", "store", "uplink", "web"]),
    ("server/src/uplink", &["agent", "alert", "config", "hub", "live", "settings", "store"]),
    ("server/src/ingest", &["config", "hub", "web"]),
    ("server/src/watcher.rs", &["agent", "alert", "config", "hub", "ingest", "runs", "settings", "store", "web"]),
    ("server/src/desk", &["agent", "alert", "config", "hub", "ingest", "runs", "web"]),
    (
        "server/src/zone.rs",
        &["agent", "alert", "board", "config", "desk", "hub", "ingest", "live", "settings", "store", "web"],
    ),
    ("server/src/layout", &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "web"]),
    (
        "server/src/jsonl.rs",
        &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "store", "web"],
    ),
    ("server/src/client", &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "store", "web"]),
    (
        "server/src/chart",
        &[
            "agent", "alert", "board", "check", "cli", "client", "clock", "collect", "config", "hub", "ingest", "live",
            "probe", "settings", "store", "tool", "web",
        ],
    ),
    ("server/src/tool", &["agent", "alert", "board", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/care", &["agent", "alert", "board", "hub", "ingest", "live", "settings", "web"]),
    ("server/src/demo/", &["alert", "board", "config", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/notify", &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "web"]),
    (
        "server/src/secrets.rs",
        &["agent", "alert", "board", "config", "hub", "ingest", "live", "notify", "settings", "web"],
    ),
    (
        "server/src/throughput.rs",
        &["agent", "alert", "board", "config", "hub", "ingest", "live", "settings", "store", "uplink", "web"],
    ),
    ("server/src/settings.rs", &["agent", "alert", "board", "hub", "ingest", "web"]),
    (
        "server/src/paths.rs",
        &["agent", "alert", "board", "client", "config", "hub", "ingest", "live", "probe", "settings", "web"],
    ),
    (
        "server/src/marks.rs",
        &["agent", "alert", "board", "client", "config", "hub", "ingest", "probe", "settings", "web"],
    ),
    ("server/src/runs.rs", &["agent", "alert", "board", "client", "config", "hub", "ingest", "settings", "web"]),
    (
        "server/src/client",
        &[
            "agent", "alert", "board", "collect", "config", "hub", "ingest", "live", "probe", "runs", "settings",
            "store", "web",
        ],
    ),
    (
        "server/src/mesh_key.rs",
        &["agent", "alert", "board", "config", "hub", "ingest", "live", "probe", "settings", "store", "web"],
    ),
    ("server/src/watch.rs", &["alert", "board", "hub", "ingest", "live", "settings", "store", "web"]),
    ("server/src/web", &["agent", "alert", "config", "hub"]),
];

#[test]
fn modules_of_the_server_know_only_what_they_may() {
    for (file, text) in sources("server/src") {
        let rules = FORBIDDEN_IN_SERVER.iter().filter(|(place, _)| file.starts_with(place));
        for module in rules.flat_map(|(_, modules)| *modules) {
            let paths = imported_modules(production(&text));
            assert!(!paths.iter().any(|path| path == module), "{file} imports crate::{module}");
        }
    }
}

/// The first segment behind every `crate::`, grouped imports included.
fn imported_modules(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for after in text.split("crate::").skip(1) {
        let ident = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(group) = after.strip_prefix('{') {
            let mut depth = 0;
            let mut entry_starts = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => entry_starts = true,
                    c if entry_starts && c.is_alphabetic() => {
                        modules.push(ident(&group[at..]));
                        entry_starts = false;
                    }
                    _ => {}
                }
            }
        } else {
            modules.push(ident(after));
        }
    }
    modules
}

#[test]
fn imports_are_read_whole() {
    let text = "use crate::{\n    board::Board,\n    web::{self, WebState},\n    clock,\n};\nuse crate::live::Live;";
    assert_eq!(imported_modules(text), ["board", "web", "clock", "live"]);
}

#[test]
fn crates_know_only_what_they_may() {
    let forbidden = |folder: &str, crates: &[&str]| {
        for (file, text) in sources(folder) {
            for name in crates {
                assert!(!production(&text).contains(&format!("{name}::")), "{file} knows {name}");
            }
        }
    };
    forbidden(
        "core/src",
        &["tokio", "sqlx", "leptos", "axum", "netloom_app", "netloom_server", "std::time::SystemTime"],
    );
    forbidden("app/src", &["tokio", "sqlx", "axum", "netloom_server"]);
    forbidden("frontend/src", &["tokio", "sqlx", "axum", "netloom_server"]);
    for (file, text) in sources("server/src") {
        assert!(file == "server/src/web/pages.rs" || !text.contains("netloom_app"), "{file} knows the user interface");
        assert!(file == "server/src/clock.rs" || !text.contains("SystemTime::now"), "{file} reads the clock");
    }
}

#[test]
fn the_browser_is_reached_from_few_files() {
    for (file, text) in sources("app/src") {
        let is_browser_side = ["app/src/live", "app/src/api", "app/src/browser", "app/src/components/canvas"]
            .iter()
            .any(|place| file.starts_with(place));
        assert!(is_browser_side || !production(&text).contains("web_sys"), "{file} reaches into the browser");
    }
}

#[test]
fn files_stay_readable() {
    for folder in ["core/src", "app/src", "frontend/src", "server/src", "xtask/src", "tests"] {
        for (file, text) in sources(folder) {
            let lines = production(&text).lines().count();
            assert!(lines <= FILE_MAX_LINES, "{file} has {lines} lines, at most {FILE_MAX_LINES}");
            assert!(!file.ends_with("mod.rs"), "{file}: tabs should have names");
        }
    }
}

/// Paths in back quotes, in the documents people read first.
#[test]
fn paths_in_the_documents_exist() {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let places = ["core/", "app/", "frontend/", "server/", "tests/", "xtask/", "migrations/", "style/", ".ci/"];
        let quoted =
            text.split('`').skip(1).step_by(2).filter(|code| places.iter().any(|place| code.starts_with(place)));
        for path in quoted.filter(|path| !path.contains(['<', '*', ' ', '{'])) {
            assert!(root().join(path).exists(), "{document} names {path}, which does not exist");
        }
    }
}
