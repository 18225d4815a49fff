//! State machines: per state, what is valid and what the next state is.
//!
//! The table is what runs: the runtime asks it before it asks the process manager, and what is not in it does not
//! happen. So the diagram that is drawn from it cannot be wrong.

use serde::Serialize;

use crate::event::EventType;

/// The table of a state machine. Made by [`state_machine!`](crate::state_machine).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The states. The first is the one before the first event; those without transitions are the end.
    pub states: &'static [State],
    /// What becomes of a message that a state has no transition for.
    pub otherwise: Otherwise,
}

/// A state and what is valid in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct State {
    /// Its name.
    pub name: &'static str,
    /// What it means, from its doc comment.
    pub doc: &'static str,
    /// The messages that are valid, and where they lead.
    pub transitions: &'static [Transition],
}

/// A message that is valid in a state, and where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// The message.
    pub on: Message,
    /// The next state.
    pub to: &'static str,
    /// The commands that may be sent, at once or by a timer.
    pub sends: &'static [&'static str],
}

/// What a state machine hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// An event of this type.
    Event(&'static str),
    /// The refusal of a command of this name.
    Rejected(&'static str),
}

/// What becomes of a message that a state has no transition for: an invalid transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It is ignored.
    Ignore,
    /// The instance waits at it until an operator has looked.
    Park,
    /// The whole process manager stops.
    Fail,
}

impl Machine {
    /// The state of this name.
    pub fn state(&self, name: &str) -> Option<&'static State> {
        self.states.iter().find(|state| state.name == name)
    }

    /// Where a message leads from a state, if it is valid there.
    pub fn transition(&self, state: &str, message: Message) -> Option<&'static Transition> {
        self.state(state)?.transitions.iter().find(|transition| transition.on == message)
    }

    /// Where the refusal of a command leads from a state, if it is foreseen there.
    pub fn after_rejected(&self, state: &str, command: &str) -> Option<&'static Transition> {
        let is_meant =
            |transition: &&Transition| matches!(transition.on, Message::Rejected(name) if name == command);
        self.state(state)?.transitions.iter().find(is_meant)
    }

    /// Whether nothing is valid in this state any more.
    pub fn is_end(&self, name: &str) -> bool {
        self.state(name).is_some_and(|state| state.transitions.is_empty())
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Message::Event(name) => formatter.write_str(name),
            Message::Rejected(name) => write!(formatter, "{name} refused"),
        }
    }
}

/// Fails to compile where none of the types has this name.
#[doc(hidden)]
pub const fn assert_is_one_of(types: &[EventType], name: &str) {
    let mut index = 0;
    while index < types.len() {
        if crate::derived::same(types[index].name, name) {
            return;
        }
        index += 1;
    }
    panic!("a transition names an event that is not among the events of the process manager");
}

/// Declares the states of a process manager, and per state what is valid and what the next state is.
///
/// ```
/// # use engine_types::{state_machine, Aggregate, Decide, Event, Heard, ProcessManager, Reaction, Route};
/// # use engine_macros::{Command, Event};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, thiserror::Error)] #[error("never")] struct Never;
/// # #[derive(Debug, PartialEq, Event)] #[event(crate = engine_types)] enum DoorEvent { Rung, Opened }
/// # #[derive(Default, Clone, Serialize, Deserialize)] struct Door;
/// # impl Aggregate for Door {
/// #     const CATEGORY: &str = "door"; type Event = DoorEvent; type Rejection = Never;
/// #     fn evolve(self, _: &DoorEvent) -> Self { self }
/// # }
/// # #[derive(Command, Serialize, Deserialize)] #[command(aggregate = Door, id = id, crate = engine_types)]
/// # struct OpenDoor { id: String }
/// # impl Decide<OpenDoor> for Door {
/// #     fn decide(&self, _: &OpenDoor) -> Result<Vec<DoorEvent>, Never> { Ok(vec![DoorEvent::Opened]) }
/// # }
/// state_machine! {
///     /// How a visit goes.
///     #[derive(PartialEq)]
///     pub enum Stage of DoorEvent, otherwise Ignore {
///         /// Nobody is there.
///         Quiet { Rung => Waiting [OpenDoor] }
///         Waiting { Opened => Welcome, rejected OpenDoor => Away }
///         Welcome {}
///         Away {}
///     }
/// }
///
/// #[derive(Default, Clone, Serialize, Deserialize)]
/// struct Visit { stage: Stage }
///
/// impl ProcessManager for Visit {
///     const NAME: &str = "visits";
///     const MACHINE: Option<&'static engine_types::process_manager::Machine> = Some(&Stage::MACHINE);
///     type Event = DoorEvent;
///     fn route(heard: &Heard<'_, DoorEvent>) -> Route { Route::StartOrContinue(heard.aggregate_id().to_owned()) }
///     fn react(&self, heard: &Heard<'_, DoorEvent>) -> Reaction {
///         match heard.event {
///             DoorEvent::Rung => Reaction::send(OpenDoor { id: heard.aggregate_id().to_owned() }),
///             DoorEvent::Opened => Reaction::none(),
///         }
///     }
///     fn evolve(self, heard: &Heard<'_, DoorEvent>) -> Self { Visit { stage: self.stage.after(heard) } }
///     fn stage(&self) -> Option<&'static str> { Some(self.stage.name()) }
/// }
/// ```
///
/// Events are named as on disk. The first state is the one before the first event; an instance that comes to a state
/// without transitions has ended. In brackets stand the commands that a transition may send, at once or by a timer:
/// a process manager that sends another one, or evolves to another state than the table says, is parked.
#[macro_export]
macro_rules! state_machine {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $machine:ident of $event:ty, otherwise $otherwise:ident {
            $(
                $(#[doc = $doc:literal])*
                $state:ident { $($transitions:tt)* }
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        $visibility enum $machine {
            $( $(#[doc = $doc])* #[allow(missing_docs)] $state, )+
        }

        impl $machine {
            /// What is valid in each state, and what the next state is.
            $visibility const MACHINE: $crate::process_manager::Machine = $crate::process_manager::Machine {
                states: &[$(
                    $crate::process_manager::machine::State {
                        name: stringify!($state),
                        doc: concat!($($doc,)*),
                        transitions: $crate::__transitions!($machine, $event, [] $($transitions)*),
                    },
                )+],
                otherwise: $crate::process_manager::machine::Otherwise::$otherwise,
            };

            /// The name of the state.
            $visibility const fn name(self) -> &'static str {
                match self { $( Self::$state => stringify!($state), )+ }
            }

            /// The state of this name.
            $visibility fn named(name: &str) -> ::core::option::Option<Self> {
                match name { $( stringify!($state) => Some(Self::$state), )+ _ => None }
            }

            /// The state after an event: the next one, where the event is valid.
            #[must_use]
            $visibility fn after(self, heard: &$crate::Heard<'_, $event>) -> Self {
                let name = $crate::Event::event_type(heard.event).name;
                self.next($crate::process_manager::machine::Message::Event(name))
            }

            /// The state after a refusal: the next one, where the refusal is foreseen.
            #[must_use]
            #[allow(dead_code, reason = "not every machine foresees refusals")]
            $visibility fn after_rejected(self, rejected: &$crate::Rejected) -> Self {
                let transition = Self::MACHINE.after_rejected(self.name(), &rejected.command.name);
                transition.and_then(|transition| Self::named(transition.to)).unwrap_or(self)
            }

            fn next(self, message: $crate::process_manager::machine::Message) -> Self {
                let transition = Self::MACHINE.transition(self.name(), message);
                transition.and_then(|transition| Self::named(transition.to)).unwrap_or(self)
            }
        }

        impl ::core::default::Default for $machine {
            fn default() -> Self {
                [$( Self::$state, )+][0]
            }
        }

        impl $crate::__private::serde::Serialize for $machine {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $machine {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                let name: ::std::string::String = $crate::__private::serde::Deserialize::deserialize(deserializer)?;
                Self::named(&name).ok_or_else(|| {
                    $crate::__private::serde::de::Error::custom(format_args!("there is no state `{name}`"))
                })
            }
        }
    };
}

/// The transitions of one state. Not part of the public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __transitions {
    ($machine:ident, $event:ty, [$($done:tt)*]) => { &[$($done)*] };
    (
        $machine:ident, $event:ty, [$($done:tt)*]
        rejected $command:path => $to:ident $([$($sends:path),* $(,)?])? $(, $($rest:tt)*)?
    ) => {
        $crate::__transitions!(
            $machine, $event,
            [$($done)* $crate::process_manager::machine::Transition {
                on: $crate::process_manager::machine::Message::Rejected(<$command as $crate::Command>::NAME),
                to: $machine::$to.name(),
                sends: &[$($(<$sends as $crate::Command>::NAME),*)?],
            },]
            $($($rest)*)?
        )
    };
    (
        $machine:ident, $event:ty, [$($done:tt)*]
        $on:ident => $to:ident $([$($sends:path),* $(,)?])? $(, $($rest:tt)*)?
    ) => {
        $crate::__transitions!(
            $machine, $event,
            [$($done)* $crate::process_manager::machine::Transition {
                on: $crate::process_manager::machine::Message::Event({
                    $crate::process_manager::machine::assert_is_one_of(
                        <$event as $crate::Event>::TYPES,
                        stringify!($on),
                    );
                    stringify!($on)
                }),
                to: $machine::$to.name(),
                sends: &[$($(<$sends as $crate::Command>::NAME),*)?],
            },]
            $($($rest)*)?
        )
    };
}
