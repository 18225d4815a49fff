//! Commands on their way out of a process manager, as data.

use std::{borrow::Cow, time::Duration};

use serde_json::{Map, Value};

use crate::{Aggregate, Command, Consistency, Decide, Metadata};

/// A command that a process manager sends, and how.
///
/// Any command is one; options come behind [`Outgoing::of`]:
///
/// ```
/// # use engine_types::{process_manager::Outgoing, Aggregate, Command, Decide, Event};
/// # use engine_macros::{Command, Event};
/// # #[derive(Command, serde::Serialize, serde::Deserialize)]
/// # #[command(aggregate = Lamp, id = id, crate = engine_types)] struct SwitchOn { id: String }
/// # #[derive(Event)] #[event(crate = engine_types)] enum LampEvent { SwitchedOn }
/// # #[derive(Default, Clone, serde::Serialize, serde::Deserialize)] struct Lamp;
/// # impl Aggregate for Lamp {
/// #     const CATEGORY: &str = "lamp"; type Event = LampEvent; type Rejection = std::fmt::Error;
/// #     fn evolve(self, _: &LampEvent) -> Self { self }
/// # }
/// # impl Decide<SwitchOn> for Lamp {
/// #     fn decide(&self, _: &SwitchOn) -> Result<Vec<LampEvent>, std::fmt::Error> { Ok(vec![LampEvent::SwitchedOn]) }
/// # }
/// use std::time::Duration;
/// let sent = Outgoing::of(SwitchOn { id: "hall".into() }).timeout(Duration::from_secs(1)).metadata("by", "night");
/// assert_eq!(sent.target, "lamp-hall");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The name of the command.
    pub name: Cow<'static, str>,
    /// The stream of the instance that it is addressed to.
    pub target: String,
    /// The command as JSON; or why it cannot be written as such, which parks the event.
    pub body: Result<String, String>,
    /// How long the command may take. Default: the runtime's.
    pub timeout: Option<Duration>,
    /// When it counts as done. Default: as the options of the process manager say.
    pub consistency: Option<Consistency>,
    /// Entries for the metadata of its events.
    pub metadata: Map<String, Value>,
    /// How often it was refused before and is tried again.
    pub attempt: u32,
}

impl Outgoing {
    /// A command without options.
    #[expect(clippy::needless_pass_by_value, reason = "a reaction reads as a sentence, without `&`")]
    pub fn of<C>(command: C) -> Self
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        Outgoing {
            name: Cow::Borrowed(C::NAME),
            target: format!("{}-{}", C::Aggregate::CATEGORY, command.aggregate_id()),
            body: serde_json::to_string(&command).map_err(|fault| fault.to_string()),
            timeout: None,
            consistency: None,
            metadata: Map::new(),
            attempt: 0,
        }
    }

    /// Limits how long the command may take.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Chooses when the command counts as done. The process manager cannot wait for itself.
    #[must_use]
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = Some(consistency);
        self
    }

    /// Adds an entry to the metadata of the command's events.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Whether this is such a command.
    pub fn is<C: Command>(&self) -> bool {
        self.name == C::NAME
    }

    /// The command, if it is such a one.
    pub fn command<C: Command>(&self) -> Option<C> {
        let body = self.body.as_ref().ok().filter(|_| self.is::<C>())?;
        serde_json::from_str(body).ok()
    }

    /// What cannot work, whoever it is sent to.
    pub fn fault(&self) -> Option<String> {
        let unwritable = |fault: &String| format!("`{}` cannot be written as JSON: {fault}", self.name);
        let reserved = || Metadata::check_user_entries(&self.metadata).err();
        self.body.as_ref().err().map(unwritable).or_else(|| reserved().map(|fault| fault.to_string()))
    }
}

impl<C> From<C> for Outgoing
where
    C: Command,
    C::Aggregate: Decide<C>,
{
    fn from(command: C) -> Self {
        Outgoing::of(command)
    }
}
