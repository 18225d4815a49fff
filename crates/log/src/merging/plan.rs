//! Which indexes are merged next. Decides, and does nothing.

use std::{collections::HashSet, ops::Range};

use super::in_file;
use crate::view::{Part, View};

/// So many segments have an index together, or four times as many.
const FEWEST: usize = 4;

/// The parts whose indexes are merged next: the most that can be, up to `most`, the oldest first.
pub(super) fn next(view: &View, most: usize, failed: &HashSet<Range<usize>>) -> Option<Range<usize>> {
    let finished = view.parts.len() - 1;
    // What is there of the segment that is written may have an index, too, but soon another one.
    let written = view.written().segment.header.number;
    let number = |part: &Part| in_file(part).map(|_| part.segment.header.number);
    let numbers: Vec<_> =
        view.parts[..finished].iter().map(|part| number(part).filter(|number| *number != written)).collect();
    let merged: Vec<_> =
        view.runs.iter().filter(|run| run.index.is_whole()).map(|run| run.parts.clone()).collect();
    next_of(&numbers, &merged, most, failed)
}

/// The same, of the numbers of segments (absent where the index of one cannot be merged) and of what is merged already.
fn next_of(
    segments: &[Option<u64>],
    merged: &[Range<usize>],
    most: usize,
    failed: &HashSet<Range<usize>>,
) -> Option<Range<usize>> {
    let sizes = std::iter::successors(Some(FEWEST), |size| size.checked_mul(FEWEST));
    let sizes: Vec<_> = sizes.take_while(|size| *size <= most).collect();
    for size in sizes.into_iter().rev() {
        for start in 0..segments.len().saturating_sub(size - 1) {
            let parts = start..start + size;
            let first = segments[start].filter(|number| number.is_multiple_of(size as u64));
            let follow = |first: u64| {
                (first..).zip(&segments[parts.clone()]).all(|(number, known)| *known == Some(number))
            };
            let is_merged = merged.iter().any(|run| run.start <= parts.start && parts.end <= run.end);
            if first.is_some_and(follow) && !is_merged && !failed.contains(&parts) {
                return Some(parts);
            }
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of ranges are what this is about
mod tests {
    use super::*;

    fn segments(count: u64) -> Vec<Option<u64>> {
        (0..count).map(Some).collect()
    }

    /// All that is merged of so many full segments, one after the other.
    fn all(segments: &[Option<u64>], most: usize) -> Vec<Range<usize>> {
        let (mut order, mut merged) = (Vec::new(), Vec::<Range<usize>>::new());
        while let Some(parts) = next_of(segments, &merged, most, &HashSet::new()) {
            merged.retain(|run| run.end <= parts.start || parts.end <= run.start);
            merged.push(parts.clone());
            order.push(parts);
        }
        order
    }

    #[test]
    fn four_segments_are_merged_when_they_are_full_and_not_before() {
        assert_eq!(all(&segments(3), 64), []);
        assert_eq!(all(&segments(4), 64), [0..4]);
        assert_eq!(all(&segments(7), 64), [0..4]);
    }

    #[test]
    fn as_many_as_can_be_are_merged_at_once() {
        assert_eq!(all(&segments(85), 64), [0..64, 64..80, 80..84]);
        assert_eq!(all(&segments(85), 16), [0..16, 16..32, 32..48, 48..64, 64..80, 80..84]);
        assert_eq!(all(&segments(85), 3), []);
    }

    #[test]
    fn the_fourth_of_four_makes_one_of_them_all() {
        let merged = [0..4, 4..8, 8..12];
        assert_eq!(next_of(&segments(15), &merged, 64, &HashSet::new()), None);
        assert_eq!(next_of(&segments(16), &merged, 64, &HashSet::new()), Some(0..16));
    }

    #[test]
    fn a_segment_whose_index_cannot_be_merged_keeps_only_its_neighbours_from_it() {
        let mut segments = segments(16);
        segments[5] = None;
        assert_eq!(all(&segments, 64), [0..4, 8..12, 12..16]);
    }

    #[test]
    fn segments_are_told_by_their_numbers_where_one_has_two_parts() {
        let segments: Vec<_> = [Some(0), None, None].into_iter().chain((2..8).map(Some)).collect();
        assert_eq!(all(&segments, 64), [5..9]);
    }

    #[test]
    fn what_failed_is_not_tried_again_at_once() {
        let failed = HashSet::from([0..4]);
        assert_eq!(next_of(&segments(8), &[], 64, &failed), Some(4..8));
    }
}
