//! Fetching the events that an index told of.
//!
//! Events that stand close to each other are read together. As soon as a read had to wait for the disk, the system is
//! told where the next ones will be, so that the disk looks for all of them at once and not for one after the other.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use engine_store::{Direction, RecordedEvent};

use crate::{
    decode::Decoder,
    error::Trouble,
    frame::{Fault, Head},
    index::page::PAGE,
    options::LogOptions,
    units::index,
    view::Part,
};

/// How much is read at once.
const RUN: u64 = 256 * 1024;

/// Events of one page while they are fetched.
#[derive(Debug)]
pub(crate) struct Fetch {
    /// What was fetched.
    pub events: Vec<RecordedEvent>,
    /// How many bytes may still be read.
    pub budget: u64,
    decoder: Decoder,
    /// A read that takes so long has waited for the disk, or read so much that what is told costs little beside it.
    patience: Duration,
    /// Whether any has.
    waited: bool,
}

impl Fetch {
    pub(crate) fn new(options: &LogOptions) -> Self {
        let (budget, patience) = (options.page_bytes, options.tell_after);
        Fetch { events: Vec::new(), budget, decoder: Decoder::default(), patience, waited: false }
    }

    /// Reads events, as far as the budget goes, and answers how many.
    ///
    /// Of each, `places` tells by what its part is known, and its offset. They ascend, and are read from the beginning or
    /// from the end. `check` sees the events of each run as they are read, and says what is wrong with them.
    pub(crate) fn read<'a, K>(
        &mut self,
        places: &[(K, u64)],
        part: impl Fn(&K) -> &'a Part,
        direction: Direction,
        mut check: impl FnMut(&[RecordedEvent]) -> Result<(), &'static str>,
    ) -> Result<usize, Trouble> {
        let mut runs = runs(places, part);
        if direction == Direction::Backwards {
            runs.reverse();
        }
        let (mut count, mut told) = (0, false);
        for (number, run) in runs.iter().enumerate() {
            if self.waited && !told {
                self.tell(&runs[number + 1..]);
                told = true;
            }
            let before = self.events.len();
            self.read_run(run, direction)?;
            let events = &self.events[before..];
            check(events).map_err(|fault| Trouble::damage(&run.part.segment.path, run.first(), fault))?;
            let bytes: usize = events.iter().map(|event| event.data.len() + event.metadata.len() + 256).sum();
            count += events.len();
            self.budget = self.budget.saturating_sub(bytes as u64);
            if self.budget == 0 {
                break;
            }
        }
        Ok(count)
    }

    /// Tells the system that these will be read, as far as the budget goes.
    fn tell<K>(&self, runs: &[Run<'_, '_, K>]) {
        let mut budget = self.budget;
        for run in runs {
            if budget == 0 {
                break;
            }
            let range = run.range();
            budget = budget.saturating_sub(range.end - range.start);
            run.part.segment.will_read(range);
        }
    }

    fn read_run<K>(&mut self, run: &Run<'_, '_, K>, direction: Direction) -> Result<(), Trouble> {
        let (segment, range) = (&run.part.segment, run.range());
        let begin = Instant::now();
        let bytes = segment.read(range.start, range.end)?;
        self.waited |= begin.elapsed() >= self.patience;
        let before = self.events.len();
        self.events.reserve(run.places.len());
        for (_, offset) in run.places {
            let ahead = index(offset - range.start).min(bytes.len());
            let (head, frame) = match Head::check(&bytes[ahead..], segment.salt, *offset) {
                // The guess was too short: this one is read alone.
                Err(Fault::Cut) => segment.frame(*offset, u64::MAX, run.part.typical_frame() * 4)?,
                checked => {
                    let head = checked.map_err(|fault| segment.damage(*offset, &fault))?;
                    (head, bytes.slice(ahead..ahead + index(head.size)))
                }
            };
            let event = self.decoder.event(&head, &frame);
            self.events.push(event.map_err(|fault| Trouble::damage(&segment.path, *offset, fault))?);
        }
        if direction == Direction::Backwards {
            self.events[before..].reverse();
        }
        Ok(())
    }
}

/// Events of one part that stand close to each other.
struct Run<'a, 'b, K> {
    part: &'a Part,
    places: &'b [(K, u64)],
}

/// Parts ascending places into runs.
fn runs<'a, 'b, K>(places: &'b [(K, u64)], part: impl Fn(&K) -> &'a Part) -> Vec<Run<'a, 'b, K>> {
    let (mut runs, mut start) = (Vec::new(), 0);
    while let Some((known_by, first)) = places.get(start) {
        let of = part(known_by);
        let gap = of.typical_frame() * 3;
        let is_near = |pair: &[(K, u64)]| {
            let [(_, before), (known_by, next)] = pair else { return false };
            std::ptr::eq(part(known_by), of) && next - before <= gap && next - first <= RUN
        };
        let near = places[start..].windows(2).take_while(|pair| is_near(pair)).count();
        runs.push(Run { part: of, places: &places[start..=start + near] });
        start += near + 1;
    }
    runs
}

impl<K> Run<'_, '_, K> {
    fn first(&self) -> u64 {
        self.places.first().map_or(0, |(_, offset)| *offset)
    }

    /// What is read at once. How long the last frame is can only be guessed: long enough for most, and longer where that
    /// reads not one page more of the file, if it is not compressed.
    fn range(&self) -> Range<u64> {
        let last = self.places.last().map_or(0, |(_, offset)| *offset);
        let typical = self.part.typical_frame();
        let page = (last + typical * 5 / 4).next_multiple_of(PAGE as u64);
        self.first()..self.part.index.end().min(page).min(last + typical * 2)
    }
}
