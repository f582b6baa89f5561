//! `netloom diagnose`: looks at everything, says what is wrong, and what it stands on.

mod known;
mod words;

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use netloom_core::{
    check::Progress,
    diagnosis::{Diagnosis, DiagnosisRequest, DiagnosisState, Grade, HOSTS_MAX, Item, asked::Asked, plan},
    errand::Plan,
};
use tokio::time::{Instant, sleep};

use self::known::Known;
use super::screen::Screen;
use crate::{
    check::{Means, Nodes},
    cli::DiagnoseArgs,
    client::api::Hub,
    clock, colour, diagnose, exit, report,
};

/// The exit code when something is bad.
const EXIT_BAD: u8 = 1;
/// Where a hub on this machine is.
const LOCAL_HUB: &str = "http://127.0.0.1:6385";
/// How often the hub is asked how far a node is.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// How long a diagnosis through the hub is waited for. The hub gives up before.
const VIA_LIMIT: Duration = Duration::from_mins(10);

/// Diagnoses, and returns the exit code.
///
/// # Errors
/// When it cannot be done.
pub async fn run(args: &DiagnoseArgs) -> anyhow::Result<u8> {
    if args.hosts.len() > HOSTS_MAX {
        bail!("at most {HOSTS_MAX} hosts in one diagnosis");
    }
    let screen = Screen::new(1, args.json);
    let diagnosis = match &args.via {
        Some(node) => via(args, node, &screen).await?,
        None => here(args, &screen).await?,
    };
    screen.clear();
    // Before anything is printed: whoever reads no further wants the file all the same.
    if let Some(file) = &args.report {
        write(file, &diagnosis)?;
    }
    if args.json {
        screen.result(&serde_json::to_string_pretty(&diagnosis)?)?;
    } else {
        screen.result(words::told(&diagnosis, colour::on_stdout()).trim_end())?;
    }
    if let Some(file) = &args.report {
        screen.say(&format!("written: {}", file.display()));
    }
    if let DiagnosisState::Failed { why } = &diagnosis.state {
        bail!("the diagnosis did not come to an end: {why}");
    }
    let is_bad = diagnosis.verdict.is_some_and(|verdict| verdict.grade == Grade::Bad);
    Ok(if is_bad { EXIT_BAD } else { exit::FINE })
}

fn write(file: &Path, diagnosis: &Diagnosis) -> anyhow::Result<()> {
    std::fs::write(file, report::page(diagnosis)).with_context(|| format!("cannot write {}", file.display()))
}

/// Checks from this machine. A hub is asked who else is there, and not waited for.
async fn here(args: &DiagnoseArgs, screen: &Screen) -> anyhow::Result<Diagnosis> {
    let is_named = args.hub.is_some();
    let hub = Hub::at(args.hub.as_deref().unwrap_or(LOCAL_HUB))?;
    let known = Known::ask(&hub, is_named).await;
    let plan = planned(&args.hosts, &known)?;
    let specs = plan::plan(&plan, &diagnose::surroundings());
    let mut means = Means::new();
    means.nodes = Nodes::told(known.names());
    let mut diagnosis = Diagnosis {
        id: String::new(),
        node: known.own_name.clone(),
        hosts: args.hosts.clone(),
        by: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: clock::now(),
        ended_at: None,
        state: DiagnosisState::Running,
        items: specs.iter().cloned().map(Item::waiting).collect(),
        verdict: None,
    };
    screen.begin(specs.len() as u64);
    let progressed = |_: usize, _: Progress| {};
    let mut found = diagnose::run(&specs, &means, &progressed);
    let mut done = 0;
    while let Some((at, finding)) = found.next().await {
        done += 1;
        diagnosis.items[at].take(finding);
        let spec = &diagnosis.items[at].spec;
        screen.show(done, format!("{}: {}", spec.subject, spec.title));
    }
    drop(found);
    diagnosis.conclude(clock::now());
    Ok(diagnosis)
}

/// What is checked from here.
fn planned(hosts: &[String], known: &Known) -> anyhow::Result<Plan> {
    if hosts.is_empty() {
        return Ok(Plan { hosts: known.all(), is_usual: true, checks: Vec::new() });
    }
    let mut made = Plan::default();
    for text in hosts {
        let text = text.trim();
        if let Some(node) = known.node(text) {
            made.hosts.push(node);
            continue;
        }
        match Asked::parse(text).map_err(|why| anyhow::anyhow!("{why}"))? {
            Asked::Host { host, port } => made.hosts.push(known::named(text, host, port)),
            Asked::Check(check) => made.checks.push((text.to_owned(), check)),
        }
    }
    Ok(made)
}

/// Has a node of the hub check.
async fn via(args: &DiagnoseArgs, node: &str, screen: &Screen) -> anyhow::Result<Diagnosis> {
    let hub = Hub::at(args.hub.as_deref().unwrap_or(LOCAL_HUB))?;
    let request = DiagnosisRequest {
        node: node.to_owned(),
        hosts: args.hosts.clone(),
        throughput: args.throughput,
        during_run: args.during_run,
    };
    let told = |error| anyhow::anyhow!("the hub at {}: {error}", hub.url());
    let mut diagnosis = hub.diagnose(&request).await.map_err(told)?;
    let until = Instant::now() + VIA_LIMIT;
    while !diagnosis.state.is_end() {
        if Instant::now() >= until {
            bail!("{node} did not come to an end within {} s", VIA_LIMIT.as_secs());
        }
        sleep(ASK_EVERY).await;
        diagnosis = hub.diagnosis(&diagnosis.id).await.map_err(told)?;
        let brief = diagnosis.brief();
        screen.begin(brief.items.max(1) as u64);
        screen.show(brief.done as u64, format!("{node} checks"));
    }
    Ok(diagnosis)
}
