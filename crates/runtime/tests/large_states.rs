//! States that are expensive to clone.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use engine_macros::{Command, Event};
use engine_runtime::App;
use engine_store::AppendRequest;
use engine_types::{Aggregate, Decide};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{
    faulty::{Call, Fault, FaultyStore},
    foreign,
};

/// How often a state was cloned. Only the test of this file has such states.
static CLONES: AtomicUsize = AtomicUsize::new(0);

/// A log of what was written into it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Diary(Vec<u64>);

impl Clone for Diary {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::Relaxed);
        Diary(self.0.clone())
    }
}

#[derive(Debug, Clone, Event)]
#[event(crate = engine_types)]
enum DiaryEvent {
    LineWritten { line: u64 },
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Diary, id = id, crate = engine_types)]
struct WriteLine {
    id: String,
    line: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("a diary takes every line")]
struct Never;

impl Aggregate for Diary {
    const CATEGORY: &'static str = "diary";
    type Event = DiaryEvent;
    type Rejection = Never;

    fn evolve(mut self, event: &DiaryEvent) -> Self {
        let DiaryEvent::LineWritten { line } = event;
        self.0.push(*line);
        self
    }
}

impl Decide<WriteLine> for Diary {
    fn decide(&self, command: &WriteLine) -> Result<Vec<DiaryEvent>, Never> {
        Ok(vec![DiaryEvent::LineWritten { line: command.line }])
    }
}

fn by_another(line: u64) -> AppendRequest {
    foreign("diary-a", "LineWritten", &json!({ "line": line }))
}

#[tokio::test]
async fn a_state_is_cloned_after_what_was_not_stored_and_otherwise_never_again() {
    let store = FaultyStore::new();
    let bus = App::new("diaries").command::<WriteLine>().start(Arc::new(store.clone())).await.unwrap();
    let mut expected = Vec::new();
    let mut faults = [
        (None, 1),
        (Some(Fault::Unavailable), 1),
        (Some(Fault::LostAfter), 1),
        (Some(Fault::LostBefore), 1),
        (Some(Fault::Overtaken(vec![by_another(1_000)])), 1),
    ]
    .into_iter();
    for line in 0..100 {
        let (fault, clones_allowed) = if line % 20 == 0 { faults.next().unwrap() } else { (None, 0) };
        let clones_before = CLONES.load(Ordering::Relaxed);
        let (is_unavailable, is_overtaken) =
            (matches!(fault, Some(Fault::Unavailable)), matches!(fault, Some(Fault::Overtaken(_))));
        store.next(Call::Append, fault);
        let answer = bus.send_command(WriteLine { id: "a".into(), line }).await;
        expected.extend(is_overtaken.then_some(1_000));
        expected.extend(answer.is_ok().then_some(line));
        assert_eq!(answer.is_err(), is_unavailable);
        // What was not stored costs the next command a clone too.
        let clones_allowed = clones_allowed + usize::from(line % 20 == 1);
        let clones = CLONES.load(Ordering::Relaxed) - clones_before;
        assert!(clones <= clones_allowed, "{clones} clones for line {line}");
        if line % 10 == 9 {
            let state = bus.state::<Diary>("a", None).await.unwrap().unwrap().state;
            assert_eq!(state.0, expected);
        }
    }
}
