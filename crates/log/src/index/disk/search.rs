//! Finding events by position and kind in an index file.

use engine_store::Direction;

use super::{
    super::{Found, Search, build::U16S},
    DiskIndex,
};
use crate::{
    error::Trouble,
    units::{ALIGN, index, le},
};

impl DiskIndex {
    pub(crate) fn search(&self, search: &Search<'_>) -> Result<Found, Trouble> {
        let places = self.place_of(search.positions.start)?..self.place_of(search.positions.end)?;
        let mut wanted = Vec::new();
        let all = if search.kinds.all() {
            let count = (search.limit as u64).min(places.end - places.start);
            wanted.extend(match search.direction {
                Direction::Forwards => places.start..places.start + count,
                Direction::Backwards => places.end - count..places.end,
            });
            if search.direction == Direction::Backwards {
                wanted.reverse();
            }
            count == places.end - places.start
        } else {
            match search.direction {
                Direction::Forwards => self.wanted(search, places, &mut wanted)?,
                Direction::Backwards => self.wanted(search, places.rev(), &mut wanted)?,
            }
        };
        let positions = self.positions_of(&wanted)?;
        let offsets = self.numbers_at(self.layout.offsets, &wanted)?;
        let offsets = offsets.into_iter().map(|packed| packed * ALIGN);
        Ok(search.found(positions.into_iter().zip(offsets).collect(), all))
    }

    /// Collects the places of events of the kinds, and answers whether it looked at all places.
    fn wanted(
        &self,
        search: &Search<'_>,
        places: impl Iterator<Item = u64>,
        wanted: &mut Vec<u64>,
    ) -> Result<bool, Trouble> {
        let mut held: Option<(u64, bytes::Bytes)> = None;
        for place in places {
            let number = place / U16S as u64;
            let page = match &held {
                Some((known, page)) if *known == number => page,
                _ => &held.insert((number, self.file.page(self.layout.kinds.first_page + number)?)).1,
            };
            if search.kinds.may_pass(le!(u16, page, index(place % U16S as u64) * 2)) {
                wanted.push(place);
            }
            if wanted.len() >= search.limit {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
