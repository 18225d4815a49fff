//! The calls of one connection, carried out by the task that reads and writes it.
//!
//! As tasks of their own they would be woken one by one: a store that has stored a hundred appends in its own thread
//! would queue a hundred tasks, and tell the lane as often, each time by the system, that there is something to do.
//! Here the first call that is woken wakes the connection, the others are noted beside it; and all that are answered
//! by then are written together.

use std::{
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use hyper::rt::Executor;
use parking_lot::Mutex;

use super::beat::Beat;

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the calls that a connection begins, until [`Calls::beside`] carries them out.
#[derive(Clone, Default)]
pub(super) struct Calls {
    begun: Arc<Mutex<Vec<Call>>>,
    /// Whether any went on since this was looked at.
    went_on: Arc<AtomicBool>,
}

impl<C: Future + Send + 'static> Executor<C> for Calls {
    fn execute(&self, call: C) {
        let went_on = self.went_on.clone();
        self.begun.lock().push(Box::pin(async move {
            // One that panics is over, as a task would be; the others go on.
            let mut call = pin!(AssertUnwindSafe(call).catch_unwind().map(drop));
            poll_fn(|context| {
                went_on.store(true, Ordering::Relaxed);
                call.as_mut().poll(context)
            })
            .await;
        }));
    }
}

impl Calls {
    /// Carries out the calls of a connection beside it, until both it and they have come to their end.
    pub(super) async fn beside<C: Future>(self, connection: C) -> C::Output {
        let mut connection = pin!(connection.fuse());
        let mut open = FuturesUnordered::new();
        let mut ended = None;
        let mut beat = Beat::new();
        poll_fn(|context| {
            // First what is open, so that the connection has all its answers to write.
            carry_out(&mut open, context);
            if let Poll::Ready(output) = connection.as_mut().poll(context) {
                ended = Some(output);
            }
            // A call often comes with all that it needs.
            while self.begin(&mut open) {
                carry_out(&mut open, context);
            }
            if self.went_on.swap(false, Ordering::Relaxed) {
                beat.go_on(context);
            }
            if open.is_empty() { ended.take().map_or(Poll::Pending, Poll::Ready) } else { Poll::Pending }
        })
        .await
    }

    /// Opens what was taken since; says whether that was anything.
    fn begin(&self, open: &mut FuturesUnordered<Call>) -> bool {
        let mut taken = self.begun.lock();
        let is_any = !taken.is_empty();
        open.extend(taken.drain(..));
        is_any
    }
}

fn carry_out(open: &mut FuturesUnordered<Call>, context: &mut Context<'_>) {
    while let Poll::Ready(Some(())) = open.poll_next_unpin(context) {}
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::atomic::AtomicUsize,
        task::Waker,
        time::Duration,
    };

    use futures_test::task::new_count_waker;
    use tokio::sync::oneshot;

    use super::*;

    fn polled<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(waker))
    }

    #[tokio::test]
    async fn calls_that_get_their_answers_together_wake_the_connection_once_and_before_it_writes() {
        let (calls, (waker, woken), done) =
            (Calls::default(), new_count_waker(), Arc::new(AtomicUsize::new(0)));
        let answers: Vec<_> = (0..3)
            .map(|_| {
                let (answer, asked) = oneshot::channel::<()>();
                let done = done.clone();
                calls.execute(async move {
                    asked.await.unwrap();
                    done.fetch_add(1, Ordering::SeqCst);
                });
                answer
            })
            .collect();
        let mut seen = Vec::new();
        let connection = poll_fn(|_| {
            seen.push(done.load(Ordering::SeqCst));
            Poll::<()>::Pending
        });
        {
            let mut beside = pin!(calls.beside(connection));
            assert!(polled(beside.as_mut(), &waker).is_pending());
            let before = woken.get();
            for answer in answers {
                answer.send(()).unwrap();
            }
            assert_eq!(woken.get(), before + 1);
            assert!(polled(beside.as_mut(), &waker).is_pending());
        }
        assert_eq!(seen, [0, 3], "the connection had all answers before it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_calls_rest_is_woken_once_more_by_its_beat_and_never_again() {
        let calls = Calls::default();
        calls.execute(pending::<()>());
        let polled = Arc::new(AtomicUsize::new(0));
        let count = polled.clone();
        let connection = poll_fn(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Poll::<()>::Pending
        });
        tokio::spawn(calls.beside(connection));
        let mut seen = Vec::new();
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            seen.push(polled.load(Ordering::SeqCst));
        }
        let first = seen[0];
        assert_eq!(seen, [first, first + 1, first + 1, first + 1]);
    }

    #[tokio::test]
    async fn a_call_that_begins_with_all_it_needs_is_done_in_the_same_turn_and_may_begin_others() {
        let calls = Calls::default();
        let (inner, (tell, told)) = (calls.clone(), oneshot::channel());
        calls.execute(async move { inner.execute(async move { tell.send(()).unwrap() }) });
        tokio::select! {
            () = calls.beside(pending()) => panic!("the connection never ends"),
            told = told => told.unwrap(),
        }
    }

    #[tokio::test]
    async fn a_call_that_panics_ends_alone_and_the_connection_waits_for_the_others() {
        let calls = Calls::default();
        let (answer, asked) = oneshot::channel::<()>();
        calls.execute(async { panic!("this call is to fail") });
        calls.execute(async move { asked.await.unwrap() });
        let mut beside = pin!(calls.beside(ready(7)));
        assert!(futures_util::poll!(beside.as_mut()).is_pending(), "one is still open");
        answer.send(()).unwrap();
        assert_eq!(beside.await, 7);
    }
}
