//! How far a handler has come, shared between its runner and those who wait for it.

use std::collections::{BTreeMap, BTreeSet};

use engine_types::Position;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::tracker::Tracker;

/// How many positions of events that were put aside are remembered for those who wait for them.
const REMEMBERED: usize = 10_000;

/// The trackers of a handler's partitions, and a wake-up for those who wait.
#[derive(Debug)]
pub(crate) struct Progress {
    places: Mutex<Places>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Places {
    /// By partition. Empty before the handler has begun.
    partitions: Vec<Place>,
    /// Events that were parked or wait behind one that was: the last so many.
    aside: BTreeSet<Position>,
}

#[derive(Debug)]
enum Place {
    /// This process works on the partition.
    Here(Tracker),
    /// Another does, or nobody: the checkpoint as it was last seen.
    Elsewhere(Option<Position>),
}

/// How an event that was waited for ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// It is handled, or skipped, or of no interest.
    Handled,
    /// It was parked, or waits behind one that was.
    Aside,
}

/// What is behind the checkpoint, as far as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlight {
    /// How many events were handed out and are not finished.
    pub(crate) events: u64,
    /// The first of them.
    pub(crate) first: Option<Position>,
    /// All partitions have seen what stands up to here.
    pub(crate) seen: Option<Position>,
}

impl Place {
    fn checkpoint(&self) -> Option<Position> {
        match self {
            Place::Here(tracker) => tracker.checkpoint(),
            Place::Elsewhere(checkpoint) => *checkpoint,
        }
    }

    fn is_through(&self, position: Position) -> bool {
        match self {
            Place::Here(tracker) => tracker.is_through(position),
            Place::Elsewhere(checkpoint) => *checkpoint >= Some(position),
        }
    }

    fn is_past(&self, position: Position) -> bool {
        match self {
            Place::Here(tracker) => tracker.is_past(position),
            Place::Elsewhere(checkpoint) => *checkpoint >= Some(position),
        }
    }

    fn pass_over(&mut self, position: Position) {
        if let Place::Here(tracker) = self {
            tracker.pass_over(position);
        }
    }
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress { places: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// Begins anew from stored checkpoints, one for each partition; `here` are those that are worked on.
    pub(crate) fn begin(&self, checkpoints: &[Option<Position>], here: &BTreeSet<usize>) {
        let place = |(number, checkpoint): (usize, &Option<Position>)| {
            if here.contains(&number) {
                Place::Here(Tracker::after(*checkpoint))
            } else {
                Place::Elsewhere(*checkpoint)
            }
        };
        self.places.lock().partitions = checkpoints.iter().enumerate().map(place).collect();
        self.wake();
    }

    /// Notes checkpoints as they are stored, for the partitions that others work on.
    pub(crate) fn note_stored(&self, checkpoints: &[Option<Position>]) {
        for (place, stored) in self.places.lock().partitions.iter_mut().zip(checkpoints) {
            if let Place::Elsewhere(checkpoint) = place {
                *checkpoint = *stored;
            }
        }
        self.wake();
    }

    /// Whether all partitions are worked on here.
    pub(crate) fn is_whole(&self) -> bool {
        self.places.lock().partitions.iter().all(|place| matches!(place, Place::Here(_)))
    }

    /// Notes that an event belongs to a partition; says whether it is to be handled here and new.
    pub(crate) fn hand_out(&self, partition: usize, position: Position) -> bool {
        let mut is_new = false;
        self.hand_out_to(|number| u32::from(number == partition), position, |_| is_new = true);
        is_new
    }

    /// Notes that an event belongs to partitions, each as often as it is named; answers those where it is to be
    /// handled here and new.
    pub(crate) fn hand_out_to_all(&self, partitions: &[usize], position: Position) -> BTreeSet<usize> {
        let mut new = BTreeSet::new();
        let count = |number| partitions.iter().filter(|partition| **partition == number).count();
        self.hand_out_to(
            |number| u32::try_from(count(number)).unwrap_or(u32::MAX),
            position,
            |number| {
                new.insert(number);
            },
        );
        new
    }

    fn hand_out_to(
        &self,
        sequences: impl Fn(usize) -> u32,
        position: Position,
        mut note_new: impl FnMut(usize),
    ) {
        let mut places = self.places.lock();
        let mut is_new = false;
        // Events come in order: the other partitions will get none up to here.
        for (number, place) in places.partitions.iter_mut().enumerate() {
            match (place, sequences(number)) {
                (place, 0) | (place @ Place::Elsewhere(_), _) => place.pass_over(position),
                (Place::Here(tracker), sequences) => {
                    if tracker.hand_out(position, sequences) {
                        is_new = true;
                        note_new(number);
                    }
                }
            }
        }
        drop(places);
        if !is_new {
            // Nothing will be told as finished that could wake those who wait.
            self.wake();
        }
    }

    /// Notes that nothing more of interest stands up to here, for any partition.
    pub(crate) fn pass_over(&self, position: Position) {
        for place in &mut self.places.lock().partitions {
            place.pass_over(position);
        }
        self.wake();
    }

    /// Notes that events are finished; `aside` if they were not handled but put where they are not forgotten.
    pub(crate) fn finish(&self, partition: usize, positions: &[Position], aside: bool) {
        let mut places = self.places.lock();
        if let Some(Place::Here(tracker)) = places.partitions.get_mut(partition) {
            for position in positions {
                tracker.finish(*position);
            }
        }
        if aside {
            places.aside.extend(positions);
            while places.aside.len() > REMEMBERED {
                places.aside.pop_first();
            }
        }
        drop(places);
        self.wake();
    }

    /// The checkpoint of each partition that is worked on here.
    pub(crate) fn checkpoints(&self) -> BTreeMap<usize, Option<Position>> {
        let places = self.places.lock();
        let here = places.partitions.iter().enumerate().filter_map(|(number, place)| match place {
            Place::Here(tracker) => Some((number, tracker.checkpoint())),
            Place::Elsewhere(_) => None,
        });
        here.collect()
    }

    /// The position up to which all partitions are done.
    pub(crate) fn checkpoint(&self) -> Option<Position> {
        self.places.lock().partitions.iter().map(Place::checkpoint).min().flatten()
    }

    /// What is behind the checkpoints.
    pub(crate) fn in_flight(&self) -> InFlight {
        let mut whole = InFlight { events: 0, first: None, seen: None };
        let mut seen = Vec::new();
        for place in &self.places.lock().partitions {
            match place {
                Place::Here(tracker) => {
                    whole.events += tracker.unfinished();
                    whole.first = [whole.first, tracker.first_unfinished()].into_iter().flatten().min();
                    seen.push(tracker.seen());
                }
                Place::Elsewhere(checkpoint) => seen.push(*checkpoint),
            }
        }
        whole.seen = seen.into_iter().min().flatten();
        whole
    }

    /// Waits until everything up to this position is finished.
    pub(crate) async fn wait_for_all_up_to(&self, position: Position) {
        self.wait(|places| {
            let mut partitions = places.partitions.iter();
            partitions.all(|place| place.is_through(position)).then_some(())
        })
        .await;
    }

    /// Waits until everything up to this position is finished in one partition, which is worked on here.
    pub(crate) async fn wait_for_partition(&self, partition: usize, position: Position) {
        self.wait(|places| {
            let place = places.partitions.get(partition);
            place.is_some_and(|place| place.is_through(position)).then_some(())
        })
        .await;
    }

    /// Waits until this event is finished, whatever comes before it.
    pub(crate) async fn wait_for(&self, position: Position) -> Past {
        self.wait(|places| {
            let past = places.partitions.iter().all(|place| place.is_past(position));
            past.then(|| if places.aside.contains(&position) { Past::Aside } else { Past::Handled })
        })
        .await
    }

    async fn wait<T>(&self, reached: impl Fn(&Places) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            {
                let places = self.places.lock();
                if !places.partitions.is_empty()
                    && let Some(answer) = reached(&places)
                {
                    return answer;
                }
            }
            if changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn wake(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn is_ready(wait: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        wait.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn an_event_that_one_partition_has_handled_before_tells_the_other_that_there_is_none_for_it() {
        let progress = Progress::new();
        progress.begin(&[Some(Position(7)), Some(Position(3))], &(0..2).collect());
        let wakes = *progress.changed.borrow();
        let mut wait = pin!(progress.wait_for_all_up_to(Position(7)));
        assert!(!is_ready(wait.as_mut()));
        assert!(!progress.hand_out(0, Position(7)), "it is not new");
        assert!(*progress.changed.borrow() > wakes, "those who wait are woken");
        assert!(is_ready(wait.as_mut()));
    }

    #[test]
    fn what_others_work_on_is_as_far_as_it_is_stored() {
        let progress = Progress::new();
        progress.begin(&[None, None], &BTreeSet::from([0]));
        let mut wait = pin!(progress.wait_for_all_up_to(Position(5)));
        assert!(!progress.hand_out(1, Position(5)), "another process handles it");
        assert!(!is_ready(wait.as_mut()));
        progress.note_stored(&[None, Some(Position(5))]);
        assert!(is_ready(wait.as_mut()));
    }

    #[test]
    fn events_that_were_put_aside_are_told_from_those_that_were_handled() {
        let progress = Progress::new();
        progress.begin(&[None], &BTreeSet::from([0]));
        for position in 0..2 {
            progress.hand_out(0, Position(position));
        }
        progress.finish(0, &[Position(0)], true);
        progress.finish(0, &[Position(1)], false);
        let past = |position| match pin!(progress.wait_for(Position(position)))
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(past) => past,
            Poll::Pending => panic!("it is finished"),
        };
        assert_eq!((past(0), past(1)), (Past::Aside, Past::Handled));
    }
}
