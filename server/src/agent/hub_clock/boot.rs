//! The clock that runs since the machine started, which all its processes share and nobody sets.

/// Which start of the machine this is, and how long ago it was, µs. The name is empty where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn moment() -> (String, i64) {
    use nix::time::{ClockId, clock_gettime};

    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match clock_gettime(ClockId::CLOCK_BOOTTIME) {
        Ok(since) => (boot.trim().to_owned(), since.tv_sec() * 1_000_000 + since.tv_nsec() / 1_000),
        Err(_) => (String::new(), 0),
    }
}

/// Other systems tell it elsewhere; there the wall clock has to do.
#[cfg(not(target_os = "linux"))]
pub(super) fn moment() -> (String, i64) {
    (String::new(), 0)
}
