//! The one event stream of the page. The browser's own reconnect gives up on error answers and forgets where it was, so
//! the page does it itself: with growing pauses, for ever, from the last event it saw.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    event::{Cursor, LiveEvent, Wanted},
    schedule::backoff_ms,
};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

use super::{Link, Live, address::address, event, frame};
use crate::{api, browser};

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
    /// The hub's name for this connection.
    name: Option<String>,
    /// What the hub was told to send over it.
    told: Wanted,
    is_telling: bool,
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
        name: None,
        told: Wanted::default(),
        is_telling: false,
        failures: 0,
        heard_ms: browser::monotonic_ms(),
    });
    stream.update_value(|this| {
        this.on_event = Some(Closure::new(move |message| hear(stream, &message)));
        this.on_error = Some(Closure::new(move |_| lose(stream)));
    });
    connect(stream);
    // What is on the page changes in many places at once; the hub is told once a frame.
    let is_asked = StoredValue::new(false);
    Effect::new(move |_| {
        live.wishes.track();
        if !is_asked.get_value() {
            is_asked.set_value(true);
            frame::schedule(0, move || {
                is_asked.set_value(false);
                tell(stream);
            });
        }
    });
    set_interval(move || watch(stream), WATCH_EVERY);
    // A laptop that wakes up, or a tab that is looked at again, should not wait for the next attempt.
    for (target, event) in browser::wake_events() {
        browser::listen(&target, event, move || watch(stream));
    }
}

fn connect(stream: Handle) {
    stream.update_value(|this| {
        let (url, told) = address(&this.live.wanted(), this.cursor.map(|cursor| cursor.to_string()));
        (this.told, this.name) = (told, None);
        this.heard_ms = browser::monotonic_ms();
        let (Ok(source), Some(on_event), Some(on_error)) = (EventSource::new(&url), &this.on_event, &this.on_error)
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
    if let LiveEvent::Hello(hello) = &event {
        stream.update_value(|this| this.name = Some(hello.stream.clone()));
        tell(stream);
    }
    live.take(event);
    if is_new_epoch && !is_resync {
        live.resync();
    } else if is_first {
        // Between the server's rendering and this connection an incident or a run may have ended.
        live.refresh_incidents();
        live.refresh_runs();
    }
}

/// Tells the hub what is on the page, when that is something else than it was told.
fn tell(stream: Handle) {
    let wanted = stream.with_value(|this| this.live).wanted();
    let name = stream.try_update_value(|this| {
        if this.is_telling || this.told == wanted {
            return None;
        }
        let name = this.name.clone()?;
        this.is_telling = true;
        Some(name)
    });
    let Some(name) = name.flatten() else { return };
    spawn_local(async move {
        let told = api::want(&name, &wanted).await;
        stream.update_value(|this| {
            this.is_telling = false;
            if told.is_ok() && this.name.as_ref() == Some(&name) {
                this.told = wanted;
            }
        });
        // The page may have changed meanwhile. A connection that the hub does not know any more comes back by itself.
        if told.is_ok() {
            tell(stream);
        }
    });
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
