//! A connection whose thread stays awake for a moment after an answer.
//!
//! A thread that sleeps has to be woken, and its processor with it, by the client: that costs a lone caller more than all
//! that is done for the call. So one who goes on as soon as he has his answer is waited for with open eyes: for a
//! moment, if he has been so prompt of late, and while nobody else wants the thread or the processor.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So often must a client have been prompt. Each time that it was not, half of what was counted is forgotten.
const ENOUGH: u32 = 16;

/// More are not counted.
const MOST: u32 = 2 * ENOUGH;

/// What is shorter, in bytes, is only the head of a call: the official client sends the rest in another piece.
const HEAD: usize = 128;

/// What is no longer only grants room or answers a ping: one who only listens sends that, too.
const NO_CALL: usize = 17;

/// Who says so much at once, in bytes, speaks for many, of whom some always go on before the others are answered; or sends
/// large events, beside which it is little to be woken.
const MUCH: usize = 4 * 1024;

/// How long the rest is waited for.
const REST_WITHIN: Duration = Duration::from_micros(60);

/// Nobody is waited for longer than this.
const LONGEST: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Awake<S> {
    stream: S,
    /// How long the client is waited for after an answer, and how soon one is prompt.
    within: Duration,
    /// When something was written after which the client has said nothing yet.
    answered: Option<Instant>,
    /// Until when to stay awake for one who is prompt.
    until: Option<Instant>,
    /// How often the client has been prompt of late.
    prompt: u32,
}

impl<S> Awake<S> {
    /// Stays awake for so long after an answer: not at all, where this is zero or the client has no processor beside
    /// that of the thread.
    pub(super) fn new(stream: S, within: Duration) -> Self {
        let is_alone = thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
        let within = if is_alone { Duration::ZERO } else { within.min(LONGEST) };
        Awake { stream, within, answered: None, until: None, prompt: 0 }
    }

    /// The client has said something.
    fn heard(&mut self, bytes: usize, now: Instant) {
        if bytes <= NO_CALL {
            return;
        }
        if let Some(answered) = self.answered.take() {
            let is_prompt = now - answered < self.within && bytes < MUCH;
            self.prompt = if is_prompt { (self.prompt + 1).min(MOST) } else { self.prompt / 2 };
        }
        self.until = (bytes < HEAD).then(|| now + REST_WITHIN.min(self.within));
    }

    /// The client was told something. One who had time to go on after what it was told before listens only.
    fn answered(&mut self, now: Instant) {
        if self.answered.is_some_and(|before| now - before >= self.within) {
            self.prompt /= 2;
        }
        self.answered = Some(now);
        self.until = Some(now + self.within);
    }

    /// What could not be written wakes the task by itself, when the client has read.
    fn wrote(&mut self, written: &Poll<io::Result<usize>>, context: &mut Context<'_>) {
        if let Poll::Ready(Ok(1..)) = written {
            let now = Instant::now();
            self.answered(now);
            self.stay_awake(now, context);
        }
    }

    fn is_worth_a_moment(&self, now: Instant) -> bool {
        self.prompt >= ENOUGH && self.until.is_some_and(|until| now < until)
    }

    /// Sees to it that the task comes again when all others had their turn, and the system was asked what has come.
    fn stay_awake(&self, now: Instant, context: &mut Context<'_>) {
        if self.is_worth_a_moment(now) {
            thread::yield_now();
            let _pending = pin!(tokio::task::yield_now()).poll(context);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Awake<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let now = Instant::now();
        if read.is_ready() {
            self.heard(buffer.filled().len() - before, now);
        } else {
            self.stay_awake(now, context);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Awake<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&written, context);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wrote(&written, context);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
#[path = "awake/tests.rs"] // so that it is found from the benchmark, too
mod tests;
