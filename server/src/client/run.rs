//! `netloom run`: starts a command as if nothing were around it, and records it with the hub as a training run.

use netloom_core::run::{
    self, RunStatus,
    request::{COMMAND_MAX_CHARS, EndRun, Moment, NewRun},
};
use tokio::{process::Command, sync::oneshot};

use super::{
    api::Hub,
    command::{Asked, start, written},
    recorder::Recorder,
};
use crate::{cli::RunArgs, clock};

/// The variables by which the command knows its run and its hub.
const RUN_ID_VARIABLE: &str = "NETLOOM_RUN_ID";
const HUB_VARIABLE: &str = "NETLOOM_HUB";

/// Runs the command to its end and returns its exit code.
///
/// # Errors
/// When the arguments are wrong; nothing was started then.
pub async fn run(args: &RunArgs) -> anyhow::Result<i32> {
    let hub = Hub::at(&args.hub)?;
    let (id, new) = described(args)?;
    let mut asked = Asked::listen()?;
    let mut command = Command::new(&args.command[0]);
    command.args(&args.command[1..]).env(RUN_ID_VARIABLE, &id).env(HUB_VARIABLE, hub.url());
    let started = start(&mut command);
    let (tell, ended) = oneshot::channel();
    let url = hub.url().to_owned();
    let recorded = tokio::spawn(Recorder::new(hub, new, id).run(ended));
    let (code, is_stopped) = match started {
        Ok(child) => asked.accompany(child).await?,
        Err(code) => (code, false),
    };
    let status = if is_stopped { RunStatus::Aborted } else { RunStatus::of_exit(Some(code)) };
    // Fails only when the recorder is gone, which then says why itself.
    let _ = tell.send(EndRun { status: Some(status), exit_code: Some(code), ended_at: Some(Moment(clock::now())) });
    if let Err(why) = recorded.await? {
        eprintln!("netloom: the run was not recorded by the hub at {url}: {why}");
    }
    Ok(code)
}

/// The run as the arguments describe it, checked, and its id.
fn described(args: &RunArgs) -> anyhow::Result<(String, NewRun)> {
    let now = clock::now();
    let id = run::id_from(fastrand::u64(..));
    let new = NewRun {
        id: Some(id.clone()),
        name: args.name.clone(),
        tags: args.tags.iter().cloned().collect(),
        nodes: args.nodes.clone(),
        started_at: Some(Moment(now)),
        notes: args.notes.clone(),
        command: Some(written(&args.command, COMMAND_MAX_CHARS)),
        host: sysinfo::System::host_name().ok(),
        heartbeat: true,
        ..NewRun::default()
    };
    let checked = new.clone().build(String::new, now);
    checked.map_err(|wrong| anyhow::anyhow!("{}: {}", wrong.field, wrong.message))?;
    Ok((id, new))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn args(name: &str) -> RunArgs {
        RunArgs {
            name: name.into(),
            tags: vec![("lr".into(), "3e-4".into())],
            nodes: Vec::new(),
            notes: String::new(),
            hub: "http://127.0.0.1:6385".into(),
            command: ["python", "train\n.py"].map(OsString::from).to_vec(),
        }
    }

    #[test]
    fn a_run_is_described_by_its_arguments() {
        let (id, new) = described(&args("bert")).expect("is right");
        assert_eq!((new.id, new.name.as_str()), (Some(id), "bert"));
        assert_eq!((new.tags["lr"].as_str(), new.command.as_deref()), ("3e-4", Some("python train .py")));
        assert!(new.heartbeat && new.started_at.is_some());
        assert!(described(&args("")).expect_err("is wrong").to_string().starts_with("name"));
    }
}
