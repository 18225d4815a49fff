//! A list that only grows, and never moves what is in it.
//!
//! A `Vec` that is full moves to a place of twice its size. With millions of events that takes a tenth of a second,
//! for which all who append wait.

use std::ops::{Index, IndexMut};

/// How many values are allocated at a time.
const CHUNK: usize = 1_024;

/// Values in the order in which they were added.
#[derive(Debug)]
pub(super) struct Chunks<T> {
    /// All full, but for the last.
    chunks: Vec<Vec<T>>,
}

impl<T> Chunks<T> {
    pub(super) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub(super) fn push(&mut self, value: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.chunks.push(chunk);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Chunks { chunks: Vec::new() }
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_in_order_and_stays_in_its_place() {
        let mut numbers = Chunks::default();
        numbers.push(0);
        let first: *const usize = &raw const numbers[0];
        for number in 1..3 * CHUNK {
            assert_eq!(numbers.len(), number);
            numbers.push(number);
            assert_eq!(numbers[number], number);
        }
        assert!(numbers.iter().copied().eq(0..3 * CHUNK));
        assert_eq!(&raw const numbers[0], first);
    }
}
