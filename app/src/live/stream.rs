//! The one event stream of the page. The browser's own reconnect gives up on error answers and forgets where it was, so
//! the page does it itself: with growing pauses, for ever, from the last event it saw.

use std::time::Duration;

use leptos::prelude::*;
use netloom_core::{
    event::{Cursor, LiveEvent},
    schedule::backoff_ms,
};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

use super::{Link, Live, event};
use crate::browser;

/// Pauses between attempts: a restart of the hub is over in a moment, an outage should not be hammered at.
const RETRY_FIRST_MS: u64 = 500;
const RETRY_MOST_MS: u64 = 10_000;
/// Samples come every second, so this long without any event is a connection that died unnoticed, ms.
const SILENCE_MAX_MS: f64 = 20_000.0;
/// How often to look for silence.
const WATCH_EVERY: Duration = Duration::from_secs(5);

type Handler = Closure<dyn FnMut(MessageEvent)>;

/// A connection and what it has brought so far.
struct Stream {
    live: Live,
    source: Option<EventSource>,
    on_event: Option<Handler>,
    on_error: Option<Handler>,
    cursor: Option<Cursor>,
    failures: u32,
    heard_ms: f64,
}

type Handle = StoredValue<Stream, LocalStorage>;

/// Opens the stream for the rest of the page's life.
pub(super) fn open(live: Live) {
    let stream = StoredValue::new_local(Stream {
        live,
        source: None,
        on_event: None,
        on_error: None,
        cursor: None,
        failures: 0,
        heard_ms: browser::monotonic_ms(),
    });
    stream.update_value(|this| {
        this.on_event = Some(Closure::new(move |message| hear(stream, &message)));
        this.on_error = Some(Closure::new(move |_| lose(stream)));
    });
    connect(stream);
    set_interval(move || watch(stream), WATCH_EVERY);
    // A laptop that wakes up, or a tab that is looked at again, should not wait for the next attempt.
    for (target, event) in browser::wake_events() {
        browser::listen(&target, event, move || watch(stream));
    }
}

fn connect(stream: Handle) {
    stream.update_value(|this| {
        let topics = "/api/v1/stream?topics=samples,nodes,alerts,settings,runs";
        let after = this.cursor.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        this.heard_ms = browser::monotonic_ms();
        let (Ok(source), Some(on_event), Some(on_error)) =
            (EventSource::new(&format!("{topics}{after}")), &this.on_event, &this.on_error)
        else {
            return;
        };
        for name in LiveEvent::NAMES {
            // Fails for an invalid listener only.
            let _ = source.add_event_listener_with_callback(name, on_event.as_ref().unchecked_ref());
        }
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        this.source = Some(source);
    });
}

/// Takes one event of the stream.
fn hear(stream: Handle, message: &MessageEvent) {
    let name = message.type_();
    let data = message.data().as_string().unwrap_or_default();
    let Some(event) = event::read(&name, &data) else {
        leptos::logging::error!("the hub sent a {name} event that this page does not understand");
        return;
    };
    let before = stream.with_value(|this| this.cursor);
    let cursor = Cursor::parse(&message.last_event_id()).or(before);
    stream.update_value(|this| {
        this.heard_ms = browser::monotonic_ms();
        this.failures = 0;
        this.cursor = cursor;
    });
    let live = stream.with_value(|this| this.live);
    if live.link.get_untracked() != Link::Open {
        live.link.set(Link::Open);
    }
    let is_first = before.is_none() && matches!(event, LiveEvent::Hello(_));
    let is_new_epoch = before.zip(cursor).is_some_and(|(before, now)| before.epoch != now.epoch);
    let is_resync = event == LiveEvent::Resync;
    live.take(event);
    if is_new_epoch && !is_resync {
        live.resync();
    } else if is_first {
        // Between the server's rendering and this connection an incident or a run may have ended.
        live.refresh_incidents();
        live.refresh_runs();
    }
}

/// Notes that the connection is gone, and tries again after a pause.
fn lose(stream: Handle) {
    let live = stream.with_value(|this| this.live);
    close(stream);
    if !matches!(live.link.get_untracked(), Link::Lost { .. }) {
        live.link.set(Link::Lost { since: live.clock.now_exact() });
    }
    let failures = stream.with_value(|this| this.failures);
    stream.update_value(|this| this.failures += 1);
    let pause_ms = backoff_ms(failures, RETRY_FIRST_MS, RETRY_MOST_MS, js_sys::Math::random());
    set_timeout(
        move || {
            if stream.with_value(|this| this.source.is_none()) {
                connect(stream);
            }
        },
        Duration::from_millis(pause_ms),
    );
}

fn close(stream: Handle) {
    stream.update_value(|this| {
        if let Some(source) = this.source.take() {
            source.set_onerror(None);
            source.close();
        }
    });
}

/// Looks whether the connection died without saying so.
fn watch(stream: Handle) {
    if browser::is_hidden() {
        return;
    }
    let (is_open, silent_ms) =
        stream.with_value(|this| (this.source.is_some(), browser::monotonic_ms() - this.heard_ms));
    if is_open && silent_ms > SILENCE_MAX_MS {
        lose(stream);
    }
}
