//! The names of the files of a segment: its number, so that names sort; its first position, for people; and, where
//! it was written anew, how often. So a name never stands for two contents.

use super::SegmentHeader;

/// What the names of a segment's files are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub number: u64,
    pub first_position: u64,
    pub generation: u32,
}

impl SegmentName {
    pub(crate) const fn of(header: &SegmentHeader) -> Self {
        SegmentName {
            number: header.number,
            first_position: header.first_position,
            generation: header.generation,
        }
    }

    /// The name of the segment.
    pub(crate) fn log(self) -> String {
        format!("{}.log", self.stem())
    }

    /// The name of its index.
    pub(crate) fn idx(self) -> String {
        format!("{}.idx", self.stem())
    }

    fn stem(self) -> String {
        let SegmentName { number, first_position, generation } = self;
        match generation {
            0 => format!("segment-{number:010}-{first_position:020}"),
            _ => format!("segment-{number:010}-{first_position:020}-g{generation}"),
        }
    }

    /// Reads [`SegmentName::log`].
    pub(crate) fn parse_log(name: &str) -> Option<Self> {
        SegmentName::parse_stem(name.strip_suffix(".log")?)
    }

    /// Reads [`SegmentName::idx`].
    pub(crate) fn parse_idx(name: &str) -> Option<Self> {
        SegmentName::parse_stem(name.strip_suffix(".idx")?)
    }

    fn parse_stem(stem: &str) -> Option<Self> {
        let mut words = stem.strip_prefix("segment-")?.splitn(3, '-');
        let number = words.next()?.parse().ok()?;
        let first_position = words.next()?.parse().ok()?;
        let generation = words.next().map_or(Some(0), |word| word.strip_prefix('g')?.parse().ok())?;
        let name = SegmentName { number, first_position, generation };
        (name.stem() == stem).then_some(name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_no_others() {
        for generation in [0, 1, 12] {
            let name = SegmentName { number: 7, first_position: 1_234, generation };
            assert_eq!(SegmentName::parse_log(&name.log()), Some(name));
            assert_eq!(SegmentName::parse_idx(&name.idx()), Some(name));
        }
        for name in [
            "segment-1-2.log",
            "segment-0000000001-00000000000000000002-g0.log",
            "segment-0000000001-00000000000000000002-g1-x.log",
            "segment-0000000001-00000000000000000002.idx",
            "letter.log",
        ] {
            assert_eq!(SegmentName::parse_log(name), None, "{name}");
        }
    }
}
