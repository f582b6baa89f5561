//! When the readers of samples run: soon after the first event, then at a steady pace however many events there are.

use std::time::Duration;

use leptos::prelude::*;

/// The pace of the readers.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    is_requested: bool,
    last_ms: i64,
}

impl Frame {
    /// Asks for a run; returns how long to wait for it, ms, or `None` when one is coming already.
    pub(crate) fn request(&mut self, now_ms: i64, min_ms: i64) -> Option<i64> {
        if std::mem::replace(&mut self.is_requested, true) {
            return None;
        }
        Some((self.last_ms + min_ms - now_ms).clamp(0, min_ms))
    }

    /// Notes that the readers ran.
    pub(crate) fn ran(&mut self, now_ms: i64) {
        *self = Self { is_requested: false, last_ms: now_ms };
    }
}

/// Runs something in the first frame after a wait. A hidden page has no frames: it catches up when it is seen again.
pub(crate) fn schedule(wait_ms: i64, run: impl FnOnce() + 'static) {
    if wait_ms == 0 {
        request_animation_frame(run);
    } else {
        set_timeout(move || request_animation_frame(run), Duration::from_millis(wait_ms.unsigned_abs()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_runs_at_once_and_the_next_waits() {
        let mut frame = Frame::default();
        assert_eq!(frame.request(1_000, 200), Some(0));
        assert_eq!(frame.request(1_010, 200), None);
        frame.ran(1_016);
        assert_eq!(frame.request(1_066, 200), Some(150));
        frame.ran(1_220);
        assert_eq!(frame.request(9_000, 200), Some(0));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_the_page() {
        let mut frame = Frame::default();
        frame.ran(1_000_000);
        assert_eq!(frame.request(0, 200), Some(200));
    }
}
