//! Somebody else's command: it starts, signals are passed on to it, and its exit code is the one that a shell would give.

use std::{fs::File, io::ErrorKind, os::unix::process::ExitStatusExt, process::ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
};

/// The exit codes of shells for a command that cannot be executed, and for one that is not there.
const EXIT_NOT_EXECUTABLE: i32 = 126;
const EXIT_NOT_FOUND: i32 = 127;
/// What shells add to the number of the signal that ended a command.
const EXIT_SIGNALLED: i32 = 128;

/// Starts a command.
///
/// # Errors
/// The exit code that a shell would give; why it did not start was said on standard error.
pub(crate) fn start(command: &mut Command) -> Result<Child, i32> {
    command.spawn().map_err(|error| {
        eprintln!("netloom: {}: {error}", command.as_std().get_program().display());
        if error.kind() == ErrorKind::NotFound { EXIT_NOT_FOUND } else { EXIT_NOT_EXECUTABLE }
    })
}

/// The signals by which this process is asked to end.
pub(crate) struct Asked {
    interrupt: Signals,
    terminate: Signals,
}

impl Asked {
    /// Listens from now on: before the command starts, so that no signal is missed.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for a signal while there is no command; returns the exit code of one that it would have ended.
    pub(crate) async fn any(&mut self) -> i32 {
        let number = tokio::select! {
            _ = self.interrupt.recv() => Signal::INT.as_raw(),
            _ = self.terminate.recv() => Signal::TERM.as_raw(),
        };
        EXIT_SIGNALLED + number
    }

    /// Waits for the command and passes signals on to it. Returns its exit code, and whether somebody stopped it.
    ///
    /// # Errors
    /// When the system does not tell how it ended.
    pub(crate) async fn accompany(&mut self, mut child: Child) -> std::io::Result<(i32, bool)> {
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

/// A command line as one line of text, for people to recognise it by.
pub(crate) fn written(command: &[std::ffi::OsString], max_chars: usize) -> String {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    on_a_line(&words.join(" "), max_chars)
}

/// Text without ends of lines and other signs that control something.
pub(crate) fn on_a_line(text: &str, max_chars: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max_chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_shells() {
        assert_eq!(code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(code(ExitStatus::from_raw(15)), 143);
    }
}
