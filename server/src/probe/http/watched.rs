//! A stream that remembers when something was last written and first read.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The moments.
#[derive(Default)]
pub(super) struct Marks(Mutex<(Option<Instant>, Option<Instant>)>);

impl Marks {
    /// When the request was out.
    pub(super) fn sent(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// When the answer began.
    pub(super) fn first_byte(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn note(&self, set: impl FnOnce(&mut (Option<Instant>, Option<Instant>))) {
        set(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The stream.
pub(super) struct Watched<S> {
    stream: S,
    marks: Arc<Marks>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, marks: Arc<Marks>) -> Self {
        Self { stream, marks }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.marks.note(|(_, first)| *first = first.or_else(|| Some(Instant::now())));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(1..)) = polled {
            self.marks.note(|(sent, first)| {
                // What is written after the answer began is its end, not the request.
                if first.is_none() {
                    *sent = Some(Instant::now());
                }
            });
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
