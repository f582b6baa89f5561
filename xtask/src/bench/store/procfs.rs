//! What the kernel counts about a process, and what lies in its folder.

use std::path::Path;

use anyhow::{Context, Result};

/// Clock ticks in a second: Linux shows 100 to user space on every architecture in use, whatever its timer does.
const TICKS_PER_SECOND: f64 = 100.0;

/// The places of user and system time behind the name of the program in `/proc/PID/stat`: fields 14 and 15 of proc(5).
const CPU_FIELDS: [usize; 2] = [11, 12];

/// The places of user, nice and system time, and of the time for interrupts and other guests, in the first line of
/// `/proc/stat`: what lies between them is idle time or counted elsewhere.
const BUSY_FIELDS: [usize; 6] = [1, 2, 3, 6, 7, 8];

/// Time on all cores since the machine started that was not idle, seconds.
pub(crate) fn machine_busy_s() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat").context("could not read /proc/stat")?;
    busy_s(&stat).context("/proc/stat is not as expected")
}

fn busy_s(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.lines().next()?.split_whitespace().collect();
    if fields.first() != Some(&"cpu") {
        return None;
    }
    let ticks = BUSY_FIELDS.map(|at| fields.get(at)?.parse::<u64>().ok());
    Some(ticks.into_iter().sum::<Option<u64>>()? as f64 / TICKS_PER_SECOND)
}

/// The figures of one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// User and system time of all its threads since it started, seconds.
    pub(crate) fn cpu_s(self) -> Result<f64> {
        cpu_s(&self.read("stat")?).context("/proc/PID/stat is not as expected")
    }

    /// The same to the nanosecond, of the threads that live now, seconds.
    pub(crate) fn exact_cpu_s(self) -> Result<f64> {
        self.threads(|_| true)
    }

    /// Time of the threads with this name, seconds.
    pub(crate) fn thread_cpu_s(self, name: &str) -> Result<f64> {
        self.threads(|comm| comm == name)
    }

    fn threads(self, is_meant: impl Fn(&str) -> bool) -> Result<f64> {
        let tasks = format!("/proc/{}/task", self.0);
        let mut sum_ns = 0;
        for task in std::fs::read_dir(&tasks).with_context(|| format!("could not read {tasks}"))?.flatten() {
            // A thread may end meanwhile.
            let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            if is_meant(read("comm").trim()) {
                // The first field is the time on a processor, ns (the kernel's sched-stats.rst).
                sum_ns +=
                    read("schedstat").split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        Ok(sum_ns as f64 / 1e9)
    }

    /// Resident memory with its share of what several processes have in common, bytes.
    pub(crate) fn pss_bytes(self) -> Result<u64> {
        let kilobytes = field(&self.read("smaps_rollup")?, "Pss");
        Ok(kilobytes.context("/proc/PID/smaps_rollup has no Pss")? * 1_024)
    }

    /// Resident memory now, bytes.
    pub(crate) fn rss_bytes(self) -> Result<u64> {
        self.kilobytes("VmRSS")
    }

    /// The most resident memory it ever had, bytes.
    pub(crate) fn peak_rss_bytes(self) -> Result<u64> {
        self.kilobytes("VmHWM")
    }

    /// What it made the kernel write to disks, bytes.
    pub(crate) fn written_bytes(self) -> Result<u64> {
        field(&self.read("io")?, "write_bytes").context("/proc/PID/io has no write_bytes")
    }

    fn kilobytes(self, name: &str) -> Result<u64> {
        let kilobytes = field(&self.read("status")?, name);
        Ok(kilobytes.with_context(|| format!("/proc/PID/status has no {name}"))? * 1_024)
    }

    fn read(self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.0);
        std::fs::read_to_string(&path).with_context(|| format!("could not read {path}: has the server died?"))
    }
}

/// User and system time in a line of `stat`. The program's name may hold spaces and brackets, so it is skipped from the
/// right.
fn cpu_s(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = CPU_FIELDS.map(|at| fields.get(at)?.parse::<u64>().ok());
    Some((ticks[0]? + ticks[1]?) as f64 / TICKS_PER_SECOND)
}

/// The number behind a name and a colon.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The length of all files below a folder, bytes. Files may vanish meanwhile: engines merge in the background.
pub(crate) fn folder_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_brackets() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 9 0 100 1 2";
        assert_eq!(cpu_s(stat), Some(3.0));
        assert_eq!(cpu_s("77 (a) S 1"), None);
    }

    #[test]
    fn threads_are_told_apart_by_name() {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("told-apart".into()).spawn(move || stopped.recv()).unwrap();
        let this = Process(std::process::id());
        let (one, all) = (this.thread_cpu_s("told-apart").unwrap(), this.exact_cpu_s().unwrap());
        assert!(one <= all && all > 0.0, "{one} of {all}");
        assert!(this.thread_cpu_s("no-such-thread").unwrap().abs() < f64::EPSILON);
        assert!(this.pss_bytes().unwrap() > 0);
        drop(stop);
        thread.join().unwrap().unwrap_err();
    }

    #[test]
    fn idle_time_is_not_busy() {
        assert_eq!(busy_s("cpu  100 20 30 9000 800 4 5 41 0 0\ncpu0 1 1\n"), Some(2.0));
        assert_eq!(busy_s("intr 1 2 3"), None);
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "VmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(field(status, "VmRSS"), Some(1_024));
        assert_eq!(field("cancelled_write_bytes: 1\nwrite_bytes: 2\n", "write_bytes"), Some(2));
        assert_eq!(field(status, "VmSwap"), None);
    }

    #[test]
    fn a_folder_is_as_large_as_its_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("below")).unwrap();
        std::fs::write(dir.path().join("a"), [0; 10]).unwrap();
        std::fs::write(dir.path().join("below/b"), [0; 5]).unwrap();
        assert_eq!(folder_bytes(dir.path()), 15);
        assert_eq!(folder_bytes(&dir.path().join("none")), 0);
    }
}
