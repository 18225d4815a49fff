//! What could be removed of a segment, frame by frame.

use engine_store::{MaintenanceError, Reclaimable};

use super::rules::{Fate, Rules};
use crate::{
    chain::LINK,
    error::Trouble,
    frame::{self, FOLLOWING, Head, Kind, LINKED},
    scan,
    segment::Segment,
    view::View,
    work::Told,
};

/// What is in a segment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weighed {
    pub(super) reclaimable: Reclaimable,
    /// The bytes of the frames that would be left.
    pub(super) length: u64,
}

/// Decides about frames.
pub(super) struct Survey<'a> {
    pub view: &'a View,
    pub rules: &'a mut Rules,
}

impl Survey<'_> {
    /// Looks through a segment.
    pub(super) fn weigh(
        &mut self,
        segment: &Segment,
        end: u64,
        told: &mut Told,
    ) -> Result<Weighed, MaintenanceError> {
        let mut weighed = Weighed::default();
        let mut gap = false;
        let scanned = scan::each_frame(segment, segment.begin(), end, |offset, head, frame| {
            told.pass(head.size)?;
            let fate = self.meet(segment, offset, head, frame)?;
            let left = size_left(fate, head, frame, gap);
            gap = fate == Fate::Goes;
            weighed.length += left;
            let gone = u64::from(fate != Fate::Stays);
            match head.kind {
                Kind::Event => weighed.reclaimable.events += gone,
                Kind::Document | Kind::DocumentRemoval => weighed.reclaimable.documents += gone,
                Kind::Removed => {}
            }
            // Behind a gap a frame may grow by what it follows.
            weighed.reclaimable.bytes = (weighed.reclaimable.bytes + head.size).saturating_sub(left);
            Ok::<_, MaintenanceError>(())
        })?;
        match scanned.fault {
            None => Ok(weighed),
            Some(fault) => Err(segment.damage(scanned.end, &fault).into()),
        }
    }

    fn meet(&mut self, segment: &Segment, offset: u64, head: &Head, frame: &[u8]) -> Result<Fate, Trouble> {
        let name = head.name(frame);
        match head.kind {
            Kind::Event => Ok(self.rules.meet(name, head.revision, head.created)),
            _ => fate(self.view, self.rules, segment, offset, head, frame),
        }
    }
}

/// What becomes of a frame that was weighed before.
pub(super) fn fate(
    view: &View,
    rules: &Rules,
    segment: &Segment,
    offset: u64,
    head: &Head,
    frame: &[u8],
) -> Result<Fate, Trouble> {
    let name = head.name(frame);
    match head.kind {
        Kind::Event => Ok(rules.fate(name, head.revision)),
        Kind::Removed => {
            let newest = view.newest([name])?[0];
            let behind = newest.is_some_and(|newest| newest.span.last() > head.revision);
            Ok(rules.fate_of_number(name, behind))
        }
        Kind::Document | Kind::DocumentRemoval => fate_of_document(view, segment, offset, head, name),
    }
}

/// The newest version of a document stays, and its removal as long as an older version is there.
fn fate_of_document(
    view: &View,
    segment: &Segment,
    offset: u64,
    head: &Head,
    key: &str,
) -> Result<Fate, Trouble> {
    let number = segment.header.number;
    let newest = view.newest_of_document(key, view.parts.len())?;
    let is_newest = newest.is_some_and(|(part, entry)| {
        view.parts[part].segment.header.number == number && entry.offset == offset
    });
    let first = view.parts.partition_point(|part| part.segment.header.number < number);
    let stays = is_newest && (head.kind == Kind::Document || view.newest_of_document(key, first)?.is_some());
    Ok(if stays { Fate::Stays } else { Fate::Goes })
}

/// The bytes that are left of a frame; `gap` says that the frame before it goes.
pub(super) fn size_left(fate: Fate, head: &Head, frame: &[u8], gap: bool) -> u64 {
    let link = |more: bool| if more { LINK as u64 } else { 0 };
    match fate {
        Fate::Stays => head.size + link(!head.is(FOLLOWING) && says_what_it_follows(head, gap)),
        Fate::Goes => 0,
        Fate::LeavesItsNumber => frame::size(head.name(frame).len(), 0, 0, 0) + link(head.is(LINKED)),
    }
}

/// Whether a frame that stays has to say what it follows in the hash chain. One that keeps only a number has not: its
/// content, over which its link was made, is gone.
pub(super) fn says_what_it_follows(head: &Head, gap: bool) -> bool {
    head.is(LINKED) && head.kind != Kind::Removed && (gap || head.is(FOLLOWING))
}
