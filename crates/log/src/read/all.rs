//! Reading pages of all streams together.

use std::ops::Range;

use engine_store::{AllPage, Direction, Filter, ReadAll, ReadError, ReadFrom, read::check_limit};
use engine_types::Position;

use super::{CHUNK, nearest, next_of, pass};
use crate::{
    error::Trouble,
    fetch::Fetch,
    index::{Found, Search},
    options::LogOptions,
    units::index,
    view::{Part, View},
};

/// Reads one page of all streams.
pub(crate) fn all_page(view: &View, options: &LogOptions, request: &ReadAll) -> Result<AllPage, ReadError> {
    check_limit(request.limit)?;
    let end = view.next_position();
    let mut page = Page {
        filter: &request.filter,
        limit: request.limit,
        direction: request.direction,
        scan: if request.filter.is_everything() { u64::MAX } else { options.page_scan },
        fetch: Fetch::new(options),
    };
    match request.direction {
        Direction::Forwards => {
            let start = match request.from {
                ReadFrom::Start => 0,
                ReadFrom::At(position) => position.0,
                ReadFrom::End => end,
            };
            let left = page.read(view, start..end)?;
            Ok(AllPage { events: page.fetch.events, next: Some(Position(left.start)), end: left.is_empty() })
        }
        Direction::Backwards => {
            let start = match request.from {
                ReadFrom::Start => end.min(1),
                ReadFrom::At(position) => position.0.saturating_add(1).min(end),
                ReadFrom::End => end,
            };
            let left = page.read(view, 0..start)?;
            let next = Position(left.end).previous();
            Ok(AllPage { events: page.fetch.events, next, end: next.is_none() })
        }
    }
}

/// A page of all streams while it is read.
struct Page<'a> {
    filter: &'a Filter,
    limit: usize,
    direction: Direction,
    /// How many events may still be looked at.
    scan: u64,
    fetch: Fetch,
}

impl Page<'_> {
    /// Reads from the near end of `left`, and answers what is left.
    fn read(&mut self, view: &View, mut left: Range<u64>) -> Result<Range<u64>, Trouble> {
        while !left.is_empty() && !self.is_full() {
            let number = view.part_of(nearest(&left, self.direction));
            let part = &view.parts[number];
            let behind = view.parts.get(number + 1).map_or(u64::MAX, |next| next.first_position);
            let here = left.start.max(part.first_position)..left.end.min(behind);
            let seen = self.read_part(part, here)?;
            pass(&mut left, self.direction, seen);
        }
        Ok(left)
    }

    fn is_full(&self) -> bool {
        self.fetch.events.len() >= self.limit || self.fetch.budget == 0 || self.scan == 0
    }

    /// Reads from the near end of positions that are all in one part, and answers how many it passed.
    fn read_part(&mut self, part: &Part, mut left: Range<u64>) -> Result<u64, Trouble> {
        let all = left.end - left.start;
        let kinds = part.index.kinds(self.filter);
        if kinds.none() {
            return Ok(all);
        }
        while !left.is_empty() && !self.is_full() {
            let search = Search {
                kinds: &kinds,
                positions: next_of(&left, self.direction, self.scan),
                direction: self.direction,
                limit: (self.limit - self.fetch.events.len()).min(index(CHUNK)),
            };
            let found = part.index.search(&search)?;
            let read = self.read_found(part, &found)?;
            let unread = found.events.get(read).map(|(position, _)| *position);
            let seen = unread.map_or(found.seen, |unread| nearest(&left, self.direction).abs_diff(unread));
            self.scan = self.scan.saturating_sub(seen);
            pass(&mut left, self.direction, seen);
        }
        Ok(all - (left.end - left.start))
    }

    /// Reads what was found, and answers how many of it: the page may be full before.
    fn read_found(&mut self, part: &Part, found: &Found) -> Result<usize, Trouble> {
        let mut places = found.events.clone();
        if self.direction == Direction::Backwards {
            places.reverse();
        }
        let before = self.fetch.events.len();
        let mut positions = found.events.iter().map(|(position, _)| *position);
        let read = self.fetch.read(
            &places,
            |_| part,
            self.direction,
            |events| {
                let fits = events.iter().all(|event| Some(event.position.0) == positions.next());
                if fits { Ok(()) } else { Err("the index leads to events at other positions") }
            },
        )?;
        let (filter, mut place) = (self.filter, 0);
        self.fetch.events.retain(|event| {
            place += 1;
            place <= before || filter.matches(event)
        });
        Ok(read)
    }
}
