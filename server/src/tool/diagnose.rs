//! `netloom diagnose`: looks at everything, says what is wrong, and what it stands on.

mod known;
mod via;
mod words;

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use netloom_core::{
    check::{Finding, Outcome, Progress},
    diagnosis::{Diagnosis, DiagnosisState, Grade, HOSTS_MAX, Item, asked::Asked, plan},
    errand::Plan,
};
use tokio_util::sync::CancellationToken;

use self::known::Known;
use super::{probe, screen::Screen, stop};
use crate::{
    check::{Means, Nodes},
    cli::DiagnoseArgs,
    client::api::Hub,
    clock, colour, diagnose, exit, report,
};

/// Where a hub on this machine is.
const LOCAL_HUB: &str = "http://127.0.0.1:6385";
/// Why what was not found was not.
const STOPPED: &str = "it was stopped";

/// Diagnoses, and returns the exit code.
///
/// # Errors
/// When it cannot be done.
pub async fn run(args: &DiagnoseArgs) -> anyhow::Result<u8> {
    if args.hosts.len() > HOSTS_MAX {
        bail!("at most {HOSTS_MAX} hosts in one diagnosis");
    }
    if let Some(file) = &args.report {
        try_file(file)?;
    }
    let stop = stop::on_signal()?;
    let screen = Screen::new(1, args.json);
    let diagnosis = match &args.via {
        Some(node) => via::run(args, node, &screen, &stop).await?,
        None => here(args, &screen, &stop).await?,
    };
    screen.clear();
    // Before anything is printed: whoever reads no further wants the file all the same.
    let written = args.report.as_deref().map(|file| write(file, &diagnosis));
    if args.json {
        probe::print(&(serde_json::to_string_pretty(&diagnosis)? + "\n"))?;
    } else {
        probe::print(&words::told(&diagnosis, colour::on_stdout()))?;
    }
    if let Some(file) = &args.report {
        written.transpose()?;
        screen.say(&format!("written: {}", file.display()));
    }
    exit_code(&diagnosis)
}

/// What the verdict is to scripts.
fn exit_code(diagnosis: &Diagnosis) -> anyhow::Result<u8> {
    let is_whole = match &diagnosis.state {
        DiagnosisState::Failed { why } if why != STOPPED => bail!("the diagnosis did not come to an end: {why}"),
        state => *state == DiagnosisState::Done,
    };
    Ok(match diagnosis.verdict.as_ref().map_or(Grade::Unknown, |verdict| verdict.grade) {
        Grade::Bad => exit::ERROR,
        Grade::Notable => exit::WARNING,
        Grade::Fine if is_whole => exit::FINE,
        // What was not looked at may be anything.
        Grade::Fine | Grade::Unknown => exit::UNKNOWN,
    })
}

/// Tries whether a report can be written there, before anybody waits for one in vain. Leaves nothing behind.
fn try_file(file: &Path) -> anyhow::Result<()> {
    let tried = match fs::metadata(file) {
        // Something like a pipe is opened once.
        Ok(found) if !found.is_file() && !found.is_dir() => Ok(()),
        Ok(_) => File::options().write(true).open(file).map(drop),
        Err(_) => File::create_new(file).and_then(|_| fs::remove_file(file)),
    };
    tried.with_context(|| format!("--report: cannot write {}", file.display()))
}

fn write(file: &Path, diagnosis: &Diagnosis) -> anyhow::Result<()> {
    fs::write(file, report::page(diagnosis)).with_context(|| format!("--report: cannot write {}", file.display()))
}

/// Checks from this machine. A hub is asked who else is there, and not waited for.
async fn here(args: &DiagnoseArgs, screen: &Screen, stop: &CancellationToken) -> anyhow::Result<Diagnosis> {
    let is_named = args.hub.is_some();
    let hub = Hub::at(args.hub.as_deref().unwrap_or(LOCAL_HUB))?;
    let known = Known::ask(&hub, is_named).await;
    if let Some(note) = &known.note {
        screen.note(&format!("netloom: {}", words::plain(note)));
    }
    let plan = planned(&args.hosts, &known)?;
    let specs = plan::plan(&plan, &diagnose::surroundings());
    let mut means = Means::of_terminal();
    means.nodes = Nodes::told(known.names());
    let mut diagnosis = Diagnosis {
        state: DiagnosisState::Running,
        items: specs.iter().cloned().map(Item::waiting).collect(),
        ..Diagnosis::asked("", known.own_name.clone(), args.hosts.clone(), clock::now())
    };
    screen.begin(specs.len() as u64);
    let progressed = |_: usize, _: Progress| {};
    let mut found = diagnose::run(&specs, &means, known.look_limit, &progressed);
    let mut done = 0;
    loop {
        let (at, finding) = tokio::select! {
            found = found.next() => match found {
                Some(found) => found,
                None => break,
            },
            () = stop.cancelled() => {
                let (left, all) = (cut(&mut diagnosis, STOPPED), diagnosis.items.len());
                screen.note(&format!("netloom: {STOPPED}: {left} of {all} checks had not ended"));
                return Ok(diagnosis);
            }
        };
        done += 1;
        diagnosis.items[at].take(finding);
        let spec = &diagnosis.items[at].spec;
        screen.show(done, format!("{}: {}", spec.subject, spec.title));
    }
    diagnosis.conclude(clock::now());
    Ok(diagnosis)
}

/// Ends it before its time, with what was found until then. Returns how many checks had not ended.
fn cut(diagnosis: &mut Diagnosis, why: &str) -> usize {
    let mut left = 0;
    for item in diagnosis.items.iter_mut().filter(|item| item.finding.is_none()) {
        item.take(Finding::new(Outcome::Skipped { why: why.to_owned() }));
        left += 1;
    }
    diagnosis.fail(why, clock::now());
    left
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

#[cfg(test)]
mod tests {
    use netloom_core::{
        check::{Check, Phase},
        diagnosis::{DiagnosisVerdict, ItemSpec},
        time::Timestamp,
    };

    use super::*;

    fn diagnosis(items: Vec<Item>) -> Diagnosis {
        Diagnosis { state: DiagnosisState::Running, items, ..Diagnosis::asked("", "n1", Vec::new(), Timestamp(0)) }
    }

    #[test]
    fn scripts_are_told_as_monitoring_plug_ins_tell() {
        let failed = |why: &str| DiagnosisState::Failed { why: why.into() };
        for (grade, state, expected) in [
            (Some(Grade::Fine), DiagnosisState::Done, Some(0)),
            (Some(Grade::Notable), DiagnosisState::Done, Some(1)),
            (Some(Grade::Bad), DiagnosisState::Done, Some(2)),
            (Some(Grade::Unknown), DiagnosisState::Done, Some(3)),
            (None, DiagnosisState::Done, Some(3)),
            (Some(Grade::Fine), failed(STOPPED), Some(3)),
            (Some(Grade::Notable), failed(STOPPED), Some(1)),
            (Some(Grade::Bad), failed(STOPPED), Some(2)),
            (None, failed(STOPPED), Some(3)),
            (Some(Grade::Fine), failed("the agent went away"), None),
        ] {
            let words = (String::new(), Vec::new());
            let verdict = |grade| DiagnosisVerdict {
                grade,
                sentence: words.0.clone(),
                is_closed_network: false,
                points: words.1.clone(),
            };
            let ended = Diagnosis { verdict: grade.map(verdict), state, ..diagnosis(Vec::new()) };
            assert_eq!(exit_code(&ended).ok(), expected, "{ended:?}");
        }
    }

    #[test]
    fn what_was_found_before_a_stop_is_judged() {
        let item = |title: &str| {
            let check = Check::parse("tcp://10.0.0.7:80").expect("a check");
            Item::waiting(ItemSpec { subject: "db".into(), title: title.into(), check })
        };
        let mut cut = diagnosis(vec![item("TCP 80"), item("TCP 81")]);
        cut.items[1].take(Finding::failed(Phase::Connect, "connection refused", "start it"));
        assert_eq!(super::cut(&mut cut, STOPPED), 1);
        assert_eq!((cut.items[0].grade, cut.items[0].headline.as_str()), (Grade::Unknown, STOPPED));
        assert_eq!(exit_code(&cut).ok(), Some(exit::ERROR), "{:?}", cut.verdict);
        assert!(cut.ended_at.is_some() && report::page(&cut).contains(STOPPED));
    }

    #[test]
    fn a_report_that_cannot_be_written_is_known_before_anything_is_checked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("there"), "old").expect("written");
        try_file(&path("new")).expect("can be written");
        try_file(&path("there")).expect("can be written");
        assert!(!path("new").exists(), "nothing is left behind");
        assert_eq!(fs::read(path("there")).expect("there"), b"old");
        try_file(Path::new("/dev/null")).expect("can be written");
        for wrong in [folder.path().to_owned(), path("none/below"), path("there/below")] {
            let why = format!("{:#}", try_file(&wrong).expect_err("cannot be written"));
            assert!(why.starts_with("--report: cannot write "), "{why}");
        }
    }
}
