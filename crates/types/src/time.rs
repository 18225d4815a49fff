//! Points in time, as data: whoever needs the time gets it as an argument.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

/// A point in time: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A time from microseconds since 1970, held within the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Self {
        const YEAR_1: i64 = -62_135_596_800_000_000;
        const YEAR_9999: i64 = 253_402_207_200_000_000;
        Timestamp(micros.clamp(YEAR_1, YEAR_9999))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The time after this much more.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.0.saturating_add(micros))
    }

    /// The time that has passed since `earlier`; zero when it is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, in UTC, with microseconds.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(formatter, "{time:.6}"),
            Err(_) => write!(formatter, "{} µs since 1970", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
