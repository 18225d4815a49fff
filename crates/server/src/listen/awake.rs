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

/// How long the rest is waited for.
const REST_WITHIN: Duration = Duration::from_micros(60);

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
        let within = if is_alone { Duration::ZERO } else { within };
        Awake { stream, within, answered: None, until: None, prompt: 0 }
    }

    /// The client has said something.
    fn heard(&mut self, bytes: usize, now: Instant) {
        if let Some(answered) = self.answered.take() {
            let is_prompt = now - answered < self.within;
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
        let now = Instant::now();
        self.answered(now);
        self.stay_awake(now, context);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        let now = Instant::now();
        self.answered(now);
        self.stay_awake(now, context);
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
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Wake, Waker},
    };

    use tokio::io::duplex;

    use super::*;

    const MOMENT: Duration = Duration::from_micros(300);

    /// A client that was prompt so many times, and was answered just now.
    fn prompt(times: u32, now: Instant) -> Awake<()> {
        let mut awake = awake((), MOMENT);
        for _ in 0..times {
            awake.answered(now);
            awake.heard(HEAD, now);
        }
        awake.answered(now);
        awake
    }

    /// However many processors there are.
    fn awake<S>(stream: S, within: Duration) -> Awake<S> {
        Awake { within, ..Awake::new(stream, within) }
    }

    #[test]
    fn a_client_that_was_prompt_often_enough_is_waited_for_but_not_for_longer_than_a_moment() {
        let now = Instant::now();
        assert!(!prompt(ENOUGH - 1, now).is_worth_a_moment(now));
        let awake = prompt(ENOUGH, now);
        assert!(awake.is_worth_a_moment(now));
        assert!(!awake.is_worth_a_moment(now + MOMENT));
    }

    #[test]
    fn a_client_that_takes_its_time_now_and_then_is_waited_for_and_one_that_does_so_again_is_not() {
        let now = Instant::now();
        let mut awake = prompt(MOST, now);
        awake.heard(HEAD, now + MOMENT);
        awake.answered(now);
        assert!(awake.is_worth_a_moment(now), "once");
        awake.heard(HEAD, now + MOMENT);
        awake.answered(now);
        assert!(!awake.is_worth_a_moment(now), "twice");
    }

    #[test]
    fn a_subscriber_who_is_told_one_thing_after_the_other_is_not_waited_for() {
        let mut now = Instant::now();
        let mut awake = prompt(MOST, now);
        for _ in 0..2 {
            now += MOMENT;
            awake.answered(now);
        }
        assert!(!awake.is_worth_a_moment(now));
    }

    #[test]
    fn answers_that_are_written_in_pieces_are_one() {
        let mut now = Instant::now();
        let mut awake = prompt(ENOUGH, now);
        for _ in 0..10 {
            now += MOMENT / 2;
            awake.answered(now);
        }
        assert!(awake.is_worth_a_moment(now));
    }

    #[test]
    fn the_rest_of_a_call_is_waited_for_and_a_whole_one_needs_no_more() {
        let now = Instant::now();
        let mut awake = prompt(ENOUGH, now);
        awake.heard(HEAD - 1, now);
        assert!(awake.is_worth_a_moment(now));
        assert!(!awake.is_worth_a_moment(now + REST_WITHIN));
        awake.heard(HEAD, now);
        assert!(!awake.is_worth_a_moment(now), "it is carried out, and others may be waited for");
    }

    #[test]
    fn without_a_moment_no_client_is_waited_for() {
        let now = Instant::now();
        let mut awake = awake((), Duration::ZERO);
        for _ in 0..MOST {
            awake.answered(now);
            awake.heard(1, now);
        }
        awake.answered(now);
        assert!(!awake.is_worth_a_moment(now));
    }

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn while_a_prompt_client_is_waited_for_the_task_comes_again_and_again() {
        let (here, mut there) = duplex(4 * HEAD);
        let mut awake = awake(here, Duration::from_secs(3_600));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let mut room = [0; HEAD];
        for _ in 0..ENOUGH {
            assert!(Pin::new(&mut awake).poll_write(&mut context, b"answer").is_ready());
            assert!(Pin::new(&mut there).poll_read(&mut context, &mut ReadBuf::new(&mut room)).is_ready());
            assert_eq!(woken.0.load(Ordering::SeqCst), 0, "not prompt for long enough");
            assert!(Pin::new(&mut there).poll_write(&mut context, &[0; HEAD]).is_ready());
            assert!(Pin::new(&mut awake).poll_read(&mut context, &mut ReadBuf::new(&mut room)).is_ready());
        }
        assert!(Pin::new(&mut awake).poll_write(&mut context, b"answer").is_ready());
        for turn in 1..4 {
            assert_eq!(woken.0.load(Ordering::SeqCst), turn);
            assert!(Pin::new(&mut awake).poll_read(&mut context, &mut ReadBuf::new(&mut room)).is_pending());
        }
    }
}
