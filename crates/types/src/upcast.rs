//! Upcasting: how events written by older versions of the code are read today.
//!
//! Pure functions over JSON. Nothing on disk is rewritten.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde_json::Value;

/// More steps than any honest chain of versions has; beyond it, upcasters call each other in a circle.
const MAX_DEPTH: usize = 1_000;

/// An event as it lies in the store, before it has a Rust type.
#[derive(Debug, Clone, PartialEq)]
pub struct RawEvent {
    /// The name on disk.
    pub event_type: Cow<'static, str>,
    /// The version of its form, from 1.
    pub version: u32,
    /// Its data.
    pub data: Value,
}

impl RawEvent {
    /// An event of this type and version.
    pub fn new(event_type: impl Into<Cow<'static, str>>, version: u32, data: Value) -> Self {
        RawEvent { event_type: event_type.into(), version, data }
    }
}

type Upcast<'a> = Box<dyn Fn(Value) -> Result<Vec<RawEvent>, String> + Send + Sync + 'a>;

/// The registered ways from an old event to none, one or several newer ones.
///
/// ```
/// use engine_types::{RawEvent, Upcasters};
/// use serde_json::json;
///
/// let upcasters = Upcasters::new()
///     .rename("MoneyPaidIn", "MoneyDeposited")
///     .one("MoneyDeposited", 1, |mut data| {
///         data["currency"] = json!("EUR");
///         data
///     })
///     .drop("AccountLookedAt");
///
/// let old = RawEvent::new("MoneyPaidIn", 1, json!({ "amount": 5 }));
/// let new = upcasters.bring_up_to_date(old).unwrap();
/// assert_eq!(new, [RawEvent::new("MoneyDeposited", 2, json!({ "amount": 5, "currency": "EUR" }))]);
/// ```
#[derive(Default)]
pub struct Upcasters<'a> {
    by_type: BTreeMap<&'a str, BTreeMap<u32, Upcast<'a>>>,
    renamed: BTreeMap<&'a str, &'a str>,
    dropped: std::collections::BTreeSet<&'a str>,
}

impl<'a> Upcasters<'a> {
    /// No upcasters: every event on disk is current.
    pub fn new() -> Self {
        Upcasters::default()
    }

    /// Reads events of `version` as none, one or several events, each perhaps again an old one.
    ///
    /// # Panics
    /// When the same type and version is registered twice: a mistake in the code that no run can survive.
    #[must_use]
    pub fn many(
        mut self,
        event_type: &'a str,
        version: u32,
        upcast: impl Fn(Value) -> Result<Vec<RawEvent>, String> + Send + Sync + 'a,
    ) -> Self {
        let before = self.by_type.entry(event_type).or_default().insert(version, Box::new(upcast));
        assert!(before.is_none(), "two upcasters for `{event_type}` version {version}");
        self
    }

    /// Reads events of `version` as the next version of the same type.
    #[must_use]
    pub fn one(
        self,
        event_type: &'static str,
        version: u32,
        upcast: impl Fn(Value) -> Value + Send + Sync + 'a,
    ) -> Self {
        self.many(event_type, version, move |data| {
            Ok(vec![RawEvent::new(event_type, version + 1, upcast(data))])
        })
    }

    /// Reads events of every version that were once called `old` as `new`.
    ///
    /// # Panics
    /// When `old` is renamed twice: a mistake in the code that no run can survive.
    #[must_use]
    pub fn rename(mut self, old: &'a str, new: &'a str) -> Self {
        let before = self.renamed.insert(old, new);
        assert!(before.is_none(), "`{old}` is renamed twice");
        self
    }

    /// Ignores events of this type, whatever their version.
    #[must_use]
    pub fn drop(mut self, event_type: &'a str) -> Self {
        self.dropped.insert(event_type);
        self
    }

    /// Gathers the upcasters of two enums that are read together.
    ///
    /// What both say in the same words, a rename or a drop, counts once.
    ///
    /// # Panics
    /// When both register the same type and version, or rename the same type differently: a mistake in the
    /// code that no run can survive.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (event_type, versions) in other.by_type {
            for (version, upcast) in versions {
                let before = self.by_type.entry(event_type).or_default().insert(version, upcast);
                assert!(before.is_none(), "two upcasters for `{event_type}` version {version}");
            }
        }
        for (old, new) in other.renamed {
            let before = self.renamed.insert(old, new).unwrap_or(new);
            assert!(before == new, "`{old}` is renamed both to `{before}` and to `{new}`");
        }
        self.dropped.extend(other.dropped);
        self
    }

    /// Whether anything is registered for this type and version.
    pub fn knows(&self, event_type: &str, version: u32) -> bool {
        self.renamed.contains_key(event_type)
            || self.dropped.contains(event_type)
            || self.by_type.get(event_type).is_some_and(|versions| versions.contains_key(&version))
    }

    /// Whether anything is registered for this type, at any version.
    pub fn touches(&self, event_type: &str) -> bool {
        self.renamed.contains_key(event_type)
            || self.dropped.contains(event_type)
            || self.by_type.contains_key(event_type)
    }

    /// Every type that something is registered for.
    pub fn types(&self) -> impl Iterator<Item = &'a str> {
        self.by_type.keys().chain(self.renamed.keys()).chain(&self.dropped).copied()
    }

    /// Applies upcasters until none is registered for what is left.
    ///
    /// # Errors
    /// An upcaster's own refusal, or upcasters that lead to each other without end.
    pub fn bring_up_to_date(&self, event: RawEvent) -> Result<Vec<RawEvent>, UpcastError> {
        let mut done = Vec::new();
        let mut waiting = vec![(0, event)];
        while let Some((depth, mut event)) = waiting.pop() {
            if depth > MAX_DEPTH {
                return Err(UpcastError::Endless { event_type: event.event_type.into_owned() });
            }
            if self.dropped.contains(&*event.event_type) {
                continue;
            }
            if let Some(new) = self.renamed.get(&*event.event_type) {
                event.event_type = Cow::Owned((*new).to_owned());
                waiting.push((depth + 1, event));
                continue;
            }
            match self.by_type.get(&*event.event_type).and_then(|versions| versions.get(&event.version)) {
                None => done.push(event),
                Some(upcast) => {
                    let RawEvent { event_type, version, data } = event;
                    let newer = upcast(data).map_err(|fault| UpcastError::Refused {
                        event_type: event_type.into_owned(),
                        version,
                        fault,
                    })?;
                    waiting.extend(newer.into_iter().rev().map(|event| (depth + 1, event)));
                }
            }
        }
        Ok(done)
    }
}

impl fmt::Debug for Upcasters<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<_> =
            self.by_type.iter().map(|(name, versions)| (name, versions.keys().collect::<Vec<_>>())).collect();
        formatter
            .debug_struct("Upcasters")
            .field("versions", &versions)
            .field("renamed", &self.renamed)
            .field("dropped", &self.dropped)
            .finish()
    }
}

/// Why an old event could not be brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpcastError {
    /// The upcaster itself said no.
    #[error("the upcaster of `{event_type}` version {version} refused an event: {fault}")]
    Refused {
        /// The name on disk.
        event_type: String,
        /// The version on disk.
        version: u32,
        /// The upcaster's words.
        fault: String,
    },
    /// Upcasters lead to each other in a circle.
    #[error("the upcasters of `{event_type}` lead to each other without end")]
    Endless {
        /// The type at which the limit was reached.
        event_type: String,
    },
}
