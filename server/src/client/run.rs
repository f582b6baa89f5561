//! `netloom run`: starts a command as if nothing were around it, and records it with the hub as a training run.

use std::{ffi::OsString, fs::File, io::ErrorKind, os::unix::process::ExitStatusExt, process::ExitStatus};

use netloom_core::run::{
    self, RunStatus,
    request::{COMMAND_MAX_CHARS, EndRun, Moment, NewRun},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
    sync::oneshot,
};

use super::{api::Hub, recorder::Recorder};
use crate::{cli::RunArgs, clock};

/// The exit codes of shells for a command that cannot be executed, and for one that is not there.
const EXIT_NOT_EXECUTABLE: i32 = 126;
const EXIT_NOT_FOUND: i32 = 127;
/// What shells add to the number of the signal that ended a command.
const EXIT_SIGNALLED: i32 = 128;

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
    // Before the command starts, so that no signal is missed.
    let mut asked = Asked { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
    let mut command = Command::new(&args.command[0]);
    command.args(&args.command[1..]).env(RUN_ID_VARIABLE, &id).env(HUB_VARIABLE, hub.url());
    let started = command.spawn();
    let (tell, ended) = oneshot::channel();
    let url = hub.url().to_owned();
    let recorded = tokio::spawn(Recorder::new(hub, new, id).run(ended));
    let (code, is_stopped) = match started {
        Ok(child) => asked.accompany(child).await?,
        Err(error) => {
            eprintln!("netloom: {}: {error}", args.command[0].display());
            (if error.kind() == ErrorKind::NotFound { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE }, false)
        }
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
        command: Some(written(&args.command)),
        host: sysinfo::System::host_name().ok(),
        heartbeat: true,
        ..NewRun::default()
    };
    let checked = new.clone().build(String::new, now);
    checked.map_err(|wrong| anyhow::anyhow!("{}: {}", wrong.field, wrong.message))?;
    Ok((id, new))
}

/// A command line as one line of text, for people to recognise it by.
fn written(command: &[OsString]) -> String {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let line = words.join(" ");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(COMMAND_MAX_CHARS).collect()
}

/// The signals by which this process is asked to end.
struct Asked {
    interrupt: Signals,
    terminate: Signals,
}

impl Asked {
    /// Waits for the command and passes signals on to it. Returns its exit code, and whether somebody stopped it.
    async fn accompany(&mut self, mut child: Child) -> std::io::Result<(i32, bool)> {
        let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
        let forward = |with: Signal| {
            if let Some(pid) = pid {
                // Fails only for a command that has ended in this moment.
                let _ = kill_process(pid, with);
            }
        };
        let mut is_stopped = false;
        loop {
            tokio::select! {
                status = child.wait() => {
                    let status = status?;
                    let by_signal = [Signal::INT, Signal::TERM].map(Signal::as_raw).map(Some).contains(&status.signal());
                    return Ok((code(status), is_stopped || by_signal));
                }
                _ = self.interrupt.recv() => {
                    is_stopped = true;
                    if !is_in_foreground() {
                        forward(Signal::INT);
                    }
                }
                _ = self.terminate.recv() => {
                    is_stopped = true;
                    forward(Signal::TERM);
                }
            }
        }
    }
}

/// Whether this process is in the foreground of a terminal. Then Ctrl-C reaches the command too, from the terminal, and
/// a second interrupt would cut its clean-up short.
fn is_in_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else { return false };
    rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// The exit code that a shell would give.
fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(EXIT_SIGNALLED + status.signal()?)).unwrap_or(EXIT_SIGNALLED)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn exit_codes_are_those_of_shells() {
        assert_eq!(code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(code(ExitStatus::from_raw(15)), 143);
    }
}
