//! Commands as those hear them who observe them: before they are decided, and after they were accepted or refused.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Command, Event,
    event::{DecodeError, EventType},
};

/// The category of the streams in which observed commands stand: `observed_commands-TransferMoney`.
pub const OBSERVED: &str = "observed_commands";

/// What is observed of a command.
///
/// A process manager, or any other listener, observes a command by gathering this among its events:
/// `#[event(flatten)] Asked(Observed<TransferMoney>)`. The event type is the name of the command. Only commands that
/// somebody observes are written down.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed<C> {
    /// It is about to be decided.
    Dispatched(C),
    /// It was accepted; its events are stored.
    Accepted(C),
    /// It was refused. Nothing of it took effect.
    Refused(C, Refusal),
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, as one stable word: `rejected` by the domain, `invalid`, `conflict`, `deleted`, or `lost` where the
    /// process died before the command was decided.
    pub kind: String,
    /// Where the domain refused, the name of the rejection's variant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The message.
    pub message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    Dispatched,
    Accepted,
    Refused,
}

#[derive(Serialize)]
struct Written<'a, C> {
    stage: Stage,
    command: &'a C,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a Refusal>,
}

#[derive(Deserialize)]
#[serde(bound = "C: DeserializeOwned")]
struct Read<C> {
    stage: Stage,
    command: C,
    refusal: Option<Refusal>,
}

impl<C> Observed<C> {
    /// The command.
    pub fn command(&self) -> &C {
        match self {
            Observed::Dispatched(command) | Observed::Accepted(command) | Observed::Refused(command, _) => {
                command
            }
        }
    }
}

impl<C: Command> Event for Observed<C> {
    const TYPES: &'static [EventType] = &[EventType { name: C::NAME, version: 1, doc: C::DOC }];

    fn event_type(&self) -> &'static EventType {
        &Self::TYPES[0]
    }

    fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (stage, command, refusal) = match self {
            Observed::Dispatched(command) => (Stage::Dispatched, command, None),
            Observed::Accepted(command) => (Stage::Accepted, command, None),
            Observed::Refused(command, refusal) => (Stage::Refused, command, Some(refusal)),
        };
        serde_json::to_vec(&Written { stage, command, refusal })
    }

    fn from_json(event_type: &str, data: &[u8]) -> Result<Self, DecodeError> {
        if event_type != C::NAME {
            return Err(DecodeError::unknown(event_type, 1));
        }
        let Read { stage, command, refusal } = serde_json::from_slice::<Read<C>>(data)
            .map_err(|fault| DecodeError::malformed(event_type, fault))?;
        Ok(match (stage, refusal) {
            (Stage::Dispatched, _) => Observed::Dispatched(command),
            (Stage::Refused, Some(refusal)) => Observed::Refused(command, refusal),
            (Stage::Accepted | Stage::Refused, _) => Observed::Accepted(command),
        })
    }
}
