//! A check while it runs.

use std::hash::{BuildHasher, RandomState};

use engine_store::{Fault, VerifyProgress, VerifyReport};

use super::{Expected, chain::ChainCheck, faults::Wrong, known::Known};
use crate::{
    chain::Link,
    disk::{self, Disk},
    error::Trouble,
    frame::{Head, Kind, LAST},
    index::{build, memory::MemoryIndex},
    scan,
    segment::Segment,
};

/// Progress is told after so many bytes.
const STEP: u64 = 1024 * 1024;

/// Where the frames of a segment end.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// Exactly there, and the file with them.
    At(u64),
    /// Exactly there when the check began. The file, and its index, may have gone on since.
    Published(u64),
    /// There, or before in what was half written when the process ended.
    MayBeTorn(u64),
}

pub(super) struct Check<'a> {
    pub(super) total: u64,
    told: u64,
    progress: &'a dyn Fn(VerifyProgress),
    hasher: RandomState,
    /// The last revision of each stream, by the hash of its name.
    revisions: Known<u64>,
    /// The documents that there are, by the hash of their key.
    documents: Known<()>,
    pub(super) course: Course,
    /// What is wrong with the segment at hand.
    pub(super) wrong: Wrong,
}

/// How far the check has come, and what it has found.
#[derive(Debug, Clone)]
pub(super) struct Course {
    done: u64,
    pub(super) report: VerifyReport,
    /// The position of the next event, where that is known.
    next_position: Option<u64>,
    /// Whether a segment was met from which events may have been removed.
    scavenged: bool,
    chain: ChainCheck,
}

impl<'a> Check<'a> {
    pub(super) fn new(progress: &'a dyn Fn(VerifyProgress)) -> Self {
        Check {
            total: 0,
            told: 0,
            progress,
            hasher: RandomState::new(),
            revisions: Known::default(),
            documents: Known::default(),
            course: Course {
                done: 0,
                report: VerifyReport::default(),
                next_position: Some(0),
                scavenged: false,
                chain: ChainCheck::default(),
            },
            wrong: Wrong::default(),
        }
    }

    /// Says what is expected of the hash chain.
    pub(super) fn expect(&mut self, expected: &Expected) {
        self.course.chain.required = expected.required;
        let Some(noted) = &expected.noted else { return };
        self.course.chain.noted = Link::parse(noted);
        if self.course.chain.noted.is_none() {
            let fault = format!("`{noted}` is no link of it: a link has 64 digits, from 0 to f");
            self.course.report.faults.push(Fault { place: "the hash chain".to_owned(), fault });
        }
    }

    pub(super) fn report(mut self) -> VerifyReport {
        self.course.report.documents = self.documents.count();
        self.course.report.bytes = self.course.done;
        for fault in self.course.chain.finish() {
            self.tampered_chain(&fault);
        }
        self.course.report.chain = self.course.chain.report();
        (self.progress)(VerifyProgress { done: self.total.max(self.course.done), total: self.total });
        self.course.report
    }

    /// Checks that a segment is the next, behind one of this length.
    pub(super) fn follows(&mut self, segment: &Segment, number: u64, previous: u64) {
        let header = segment.header;
        if header.number != number {
            self.fault(&segment.path, 0, "a segment before this one is missing");
        }
        if header.previous_length != previous {
            self.fault(&segment.path, 0, "the segment before this one has not the length that it had");
        }
        if self.course.next_position.is_some_and(|next| next != header.first_position) {
            self.fault(&segment.path, 0, "events before this segment are missing");
        }
        self.course.next_position = Some(header.first_position);
    }

    /// Forgets what changed since the last trial began, and begins one: what is checked from now on may be forgotten.
    pub(super) fn begin_trial(&mut self) {
        self.wrong = Wrong::default();
        self.revisions.begin_trial();
        self.documents.begin_trial();
    }

    /// Keeps what was checked since the trial began.
    pub(super) fn end_trial(&mut self) {
        self.revisions.end_trial();
        self.documents.end_trial();
    }

    /// Checks the frames of a segment, and that its index is what they make.
    pub(super) fn segment(&mut self, disk: &dyn Disk, segment: &Segment, end: End) -> Result<(), Trouble> {
        match self.whole_segment(disk, segment, end) {
            // A block that cannot be read hides the frames behind it.
            Err(Trouble::Damage { file, offset, fault }) => {
                self.fault(&file, offset, &fault);
                self.course.next_position = None;
                self.course.chain.lose();
                Ok(())
            }
            checked => checked,
        }
    }

    fn whole_segment(&mut self, disk: &dyn Disk, segment: &Segment, end: End) -> Result<(), Trouble> {
        self.course.report.segments += 1;
        let faults = self.course.report.faults.len();
        self.course.scavenged |= segment.was_scavenged();
        if let Err(fault) = self.course.chain.begin_segment(segment) {
            self.tampered(&segment.path, 0, fault);
        }
        let mut memory = MemoryIndex::of(segment);
        let reached = self.frames(segment, &mut memory, end)?;
        if let Some(rewritten) = &segment.rewritten {
            if self.course.next_position.is_some_and(|next| next > rewritten.next_position) {
                self.fault(&segment.path, 64, "events stand behind the last position that the segment tells");
            }
            self.course.next_position = Some(rewritten.next_position);
        }
        if !matches!(end, End::MayBeTorn(_)) {
            memory.reach(reached);
        }
        let whole = self.course.report.faults.len() == faults;
        self.index(disk, segment, &memory, end, whole)
    }

    /// Checks the index file of a segment, if it covers all of it: otherwise it is built again in any case.
    fn index(
        &mut self,
        disk: &dyn Disk,
        segment: &Segment,
        memory: &MemoryIndex,
        end: End,
        whole: bool,
    ) -> Result<(), Trouble> {
        let name = segment.name().idx();
        let path = disk.place().join(&name);
        let found = match disk::read_whole(disk, &name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(|error| Trouble::io(&path, error))?,
        };
        let covered = build::covered(&found, segment);
        match (end, covered) {
            (End::Published(end), Some(covered)) if covered > end => return Ok(()),
            (End::At(end) | End::MayBeTorn(end), Some(covered)) if covered > end => {
                let fault =
                    format!("the segment is cut off here, its index tells that it went on to {covered}");
                self.fault(&segment.path, end, &fault);
                return Ok(());
            }
            (End::MayBeTorn(_), _) => return Ok(()),
            (_, Some(covered)) if covered < memory.end() => return Ok(()),
            _ => {}
        }
        if whole && found != build::encode(segment, memory) {
            let fault = "the index is not that of its segment; close the store and remove this file, it is \
                         built again when the store is opened";
            self.index_fault(&path, fault.to_owned());
        }
        Ok(())
    }

    /// Checks the frames of a segment, and answers where they end.
    fn frames(&mut self, segment: &Segment, index: &mut MemoryIndex, end: End) -> Result<u64, Trouble> {
        let (End::At(to) | End::Published(to) | End::MayBeTorn(to)) = end;
        let before = self.course.done;
        let mut offset = segment.begin();
        let mut complete = offset;
        while offset < to {
            let scanned = scan::frames(segment, offset, to, |offset, head, frame| {
                self.frame(segment, offset, head, frame);
                // What contradicts the frames before has been told as a fault.
                let _contradiction = index.add_frame(offset, head, frame);
                if head.is(LAST) {
                    complete = offset + head.size;
                }
                self.tell(before + offset);
                Ok(())
            })?;
            let Some(fault) = scanned.fault else { break };
            let torn = matches!(end, End::MayBeTorn(_))
                && scan::proof_of_sync(segment, scanned.end, to, complete)?.is_none();
            if torn {
                break;
            }
            self.wrong.gap = true;
            self.fault(&segment.path, scanned.end, fault.as_str());
            self.course.next_position = None;
            self.course.chain.lose();
            offset = scan::next_frame(segment, scanned.end + 1, to)?.unwrap_or(to);
            complete = offset;
        }
        if complete < to && !matches!(end, End::MayBeTorn(_)) {
            self.wrong.gap = true;
            self.fault(&segment.path, complete, "the end of the append is missing");
        }
        self.course.done = before + to;
        self.tell(self.course.done);
        Ok(complete)
    }

    fn revision(&mut self, segment: &Segment, offset: u64, revision: u64, stream: u64) {
        let before = self.revisions.set(stream, Some(revision));
        let expected = before.map_or(0, |last| last.saturating_add(1));
        // Behind damage some revisions are lost, and nothing more can be said of that; what was scavenged is
        // missing from the beginning of a stream only.
        let lost = !self.course.report.faults.is_empty() || (self.course.scavenged && before.is_none());
        if revision != expected && !(lost && revision > expected) {
            let fault = format!("revision {revision} does not follow the one before");
            self.fault(&segment.path, offset, &fault);
        }
    }

    fn tell(&mut self, done: u64) {
        if done >= self.told + STEP {
            self.told = done;
            (self.progress)(VerifyProgress { done, total: self.total.max(done) });
        }
    }

    fn frame(&mut self, segment: &Segment, offset: u64, head: &Head, frame: &[u8]) {
        let hash = self.hasher.hash_one(head.name(frame));
        let follows = |next: u64| head.position == next || (segment.was_scavenged() && head.position > next);
        if self.course.next_position.is_some_and(|next| !follows(next)) {
            self.fault(&segment.path, offset, "the position does not follow the one before");
        }
        self.course.next_position = Some(head.position);
        if let Err(fault) = self.course.chain.frame(head, frame) {
            self.tampered(&segment.path, offset, &fault);
        }
        match head.kind {
            Kind::Event | Kind::Removed => {
                self.course.report.events += u64::from(head.kind == Kind::Event);
                self.course.next_position = Some(head.position.saturating_add(1));
                self.revision(segment, offset, head.revision, hash);
            }
            Kind::Document => {
                self.documents.set(hash, Some(()));
            }
            Kind::DocumentRemoval => {
                self.documents.set(hash, None);
            }
        }
    }
}
