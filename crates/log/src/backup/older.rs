//! Whether what is at the destination of a backup is the beginning of the store, as an older backup is.
//!
//! It is not where the copy was opened as a store and written to, nor where the store was restored from a still older
//! backup since: then there is something that may be nowhere else, and it is not overwritten.

use std::{collections::HashMap, sync::Arc};

use engine_store::MaintenanceError;

use super::{Ends, copying, destination::damaged, unusable};
use crate::{
    disk::{Disk, File, Mode},
    error::{OpenError, Trouble},
    frame::Kind,
    opening::Found,
    pinned::Tail,
    scan,
    segment::{Segment, name::SegmentName},
};

/// So many of the newest positions of the copy are compared with a segment of the store that was written anew since.
const COMPARED: u64 = 1_024;

/// Refuses a directory with something that the store has not. Changes nothing.
pub(super) fn check(to: &dyn Disk, found: &Found, ends: &Ends) -> Result<(), MaintenanceError> {
    let mut last = None;
    for name in &found.segments {
        let of_store = SegmentName::parse_log(name).and_then(|name| ends.find(name));
        let Some((segment, end)) = of_store else { return Err(foreign(to, name)) };
        last = Some((name, segment, *end));
        if SegmentName::parse_log(name).is_some_and(|name| name.generation > segment.header.generation)
            && open(to, name, ends)?.was_scavenged()
        {
            return Err(foreign(to, name));
        }
    }
    let Some((name, segment, end)) = last else { return Ok(()) };
    let copy = Copy::of(open(to, name, ends)?)?;
    let is_older = if segment.header.generation == copy.segment.header.generation {
        copy.is_beginning_of(segment, end)?
    } else {
        copy.next_position <= ends.behind(segment) && copy.positions_are_in(segment, end)?
    };
    if is_older { Ok(()) } else { Err(foreign(to, name)) }
}

fn open(to: &dyn Disk, name: &str, ends: &Ends) -> Result<Segment, MaintenanceError> {
    Segment::open(to, name, Mode::Read, ends.store).map_err(damaged)
}

impl Ends {
    /// The segment that a name of any generation stands for.
    fn find(&self, name: SegmentName) -> Option<&(Arc<Segment>, u64)> {
        self.segments
            .iter()
            .find(|(segment, _)| SegmentName { generation: name.generation, ..segment.name() } == name)
    }

    /// The position behind the last event that was ever in a segment.
    fn behind(&self, segment: &Segment) -> u64 {
        let next = self.segments.iter().find(|(next, _)| next.header.number == segment.header.number + 1);
        next.map_or(self.next_position, |(next, _)| next.header.first_position)
    }
}

/// The last segment of the copy.
struct Copy {
    segment: Segment,
    end: u64,
    next_position: u64,
}

impl Copy {
    fn of(segment: Segment) -> Result<Self, MaintenanceError> {
        let tail = Tail::of(&segment).map_err(damaged)?;
        match tail.damage {
            Some(damage) => Err(damaged(damage.into())),
            None => Ok(Copy { segment, end: tail.end, next_position: tail.next_position }),
        }
    }

    /// Whether the segment of the store begins with what is in the copy.
    fn is_beginning_of(&self, segment: &Segment, end: u64) -> Result<bool, MaintenanceError> {
        let length = self.segment.file_len(self.end);
        let read = |file: &dyn File| copying::ends(file, length);
        let store = read(&*segment.file).map_err(|error| Trouble::io(&segment.path, error))?;
        let copy = read(&*self.segment.file);
        let copy = copy.map_err(|error| unusable(OpenError::io(&self.segment.path, error)))?;
        if self.end <= end && store == copy {
            return Ok(true);
        }
        // What cannot be read at all is damage before it is anything else.
        self.positions()?;
        Ok(self.segment.rewritten.is_some()
            && !self.segment.was_scavenged()
            && self.positions_are_in(segment, end)?)
    }

    /// Whether what stands at the newest positions of the copy stands there in the segment of the store, as far as it
    /// is left there.
    fn positions_are_in(&self, segment: &Segment, end: u64) -> Result<bool, MaintenanceError> {
        let (known, mut all) = (self.positions()?, true);
        let scanned = scan::frames(segment, segment.begin(), end, |_, head, _| {
            let is_event = matches!(head.kind, Kind::Event | Kind::Removed);
            let same = known.get(&head.position).is_none_or(|id| *id == head.id);
            all &= same || !is_event;
            Ok(())
        })?;
        match scanned.fault {
            Some(fault) => Err(segment.damage(scanned.end, &fault).into()),
            None => Ok(all),
        }
    }

    /// The ids of the events at the newest positions.
    fn positions(&self) -> Result<HashMap<u64, [u8; 16]>, MaintenanceError> {
        let (segment, mut ids) = (&self.segment, HashMap::new());
        let newest = self.next_position.saturating_sub(COMPARED);
        let scanned = scan::frames(segment, segment.begin(), self.end, |_, head, _| {
            if matches!(head.kind, Kind::Event | Kind::Removed) && head.position >= newest {
                ids.insert(head.position, head.id);
            }
            Ok(())
        });
        let fault = match scanned {
            Ok(scanned) => scanned.fault.map(|fault| segment.damage(scanned.end, &fault)),
            Err(trouble) => Some(trouble),
        };
        fault.map_or(Ok(ids), |fault| Err(damaged(fault.into())))
    }
}

fn foreign(to: &dyn Disk, name: &str) -> MaintenanceError {
    let place = to.place().display();
    let fault = format!(
        "`{place}` holds in `{name}` what this store has not: it was opened as a store and written to, or scavenged, or \
         this store was restored from an older backup since; nothing was changed there: name another directory, or move \
         that one away"
    );
    MaintenanceError::Place(fault.into())
}
