//! Process managers: they listen for events and dispatch commands, as pure functions over data.
//!
//! What they send and which timers they set is a value, a [`Reaction`]. Storing it, sending, and waiting until a
//! timer is due are the runtime's.
//!
//! ```
//! use engine_types::{testing::given_process, Heard, ProcessManager, Reaction, Route};
//! # use engine_types::{Aggregate, Command, Decide, Event};
//! # use engine_macros::{Command, Event};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Debug, thiserror::Error)] #[error("never")] struct Never;
//! # #[derive(Debug, PartialEq, Event)] #[event(crate = engine_types)]
//! # enum GuestEvent { GuestArrived { room: String }, RoomCleaned { room: String } }
//! # #[derive(Default, Clone, Serialize, Deserialize)] struct Cleaner;
//! # impl Aggregate for Cleaner {
//! #     const CATEGORY: &str = "cleaner"; type Event = GuestEvent; type Rejection = Never;
//! #     fn evolve(self, _: &GuestEvent) -> Self { self }
//! # }
//! # #[derive(Command, Serialize, Deserialize)] #[command(aggregate = Cleaner, id = room, crate = engine_types)]
//! # struct CleanRoom { room: String }
//! # impl Decide<CleanRoom> for Cleaner {
//! #     fn decide(&self, _: &CleanRoom) -> Result<Vec<GuestEvent>, Never> { Ok(vec![]) }
//! # }
//! /// Has a room cleaned when a guest arrives.
//! #[derive(Default, Clone, Serialize, Deserialize)]
//! struct Cleaning { is_asked_for: bool }
//!
//! impl ProcessManager for Cleaning {
//!     const NAME: &str = "cleaning";
//!     type Event = GuestEvent;
//!
//!     fn route(heard: &Heard<'_, GuestEvent>) -> Route {
//!         match heard.event {
//!             GuestEvent::GuestArrived { room } => Route::Start(room.clone()),
//!             GuestEvent::RoomCleaned { room } => Route::Stop(room.clone()),
//!         }
//!     }
//!
//!     fn react(&self, heard: &Heard<'_, GuestEvent>) -> Reaction {
//!         match heard.event {
//!             GuestEvent::GuestArrived { room } => Reaction::send(CleanRoom { room: room.clone() }),
//!             GuestEvent::RoomCleaned { .. } => Reaction::none(),
//!         }
//!     }
//!
//!     fn evolve(self, _: &Heard<'_, GuestEvent>) -> Self { Cleaning { is_asked_for: true } }
//! }
//!
//! let room = || "7".to_owned();
//! given_process::<Cleaning>([])
//!     .when(GuestEvent::GuestArrived { room: room() })
//!     .then(Reaction::send(CleanRoom { room: room() }));
//! given_process::<Cleaning>([GuestEvent::GuestArrived { room: room() }])
//!     .when(GuestEvent::RoomCleaned { room: room() })
//!     .then_nothing()
//!     .has_ended();
//! ```

mod heard;
pub mod machine;
mod outgoing;
mod reaction;
mod rejected;
mod route;
pub mod step;
mod timer;

use serde::{Serialize, de::DeserializeOwned};

use crate::Event;

pub use heard::Heard;
pub use machine::Machine;
pub use outgoing::Outgoing;
pub use reaction::{Reaction, TimerChange, Trouble};
pub use rejected::Rejected;
pub use route::{Call, Entrance, Route};
pub use timer::{Due, Timer};

/// Listens for events and dispatches commands. One value is one *instance*: one transfer, one registration.
///
/// The value of [`Default`] is the state before the first event. An instance is rebuilt from the events that it has
/// handled; what it decided about them is stored beside them and is never decided again.
pub trait ProcessManager: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name, and the first part of the stream of every instance: `transfers` for `transfers-t1`. Another name is
    /// another process manager, from the first event on.
    ///
    /// Checked at compile time where it is registered, as [`Aggregate::CATEGORY`](crate::Aggregate::CATEGORY) is.
    const NAME: &'static str;

    /// The version of these functions and of the state's form. Raise it when either changes: the runtime then takes
    /// no snapshot of another version, and folds the state of each instance from its events again.
    const VERSION: u32 = 1;

    /// Take a snapshot after this many entries; 0 takes none. Default: 100.
    const SNAPSHOT_EVERY: u64 = 100;

    /// The state machine that it is, where it is one. See [`state_machine!`](crate::state_machine).
    const MACHINE: Option<&'static Machine> = None;

    /// The events that it listens to, of one or several aggregates: gather them with `#[event(flatten)]`.
    type Event: Event;

    /// Says which instances an event concerns. By default one for each correlation id, begun by the first event.
    ///
    /// Must give the same answer for the same event each time.
    fn route(heard: &Heard<'_, Self::Event>) -> Route {
        Route::per_correlation(heard)
    }

    /// Says what is to be done about an event, seen from the state before it.
    fn react(&self, heard: &Heard<'_, Self::Event>) -> Reaction;

    /// Returns the state after an event. Never fails: an event is a fact.
    #[must_use]
    fn evolve(self, heard: &Heard<'_, Self::Event>) -> Self;

    /// Says what is to be done about a command that was refused: send another, try again later, stop. By default
    /// the instance is parked until an operator has looked at it, and all other instances go on.
    fn on_rejected(&self, rejected: &Rejected) -> Reaction {
        rejected.park()
    }

    /// Returns the state after a command was refused. By default it stays as it is.
    #[must_use]
    fn evolve_rejected(self, rejected: &Rejected) -> Self {
        let _ = rejected;
        self
    }

    /// The name of the state that the machine is in; needed where there is a [`ProcessManager::MACHINE`].
    fn stage(&self) -> Option<&'static str> {
        None
    }
}
