//! What must hold at the end of a world, whatever went wrong in it.

use engine_runtime::Receipt;
use engine_store::RecordedEvent;
use engine_types::{Command, CommandId, CurrentRevision, Decide, Revision, aggregate::fold};

use super::{
    purse::{MoveMoney, Purse, PurseEvent, TooLittle},
    sender::{Answer, Look, Sending, Try},
    world::{PURSES, World},
};
use crate::support::events_of;

/// What is stored of a purse.
struct Stored {
    recorded: Vec<RecordedEvent>,
    events: Vec<PurseEvent>,
    /// The state after so many events.
    states: Vec<Purse>,
}

pub async fn check(world: &World, sendings: &[Sending]) {
    for purse in PURSES {
        let stored = Stored::of(world, purse).await;
        stored.check_revisions();
        stored.check_states(world, purse).await;
        for sending in sendings.iter().filter(|sending| sending.command.aggregate_id() == purse) {
            stored.check_effect(sending);
            for attempt in &sending.tries {
                stored.check_answer(sending, attempt);
            }
            for look in &sending.looks {
                stored.check_look(look);
            }
        }
    }
}

impl Stored {
    async fn of(world: &World, purse: &str) -> Self {
        let recorded = events_of(world.store.healthy(), &format!("purse-{purse}")).await;
        let events: Vec<PurseEvent> = recorded
            .iter()
            .map(|event| {
                let amount =
                    serde_json::from_slice::<serde_json::Value>(&event.data).unwrap()["amount"].as_i64();
                PurseEvent::Moved { amount: amount.unwrap() }
            })
            .collect();
        let states = (0..=events.len()).map(|count| fold(Purse::default(), &events[..count])).collect();
        Stored { recorded, events, states }
    }

    fn check_revisions(&self) {
        for (event, revision) in self.recorded.iter().zip(0..) {
            assert_eq!(event.revision, Revision(revision), "revisions have no gap");
        }
        let broke = self.states.iter().find(|state| state.balance < 0);
        assert_eq!(broke, None, "no decision was made on a state that was not there");
    }

    /// Every bus, and one that has seen nothing, tells the fold of the stream.
    async fn check_states(&self, world: &World, purse: &str) {
        let mut buses = world.buses();
        buses.push(world.start().await);
        for bus in buses {
            let told = bus.state::<Purse>(purse, None).await.unwrap();
            let told = told.map(|state| (state.state, state.revision));
            let last = self.recorded.last().map(|event| event.revision);
            assert_eq!(told, last.map(|last| (self.states[self.events.len()].clone(), last)));
        }
    }

    /// Where the events of a command stand.
    fn places(&self, id: CommandId) -> Vec<usize> {
        let of_command = |place: &usize| self.recorded[*place].parsed_metadata().command_id() == Some(id);
        (0..self.recorded.len()).filter(of_command).collect()
    }

    /// Acknowledged: once. Refused in the end, or never more than *not written*: never. Else at most once.
    /// Never in part.
    fn check_effect(&self, sending: &Sending) {
        let places = self.places(sending.id);
        let whole = sending.command.amounts.len();
        let any = |is: fn(&Answer) -> bool| sending.tries.iter().any(|attempt| is(&attempt.answer));
        let accepted = any(|answer| matches!(answer, Answer::Accepted(_)));
        let uncertain = any(|answer| matches!(answer, Answer::Unknown { .. } | Answer::Dropped));
        let refused = sending.tries.last().is_some_and(|last| matches!(last.answer, Answer::Refused(_)));
        assert!(!(accepted && refused && whole > 0), "what was accepted is not refused later: {sending:?}");
        let allowed = match (accepted, refused || !uncertain) {
            (true, _) => vec![whole],
            (false, true) => vec![0],
            (false, false) => vec![0, whole],
        };
        assert!(allowed.contains(&places.len()), "stored at {places:?}: {sending:?}");
        let Some(first) = places.first().copied() else { return };
        assert!(places.iter().copied().eq(first..first + whole), "not in one piece, {places:?}: {sending:?}");
        let decided = self.states[first].decide(&sending.command);
        assert_eq!(decided.as_deref(), Ok(&self.events[first..first + whole]), "{sending:?}");
    }

    fn check_answer(&self, sending: &Sending, attempt: &Try) {
        match &attempt.answer {
            Answer::Accepted(receipt) => self.check_receipt(sending, attempt, receipt),
            Answer::Refused(refusal) => self.check_refusal(&sending.command, attempt, refusal),
            Answer::NotWritten { .. } | Answer::Unknown { .. } | Answer::Dropped => {}
        }
    }

    fn check_receipt(&self, sending: &Sending, attempt: &Try, receipt: &Receipt<Purse>) {
        let during = attempt.before..=attempt.after;
        let end = usize::try_from(receipt.revision.next().0).unwrap();
        if receipt.events.is_empty() {
            assert!(sending.command.amounts.is_empty() && during.contains(&end), "{sending:?}");
            assert_eq!((receipt.position, receipt.duplicate), (None, false));
        } else {
            assert_eq!(self.places(sending.id).last(), Some(&(end - 1)), "{sending:?}");
            assert_eq!(receipt.revision, CurrentRevision::At(self.recorded[end - 1].revision));
            assert_eq!(receipt.position, Some(self.recorded[end - 1].position));
            assert_eq!(receipt.events, self.events[end - receipt.events.len()..end], "{sending:?}");
            assert!(receipt.duplicate || during.contains(&end), "written before it was sent: {sending:?}");
        }
        let Some(state) = &receipt.state else { return };
        let count = usize::try_from(state.moves).unwrap();
        assert_eq!(state, &self.states[count], "{sending:?}");
        assert!(if receipt.duplicate { count >= end } else { count == end }, "{sending:?}");
    }

    /// What was seen was so at some moment between question and answer.
    fn check_look(&self, look: &Look) {
        let Some(told) = &look.told else {
            assert_eq!(look.before, 0, "there were events: {look:?}");
            return;
        };
        let count = usize::try_from(told.revision.next().0).unwrap();
        assert_eq!(told.state, self.states[count], "{look:?}");
        match look.at {
            Some(at) => assert_eq!(told.revision, at, "{look:?}"),
            None => assert!((look.before..=look.after).contains(&count), "{look:?}"),
        }
    }

    /// The refusal follows from the state at some moment between sending and answer.
    fn check_refusal(&self, command: &MoveMoney, attempt: &Try, refusal: &TooLittle) {
        let mut during = self.states[attempt.before..=attempt.after].iter();
        let justified = during.any(|state| state.decide(command).as_ref() == Err(refusal));
        assert!(justified, "{refusal} was never so while {command:?} was sent: {attempt:?}");
    }
}
