//! What is found before the first command.

use std::sync::Arc;

use engine_macros::{Command, Event};
use engine_runtime::{App, RuntimeOptions, StartError};
use engine_store::EventStore;
use engine_types::{Aggregate, Decide, Upcasters};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{
    account::{self, CreateAccount},
    app,
    faulty::{Call, Fault, FaultyStore},
    foreign,
    meter::{Count, Never, NewCount},
};

/// An aggregate with one command and one event, faulty in some way.
macro_rules! faulty_aggregate {
    ($module:ident, $category:literal, $command:literal, version $version:literal, $upcasters:expr) => {
        mod $module {
            use super::*;

            #[derive(Debug, Event)]
            #[event(upcasters = upcasters, crate = engine_types)]
            pub enum Happened {
                #[event(name = "Done", version = $version)]
                Done,
            }

            fn upcasters() -> Upcasters<'static> {
                $upcasters
            }

            #[derive(Debug, Default, Clone, Serialize, Deserialize)]
            pub struct Thing;

            impl Aggregate for Thing {
                const CATEGORY: &'static str = $category;
                type Event = Happened;
                type Rejection = Never;
                fn evolve(self, _: &Happened) -> Self {
                    self
                }
            }

            #[derive(Command, Serialize, Deserialize)]
            #[command(aggregate = Thing, id = id, name = $command, crate = engine_types)]
            pub struct Do {
                id: String,
            }

            impl Decide<Do> for Thing {
                fn decide(&self, _: &Do) -> Result<Vec<Happened>, Never> {
                    Ok(vec![Happened::Done])
                }
            }
        }
    };
}

faulty_aggregate!(sound, "thing", "Do", version 1, Upcasters::new());
faulty_aggregate!(same_command, "other", "Do", version 1, Upcasters::new());
faulty_aggregate!(same_category, "thing", "DoOther", version 1, Upcasters::new());
faulty_aggregate!(gap, "thing", "Do", version 3, Upcasters::new().one("Done", 1, |data| data));
faulty_aggregate!(taken_away, "thing", "Do", version 1, Upcasters::new().drop("Done"));

fn faults(app: &App) -> Vec<String> {
    match app.check() {
        Ok(()) => Vec::new(),
        Err(StartError::Faulty { faults, .. }) => faults,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_sound_application_has_no_faults() {
    assert!(faults(&App::new("x").command::<sound::Do>()).is_empty());
    assert!(faults(&App::new("x").command::<sound::Do>().command::<sound::Do>()).is_empty());
}

#[test]
fn each_contradiction_is_named() {
    let cases = [
        (App::new("x").command::<sound::Do>().command::<same_command::Do>(), "two commands are named `Do`"),
        (
            App::new("x").command::<sound::Do>().command::<same_category::Do>(),
            "two aggregates have the category `thing`",
        ),
        (App::new("x").command::<Count>().command::<NewCount>(), "two aggregates have the category `meter`"),
        (App::new("x").command::<gap::Do>(), "events of type `Done` version 2 have no upcaster"),
        (App::new("x").command::<taken_away::Do>(), "takes away events of type `Done`"),
        (
            App::new("x").options(RuntimeOptions { load_page_events: 0, ..Default::default() }),
            "`load_page_events` must be at least 1",
        ),
    ];
    for (app, fault) in cases {
        assert!(faults(&app).iter().any(|found| found.contains(fault)), "{fault}: {:?}", faults(&app));
    }
}

#[tokio::test]
async fn an_application_that_contradicts_itself_does_not_start() {
    let app = App::new("things").command::<gap::Do>();
    let error = app.start(Arc::new(FaultyStore::new())).await.unwrap_err();
    assert!(error.to_string().starts_with("the application `things` cannot start: `thing`:"), "{error}");
}

#[tokio::test]
async fn event_types_on_disk_that_nobody_can_read_are_named_with_their_category() {
    let store = FaultyStore::new();
    for (stream, event_type) in [
        ("account-a", "AccountCreated"),
        ("account-a", "MoneyPaidIn"),
        ("account-b", "AccountFrozen"),
        ("meter-m", "Reset"),
        ("unknown-x", "Whatever"),
        ("lonely", "Whatever"),
    ] {
        store.append(foreign(stream, event_type, &json!({}))).await.unwrap();
    }
    let Err(StartError::UnreadableEvents { types, .. }) = app().start(Arc::new(store)).await else {
        panic!("it started")
    };
    assert_eq!(types, ["`AccountFrozen` in `account`", "`Reset` in `meter`"]);
}

#[tokio::test]
async fn a_store_that_has_been_used_and_a_stream_that_was_deleted_are_no_obstacle() {
    let store = FaultyStore::new();
    let bus = app().start(Arc::new(store.clone())).await.unwrap();
    bus.send_command(account::create("a")).await.unwrap();
    store
        .delete_stream(
            &crate::support::stream("account-a"),
            engine_types::ExpectedRevision::Any,
            engine_store::DeleteMode::Tombstone,
        )
        .await
        .unwrap();
    store.next(Call::Read, [Fault::Unavailable]);
    app().start(Arc::new(store)).await.unwrap();
}

#[tokio::test]
async fn a_command_that_is_not_registered_is_unknown() {
    let bus = App::new("x").command::<sound::Do>().start(Arc::new(FaultyStore::new())).await.unwrap();
    let error = bus.send_command(CreateAccount { id: "a".into() }).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no command `CreateAccount`");
    let namesake: same_command::Do = serde_json::from_value(json!({ "id": "a" })).unwrap();
    let error = bus.send_command(namesake).await.unwrap_err();
    assert_eq!(error.kind(), "unknown_command");
    assert!(!error.to_string().contains("did you mean"), "{error}");
}
