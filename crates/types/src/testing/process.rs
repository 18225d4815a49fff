//! Tests of process managers as sentences: given events, when another comes, then these commands and timers.

use uuid::Uuid;

use crate::{
    Event, Heard, Metadata, Position, ProcessManager, Reaction, Rejected, Revision, StreamName, Timestamp,
    process_manager::{
        Entrance, Outgoing, Trouble,
        step::{Step, hear, reject},
    },
};

/// Begins a test: the process manager has handled these events.
///
/// Each event is stored one second after the one before it, the first at the beginning of 1970, in the stream
/// `test-1`. What [`ProcessManager::route`] says is checked with [`GivenProcess::routes`].
///
/// # Panics
/// When one of the events is not handled.
#[track_caller]
pub fn given_process<P: ProcessManager>(events: impl IntoIterator<Item = P::Event>) -> GivenProcess<P> {
    let mut given = GivenProcess {
        state: None,
        position: 0,
        stream: StreamName::new("test-1").expect("the name of a stream"),
        metadata: Metadata::default(),
        at: None,
    };
    for event in events {
        let step = given.hear(&event);
        let name = event.event_type().name;
        match step {
            Step::Taken { after, ends, .. } => given.state = (!ends).then_some(after),
            other => panic!("the given `{name}` is not handled: {:?}", other.without_state()),
        }
        given.position += 1;
    }
    given
}

/// A process manager with a past.
#[derive(Debug)]
pub struct GivenProcess<P> {
    state: Option<P>,
    position: u64,
    stream: StreamName,
    metadata: Metadata,
    at: Option<Timestamp>,
}

impl<P: ProcessManager> GivenProcess<P> {
    /// Says in which stream the next event stands.
    ///
    /// # Panics
    /// When that cannot be the name of a stream.
    #[must_use]
    #[track_caller]
    pub fn in_stream(mut self, stream: &str) -> Self {
        self.stream = StreamName::new(stream).expect("the name of a stream");
        self
    }

    /// Says that the next event answers a command of this instance.
    #[must_use]
    pub fn answering(mut self, instance: &str) -> Self {
        self.metadata.process = Some(format!("{}-{instance}", P::NAME));
        self
    }

    /// Says what else is known of the next event.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Says when the next event is stored, or the next command refused.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.at = Some(time);
        self
    }

    /// Lets the process manager handle an event.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads as a sentence, without `&`")]
    pub fn when(self, event: P::Event) -> Reacted<P> {
        let step = self.hear(&event);
        Reacted { step }
    }

    /// Tells the process manager that one of its commands was refused by the domain, for the first time.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn when_rejected(self, command: impl Into<Outgoing>, code: &str) -> Reacted<P> {
        let state = self.state.as_ref().expect("a process manager that does not run has sent nothing");
        let command = command.into();
        let rejected = Rejected {
            attempt: command.attempt + 1,
            command,
            kind: "rejected".to_owned(),
            code: code.to_owned(),
            message: code.to_owned(),
            at: self.now(),
        };
        Reacted { step: reject(state, &rejected) }
    }

    /// Checks which instances an event concerns.
    ///
    /// # Panics
    /// When it concerns others.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads as a sentence, without `&`")]
    pub fn routes(self, event: P::Event, expected: crate::Route) -> Self {
        let route = P::route(&self.heard(&event));
        assert!(route == expected, "route\n  expected: {expected:?}\n  actual:   {route:?}");
        self
    }

    /// Checks the state that the given events lead to.
    ///
    /// # Panics
    /// When the process manager does not run.
    #[track_caller]
    pub fn state(self, check: impl FnOnce(&P)) -> Self {
        check(self.state.as_ref().expect("the process manager does not run"));
        self
    }

    fn hear(&self, event: &P::Event) -> Step<P> {
        let entrance = match self.state {
            None => Entrance::Start,
            Some(_) => Entrance::ContinueIfRunning,
        };
        let heard = self.heard(event);
        let routed = P::route(&heard).calls();
        let stops = !routed.is_empty() && routed.iter().all(|call| call.entrance == Entrance::Stop);
        hear(self.state.as_ref(), if stops { Entrance::Stop } else { entrance }, &heard)
    }

    fn heard<'a>(&'a self, event: &'a P::Event) -> Heard<'a, P::Event> {
        Heard {
            event,
            id: Uuid::from_u128(u128::from(self.position) + 1),
            stream: &self.stream,
            revision: Revision(self.position),
            position: Position(self.position),
            recorded_at: self.now(),
            metadata: &self.metadata,
        }
    }

    fn now(&self) -> Timestamp {
        let seconds = i64::try_from(self.position).unwrap_or(i64::MAX);
        self.at.unwrap_or_else(|| Timestamp::from_micros(seconds.saturating_mul(1_000_000)))
    }
}

/// What the process manager made of it.
#[derive(Debug)]
#[must_use = "say what should have happened with `then…`"]
pub struct Reacted<P> {
    step: Step<P>,
}

impl<P: ProcessManager> Reacted<P> {
    /// Expects exactly this reaction: commands and timers, in this order.
    ///
    /// # Panics
    /// When it reacts otherwise.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads as a sentence, without `&`")]
    pub fn then(self, expected: Reaction) -> ProcessAfter<P> {
        let (reaction, after) = self.taken();
        assert!(reaction == expected, "reaction\n  expected: {expected:#?}\n  actual:   {reaction:#?}");
        after
    }

    /// Expects exactly these commands, whatever happens to timers.
    ///
    /// # Panics
    /// When it sends others.
    #[track_caller]
    pub fn then_sends<C: Into<Outgoing>>(self, expected: impl IntoIterator<Item = C>) -> ProcessAfter<P> {
        let expected: Vec<Outgoing> = expected.into_iter().map(Into::into).collect();
        let (Reaction { commands, .. }, after) = self.taken();
        assert!(commands == expected, "commands\n  expected: {expected:#?}\n  actual:   {commands:#?}");
        after
    }

    /// Expects that it handles the event, and has nothing to do.
    ///
    /// # Panics
    /// When it has.
    #[track_caller]
    pub fn then_nothing(self) -> ProcessAfter<P> {
        self.then(Reaction::none())
    }

    /// Expects that the event is of no interest: it leaves no trace.
    ///
    /// # Panics
    /// When it is handled.
    #[track_caller]
    pub fn then_ignored(self) {
        assert!(matches!(self.step, Step::Ignored), "it is not ignored: {:?}", self.step.without_state());
    }

    /// Expects that the instance waits for an operator, for a reason that holds this text.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn then_parked(self, reason: &str) {
        match &self.step {
            Step::Trouble(Trouble::Park(why)) if why.contains(reason) => {}
            _ => panic!("it is not parked for `{reason}`: {:?}", self.step.without_state()),
        }
    }

    #[track_caller]
    fn taken(self) -> (Reaction, ProcessAfter<P>) {
        match self.step {
            Step::Taken { reaction, after, ends } => (reaction, ProcessAfter { state: after, ends }),
            other => panic!("it is not handled: {:?}", other.without_state()),
        }
    }
}

/// The process manager after its reaction.
#[derive(Debug)]
pub struct ProcessAfter<P> {
    state: P,
    ends: bool,
}

impl<P: ProcessManager> ProcessAfter<P> {
    /// Checks the state after the reaction.
    pub fn state(self, check: impl FnOnce(&P)) -> Self {
        check(&self.state);
        self
    }

    /// Expects that it has ended.
    ///
    /// # Panics
    /// When it goes on.
    #[track_caller]
    pub fn has_ended(self) {
        assert!(self.ends, "it goes on");
    }

    /// Expects that it goes on.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn goes_on(self) -> Self {
        assert!(!self.ends, "it has ended");
        self
    }
}
