//! The kinds of events in one part: which pairs of category and event type occur, and how often.
//!
//! With a number per event for its kind, a filtered read looks at two bytes of an event that cannot pass.

use std::{collections::HashMap, sync::Arc};

use engine_store::{Filter, filter::Choice};

use crate::units::le;

/// So many kinds are told apart in one part; all others are [`OTHER`], which no filter can rule out. Streams
/// that are named without regard to categories would otherwise make a kind each.
const MAX_KINDS: usize = 4_096;

/// The kind of events whose kind is not told apart.
pub(crate) const OTHER: u16 = 0;

/// The kinds of events, numbered in the order in which they occurred first.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    /// What each number from 1 stands for.
    pub kinds: Vec<Kind>,
    /// How many events are [`OTHER`].
    pub others: u64,
    numbers: HashMap<Box<str>, u16>,
    scratch: String,
}

/// A pair of category and event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub category: Option<Arc<str>>,
    pub event_type: Arc<str>,
    pub count: u64,
}

/// How often a kind occurs.
pub(crate) type Count = Kind;

/// For each number of a dictionary, whether events of this kind may pass a filter.
#[derive(Debug, Clone)]
pub(crate) struct Kinds(Vec<bool>);

impl Kinds {
    /// Whether an event of this kind may pass. Kinds that came after the question may pass.
    pub(crate) fn may_pass(&self, number: u16) -> bool {
        self.0.get(usize::from(number)).copied().unwrap_or(true)
    }

    /// Whether all kinds may pass.
    pub(crate) fn all(&self) -> bool {
        self.0.iter().all(|passes| *passes)
    }

    /// Whether none of the known kinds can pass.
    pub(crate) fn none(&self) -> bool {
        !self.0.iter().any(|passes| *passes)
    }
}

impl Dictionary {
    /// Counts events of a kind and answers its number.
    pub(crate) fn count(&mut self, stream: &str, event_type: &str, events: u64) -> u16 {
        let category = category_of(stream);
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        // Neither categories nor types hold control characters.
        key.push_str(category.unwrap_or("\u{1}"));
        key.push('\0');
        key.push_str(event_type);
        let number =
            self.numbers.get(key.as_str()).copied().unwrap_or_else(|| self.add(&key, category, event_type));
        self.scratch = key;
        match usize::from(number).checked_sub(1) {
            Some(index) => self.kinds[index].count += events,
            None => self.others += events,
        }
        number
    }

    fn add(&mut self, key: &str, category: Option<&str>, event_type: &str) -> u16 {
        if self.kinds.len() == MAX_KINDS {
            return OTHER;
        }
        self.kinds.push(Kind { category: category.map(Arc::from), event_type: event_type.into(), count: 0 });
        let number = u16::try_from(self.kinds.len()).expect("kinds are fewer than MAX_KINDS");
        self.numbers.insert(key.into(), number);
        number
    }

    pub(crate) fn kinds(&self, filter: &Filter) -> Kinds {
        let others = self.others > 0;
        let passes = self
            .kinds
            .iter()
            .map(|kind| may_pass(filter.choice(), kind.category.as_deref(), &kind.event_type));
        Kinds(std::iter::once(others).chain(passes).collect())
    }

    /// The dictionary as an index file holds it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.others.to_le_bytes().to_vec();
        for kind in &self.kinds {
            bytes.extend_from_slice(&kind.count.to_le_bytes());
            bytes.push(u8::from(kind.category.is_some()));
            put_text(&mut bytes, kind.category.as_deref().unwrap_or_default());
            put_text(&mut bytes, &kind.event_type);
        }
        bytes
    }

    /// Reads [`Dictionary::encode`], to be asked, not to be added to.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut dictionary =
            Dictionary { others: le!(u64, take(&mut bytes, 8)?, 0), ..Dictionary::default() };
        while !bytes.is_empty() {
            let count = le!(u64, take(&mut bytes, 8)?, 0);
            let has_category = take(&mut bytes, 1)?[0] != 0;
            let category = take_text(&mut bytes)?;
            let event_type = take_text(&mut bytes)?;
            dictionary.kinds.push(Kind { category: has_category.then_some(category), event_type, count });
        }
        Some(dictionary)
    }

    /// How often each kind occurs; absent where some are not told apart.
    pub(crate) fn counts(&self) -> Option<Vec<Count>> {
        (self.others == 0).then(|| self.kinds.clone())
    }
}

fn category_of(stream: &str) -> Option<&str> {
    stream.split_once('-').map(|(category, _)| category)
}

/// Takes bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_text(bytes: &mut &[u8]) -> Option<Arc<str>> {
    let length = le!(u16, take(bytes, 2)?, 0) as usize;
    std::str::from_utf8(take(bytes, length)?).ok().map(Arc::from)
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("names are bounded by their checks");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// Whether an event of this kind may pass a filter, for all that is known of its stream is the category.
fn may_pass(choice: &Choice, category: Option<&str>, event_type: &str) -> bool {
    let system = event_type.starts_with('$') || category.is_some_and(|category| category.starts_with('$'));
    let all_streams =
        choice.streams.is_empty() && choice.categories.is_empty() && choice.stream_prefixes.is_empty();
    let all_types = choice.event_types.is_empty() && choice.event_type_prefixes.is_empty();
    let begins = |prefix: &String| match (category, category_of(prefix)) {
        (Some(category), Some(of_prefix)) => category == of_prefix,
        (Some(category), None) => category.starts_with(prefix.as_str()),
        (None, of_prefix) => of_prefix.is_none(),
    };
    (choice.system || !system)
        && (all_streams
            || choice.categories.iter().any(|wanted| Some(wanted.as_str()) == category)
            || choice.streams.iter().any(|name| category_of(name) == category)
            || choice.stream_prefixes.iter().any(begins))
        && (all_types
            || choice.event_types.iter().any(|wanted| wanted == event_type)
            || choice.event_type_prefixes.iter().any(|prefix| event_type.starts_with(prefix.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn choices() -> impl Strategy<Value = Choice> {
        let names = || prop::collection::vec("[ab$-]{0,3}", 0..3);
        (names(), names(), names(), names(), names(), any::<bool>()).prop_map(
            |(streams, categories, stream_prefixes, event_types, event_type_prefixes, system)| Choice {
                streams,
                categories,
                stream_prefixes,
                event_types,
                event_type_prefixes,
                system,
            },
        )
    }

    proptest! {
        #[test]
        fn a_kind_is_never_ruled_out_when_an_event_of_it_passes(
            choice in choices(), stream in "[ab$-]{1,4}", event_type in "[ab$]{1,3}",
        ) {
            let mut dictionary = Dictionary::default();
            let number = dictionary.count(&stream, &event_type, 1);
            let filter = Filter::new(choice);
            if filter.matches_names(&stream, &event_type) {
                prop_assert!(dictionary.kinds(&filter).may_pass(number));
            }
        }
    }

    #[test]
    fn a_dictionary_that_was_encoded_is_decoded() {
        let mut dictionary = Dictionary::default();
        for (stream, event_type) in [("account-1", "Created"), ("plain", "Created"), ("-odd", "$metadata")] {
            dictionary.count(stream, event_type, 2);
        }
        let decoded = Dictionary::decode(&dictionary.encode()).unwrap();
        assert_eq!(decoded.kinds, dictionary.kinds);
        assert!(Dictionary::decode(&dictionary.encode()[..20]).is_none());
    }

    #[test]
    fn kinds_beyond_the_limit_may_always_pass() {
        let mut dictionary = Dictionary::default();
        for number in 0..=MAX_KINDS {
            dictionary.count(&format!("category{number}-1"), "Created", 1);
        }
        assert!(dictionary.kinds(&Filter::category("category4096")).may_pass(OTHER));
        assert_eq!(dictionary.counts(), None);
    }
}
