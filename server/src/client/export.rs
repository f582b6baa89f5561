//! `netloom export`: samples of a hub into a file or a pipe.

use std::{
    fs::File,
    io::{self, ErrorKind, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use netloom_core::export::{ExportFormat, ExportText};
use reqwest::Response;

use super::{
    hub::{Hub, innermost, problem_of},
    progress::{Progress, STEPS},
};
use crate::{cli::ExportArgs, exit};

/// Takes samples out of a hub.
///
/// # Errors
/// One line; what came until then stays in the unfinished file.
pub async fn run(args: &ExportArgs) -> anyhow::Result<u8> {
    let text = wish(args);
    let format = text.format.as_deref().and_then(ExportFormat::parse).unwrap_or(ExportFormat::JsonLines);
    let hub = Hub::new(&args.hub)?;
    let url = hub.url("/api/v1/export", text.pairs());
    let response = hub.client.get(url).send().await.map_err(|error| hub.unreachable(&error))?;
    if !response.status().is_success() {
        bail!("{}", problem_of(response).await.detail);
    }
    let mut target = Target::open(&args.output)?;
    match copy(response, format, &mut target).await {
        Ok(samples) => target.finish(samples)?,
        Err(Broken::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(broken) => bail!("{broken}{}", target.rest()),
    }
    Ok(exit::FINE)
}

/// The wish as the hub reads it; the end of the file's name says how it is written, unless that is said.
fn wish(args: &ExportArgs) -> ExportText {
    let by_name = || Some(args.output.extension()?.to_str()?.to_owned());
    let format = args.format.clone().or_else(|| by_name().filter(|name| ExportFormat::parse(name).is_some()));
    ExportText {
        format,
        metric: args.metric.clone(),
        run: args.run.clone(),
        node: args.node.clone(),
        src: args.src.clone(),
        dst: args.dst.clone(),
        interface: args.interface.clone(),
        mode: args.mode.clone(),
        from: args.from.clone(),
        to: args.to.clone(),
    }
}

/// Where it broke.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the connection to the hub broke ({0}): the export is not complete")]
    Hub(String),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Copies everything; returns how many samples there were.
async fn copy(mut response: Response, format: ExportFormat, target: &mut Target) -> Result<u64, Broken> {
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse::<i64>().ok();
    let range = number("x-netloom-from").zip(number("x-netloom-to"));
    let expected = number("x-netloom-samples").and_then(|samples| u64::try_from(samples).ok());
    let progress = if target.is_seen() { Progress::hidden() } else { Progress::new(range.map(|_| STEPS)) };
    let mut lines = 0_u64;
    while let Some(chunk) = response.chunk().await.map_err(|error| Broken::Hub(innermost(&error)))? {
        target.out.write_all(&chunk)?;
        lines += chunk.split(|byte| *byte == b'\n').count() as u64 - 1;
        let by_count = expected.map(|expected| (lines * STEPS).checked_div(expected).unwrap_or(STEPS));
        let by_time = || Some(part_of(range?, newest(format, &chunk)?));
        if let Some(step) = by_count.or_else(by_time) {
            progress.show(step.min(STEPS), lines);
        }
    }
    target.out.flush()?;
    Ok(lines - u64::from(lines > 0 && !format.head().is_empty()))
}

/// The time of the last line that is whole.
fn newest(format: ExportFormat, chunk: &[u8]) -> Option<i64> {
    let mut from_end = chunk.rsplit(|byte| *byte == b'\n');
    let _ends_early = from_end.next()?;
    let line = from_end.next()?;
    // The first line of a chunk may have begun in the one before.
    from_end.next()?;
    format.time_of(line)
}

/// How much of a range lies before a moment, in [`STEPS`].
fn part_of((from_ms, to_ms): (i64, i64), at_ms: i64) -> u64 {
    let (done, all) = (at_ms.saturating_sub(from_ms).max(0) as f64, to_ms.saturating_sub(from_ms).max(1) as f64);
    (done / all * STEPS as f64) as u64
}

/// A file that gets its name when it is whole, or standard output.
struct Target {
    out: Box<dyn Write>,
    files: Option<(PathBuf, PathBuf)>,
}

impl Target {
    fn open(output: &Path) -> anyhow::Result<Self> {
        if output == Path::new("-") {
            return Ok(Self { out: Box::new(io::stdout()), files: None });
        }
        let mut part = output.to_owned().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self { out: Box::new(file), files: Some((part, output.to_owned())) })
    }

    /// Whether somebody sees the samples themselves.
    fn is_seen(&self) -> bool {
        self.files.is_none() && io::stdout().is_terminal()
    }

    fn finish(self, samples: u64) -> anyhow::Result<()> {
        let Some((part, output)) = self.files else { return Ok(()) };
        std::fs::rename(&part, &output).with_context(|| format!("cannot rename {}", part.display()))?;
        eprintln!("{samples} samples are in {}", output.display());
        Ok(())
    }

    /// Where to find what came.
    fn rest(&self) -> String {
        self.files.as_ref().map(|(part, _)| format!("; what came is in {}", part.display())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_whole_lines() {
        let chunk = b"_us,1,x\nrtt_us,2,x\nrtt_us,3,x\nrtt_us,4";
        assert_eq!(newest(ExportFormat::Csv, chunk), Some(3));
        assert_eq!(newest(ExportFormat::Csv, b"_us,1,x\n"), None);
        assert_eq!(newest(ExportFormat::Csv, b"rtt_us,1"), None);
        assert_eq!([part_of((100, 300), 0), part_of((100, 300), 200), part_of((100, 100), 100)], [0, STEPS / 2, 0]);
    }
}
