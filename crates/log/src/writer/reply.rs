//! Where the answer to a job goes, and where it is waited for.
//!
//! A batch is answered as a whole: all its answers are there before the first who waits is woken. One at a time, a
//! connection with a hundred appends in the batch would be woken for each, by the system, while the writer has answered
//! the next meanwhile.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

/// Where the answer goes. Nobody may be waiting any more; the job is done all the same.
#[derive(Debug)]
pub(crate) struct Reply<T>(Arc<Mutex<Slot<T>>>);

/// The answer, once it is there.
#[derive(Debug)]
pub(crate) struct Awaited<T>(Arc<Mutex<Slot<T>>>);

/// There will be no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

#[derive(Debug)]
enum Slot<T> {
    /// Not there yet. The waker is that of whoever waits.
    Empty(Option<Waker>),
    Full(T),
    /// Nothing will come, or nothing more.
    Closed,
}

/// Those who wait for what is there. They are woken when this is dropped.
#[derive(Debug)]
pub(crate) struct Sleepers(Vec<Waker>);

impl Sleepers {
    /// Room for so many.
    pub(crate) fn up_to(count: usize) -> Self {
        Sleepers(Vec::with_capacity(count))
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

/// A place for one answer.
pub(crate) fn reply<T>() -> (Reply<T>, Awaited<T>) {
    let slot = Arc::new(Mutex::new(Slot::Empty(None)));
    (Reply(slot.clone()), Awaited(slot))
}

impl<T> Reply<T> {
    /// Gives the answer, and leaves it to the sleepers to be woken.
    pub(crate) fn give(self, answer: T, sleepers: &mut Sleepers) {
        if let Some(waker) = settle(&self.0, Slot::Full(answer)) {
            sleepers.0.push(waker);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(waker) = settle(&self.0, Slot::Closed) {
            waker.wake();
        }
    }
}

/// Fills a slot, if it is empty; answers who waits.
fn settle<T>(slot: &Mutex<Slot<T>>, with: Slot<T>) -> Option<Waker> {
    match &mut *slot.lock() {
        slot @ Slot::Empty(_) => match std::mem::replace(slot, with) {
            Slot::Empty(waker) => waker,
            Slot::Full(_) | Slot::Closed => None,
        },
        Slot::Full(_) | Slot::Closed => None,
    }
}

impl<T> Future for Awaited<T> {
    type Output = Result<T, Gone>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.0.lock();
        if let Slot::Empty(waker) = &mut *slot {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *slot, Slot::Closed) {
            Slot::Full(answer) => Poll::Ready(Ok(answer)),
            Slot::Empty(_) | Slot::Closed => Poll::Ready(Err(Gone)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_test::task::new_count_waker;

    use super::*;

    fn polled<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn nobody_is_woken_before_all_answers_of_a_batch_are_there() {
        let (waker, woken) = new_count_waker();
        let ((first, one), (second, other)) = (reply(), reply());
        let (mut one, mut other) = (pin!(one), pin!(other));
        assert!(polled(one.as_mut(), &waker).is_pending() && polled(other.as_mut(), &waker).is_pending());
        let mut sleepers = Sleepers::up_to(2);
        first.give(1, &mut sleepers);
        second.give(2, &mut sleepers);
        assert_eq!(woken.get(), 0);
        drop(sleepers);
        assert_eq!(woken.get(), 2);
        assert_eq!(polled(one.as_mut(), &waker), Poll::Ready(Ok(1)));
        assert_eq!(polled(other.as_mut(), &waker), Poll::Ready(Ok(2)));
    }

    #[test]
    fn who_comes_after_the_answer_finds_it_and_nobody_has_to_be_woken() {
        let (waker, woken) = new_count_waker();
        let (answer, awaited) = reply();
        answer.give(7, &mut Sleepers::up_to(2));
        assert_eq!(polled(pin!(awaited), &waker), Poll::Ready(Ok(7)));
        assert_eq!(woken.get(), 0);
    }

    #[test]
    fn who_waits_is_told_when_no_answer_will_come() {
        let (waker, woken) = new_count_waker();
        let (answer, awaited) = reply::<u8>();
        let mut awaited = pin!(awaited);
        assert!(polled(awaited.as_mut(), &waker).is_pending());
        drop(answer);
        assert_eq!(woken.get(), 1);
        assert_eq!(polled(awaited.as_mut(), &waker), Poll::Ready(Err(Gone)));
    }

    #[test]
    fn only_who_polled_last_is_woken() {
        let ((first, before), (last, after)) = (new_count_waker(), new_count_waker());
        let (answer, awaited) = reply();
        let mut awaited = pin!(awaited);
        assert!(polled(awaited.as_mut(), &first).is_pending());
        assert!(polled(awaited.as_mut(), &last).is_pending());
        answer.give(7, &mut Sleepers::up_to(2));
        assert_eq!((before.get(), after.get()), (0, 1));
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_let_go() {
        let (answer, awaited) = reply();
        drop(awaited);
        let kept = Arc::new(());
        answer.give(kept.clone(), &mut Sleepers::up_to(2));
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
