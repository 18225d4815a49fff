//! Following the hash chain while a store is checked.
//!
//! What it proves: all that is left stands there as it was written, in its order, and where nothing was scavenged
//! nothing is missing. Somebody who makes all links anew from the place of the change on is found by a link that was
//! noted elsewhere.

use engine_store::ChainReport;

use crate::{
    chain::Link,
    frame::{Head, Kind, LAST},
    segment::Segment,
};

/// The chain as far as it was followed.
#[derive(Debug, Clone, Default)]
pub(super) struct ChainCheck {
    /// Whether a store without a chain is at fault.
    pub(super) required: bool,
    /// A link that must still be met.
    pub(super) noted: Option<Link>,
    /// The position at which the chain begins.
    begins: Option<u64>,
    /// The link of the frame before; none where that is not known.
    before: Option<Link>,
    /// The position behind the last frame, and its link.
    head: Option<(u64, Link)>,
    segment: InSegment,
    /// Whether frames may be missing between the one before and the next.
    may_miss: bool,
}

/// What is known of the segment that is followed.
#[derive(Debug, Clone, Copy, Default)]
struct InSegment {
    chained: bool,
    scavenged: bool,
}

impl ChainCheck {
    /// Goes on with the next segment.
    pub(super) fn begin_segment(&mut self, segment: &Segment) -> Result<(), &'static str> {
        let before = self.segment;
        self.segment = InSegment { chained: segment.header.chained, scavenged: segment.was_scavenged() };
        self.may_miss |= self.segment.scavenged;
        if self.begins.is_none() && self.segment.chained {
            self.begins = Some(segment.header.first_position);
            self.before = Some(Link::origin(segment.header.store));
        }
        if before.chained && !self.segment.chained {
            return Err("the hash chain does not go on in this segment");
        }
        Ok(())
    }

    /// Says that frames were passed over that cannot be read.
    pub(super) fn lose(&mut self) {
        self.before = None;
    }

    /// Follows one frame.
    pub(super) fn frame(&mut self, head: &Head, frame: &[u8]) -> Result<(), String> {
        let Some(own) = head.link(frame) else {
            return if self.segment.chained {
                Err(format!("{} is not tied into the hash chain", name(head, frame)))
            } else {
                Ok(())
            };
        };
        if !self.segment.chained {
            return Err(format!("{} has a link in a segment without a hash chain", name(head, frame)));
        }
        let (said, before) = (head.follows(frame), self.before);
        self.noted = self.noted.filter(|noted| *noted != own && Some(*noted) != said);
        self.before = Some(own);
        if head.is(LAST) {
            self.head = Some((head.position.saturating_add(u64::from(is_of_event(head))), own));
        }
        let may_miss = std::mem::replace(&mut self.may_miss, self.segment.scavenged);
        if head.kind == Kind::Removed {
            // What the link was made over is gone.
            return Ok(());
        }
        if let (Some(said), Some(before)) = (said, before)
            && said != before
            && !may_miss
        {
            return Err(format!("something was changed, added or removed before {}", name(head, frame)));
        }
        match said.or(before) {
            Some(follows) if head.link_behind(follows, frame) != own => Err(format!(
                "{}, or what stands before it, was changed after it was written: its link in the hash chain does not fit",
                name(head, frame)
            )),
            _ => Ok(()),
        }
    }

    /// What is missing when all was followed.
    pub(super) fn finish(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.required && self.begins.is_none() {
            faults.push("there is none, although one is asked for".to_owned());
        }
        if let Some(noted) = self.noted {
            faults.push(format!(
                "the link {noted} is not in it: what was written before it was noted was changed, or its event was \
                 removed by a scavenge"
            ));
        }
        faults
    }

    pub(super) fn report(&self) -> Option<ChainReport> {
        let (next_position, link) = self.head?;
        Some(ChainReport { from: self.begins?, next_position, link: link.to_string() })
    }
}

fn is_of_event(head: &Head) -> bool {
    matches!(head.kind, Kind::Event | Kind::Removed)
}

/// What a frame holds, as people call it.
fn name(head: &Head, frame: &[u8]) -> String {
    let name = head.name(frame);
    if is_of_event(head) {
        format!("the event at position {} (revision {} of `{name}`)", head.position, head.revision)
    } else {
        format!("document `{name}`, version {}, before position {}", head.revision, head.position)
    }
}
