//! Meters: an aggregate with a snapshot every three events, and the same with another version of its state.

use engine_macros::{Command, Event};
use engine_runtime::App;
use engine_types::{Aggregate, Decide};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(crate = engine_types)]
pub enum MeterEvent {
    Counted { by: u64 },
}

pub const SNAPSHOT_EVERY: u64 = 3;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a meter does not count backwards")]
pub struct Never;

macro_rules! meter {
    ($meter:ident, $command:ident, version $version:literal, field $field:ident) => {
        #[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $meter {
            pub $field: u64,
        }

        impl Aggregate for $meter {
            const CATEGORY: &'static str = "meter";
            const SNAPSHOT_EVERY: u64 = SNAPSHOT_EVERY;
            const SNAPSHOT_VERSION: u32 = $version;
            type Event = MeterEvent;
            type Rejection = Never;

            fn evolve(self, event: &MeterEvent) -> Self {
                let MeterEvent::Counted { by } = event;
                $meter { $field: self.$field + by }
            }
        }

        /// Counts on, in `events` steps.
        #[derive(Debug, Clone, Command, Serialize, Deserialize)]
        #[command(aggregate = $meter, id = id, name = "Count", crate = engine_types)]
        pub struct $command {
            pub id: String,
            pub by: u64,
            pub events: u64,
        }

        impl Decide<$command> for $meter {
            fn decide(&self, command: &$command) -> Result<Vec<MeterEvent>, Never> {
                Ok((0..command.events).map(|_| MeterEvent::Counted { by: command.by }).collect())
            }
        }
    };
}

meter!(Meter, Count, version 1, field total);
meter!(NewMeter, NewCount, version 2, field sum);

pub fn register(app: App) -> App {
    app.command::<Count>()
}

/// One step.
pub fn count(id: &str, by: u64) -> Count {
    count_events(id, by, 1)
}

/// Several steps at once.
pub fn count_events(id: &str, by: u64, events: u64) -> Count {
    Count { id: id.to_owned(), by, events }
}
