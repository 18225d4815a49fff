//! Middleware: order, halting, and what it can change.

use std::sync::Arc;

use async_trait::async_trait;
use engine_runtime::{
    Bus, Dispatch, Halt, Middleware, SendError,
    middleware::{Accepted, Failure},
};
use engine_types::{CommandId, CurrentRevision, Position, Revision};
use parking_lot::Mutex;
use serde_json::json;

use crate::support::{
    account::{self, DepositMoney},
    app, command_id, events_of,
    faulty::{Call, Fault, FaultyStore, Gate},
};

type Log = Arc<Mutex<Vec<String>>>;

/// Writes down what it sees.
struct Diary {
    name: &'static str,
    log: Log,
}

impl Diary {
    fn note(&self, what: &str) {
        self.log.lock().push(format!("{} {what}", self.name));
    }
}

#[async_trait]
impl Middleware for Diary {
    async fn before(&self, dispatch: &mut Dispatch<'_>) -> Result<(), Halt> {
        self.note(&format!("before {:?}", dispatch.command));
        Ok(())
    }

    async fn after(&self, _: &Dispatch<'_>, accepted: &Accepted) {
        self.note(&format!("after {}", accepted.event_types.join(",")));
    }

    async fn failed(&self, _: &Dispatch<'_>, failure: &Failure) {
        self.note(&format!("failed {}: {}", failure.kind, failure.message));
    }
}

/// Lets no large deposit pass.
struct Limit(u64);

#[async_trait]
impl Middleware for Limit {
    async fn before(&self, dispatch: &mut Dispatch<'_>) -> Result<(), Halt> {
        match dispatch.command.as_any().downcast_ref::<DepositMoney>() {
            Some(deposit) if deposit.amount > self.0 => {
                Err(Halt::because(format!("at most {} at a time", self.0)))
            }
            _ => Ok(()),
        }
    }
}

/// Signs every command, and gives it an identity that follows from its content.
struct Sign(Option<CommandId>);

#[async_trait]
impl Middleware for Sign {
    async fn before(&self, dispatch: &mut Dispatch<'_>) -> Result<(), Halt> {
        dispatch.options.metadata.insert("signed".into(), json!("jsdf"));
        if let Some(id) = self.0 {
            dispatch.command_id = id;
        }
        Ok(())
    }
}

/// Claims another cause than the true one.
struct Forge;

#[async_trait]
impl Middleware for Forge {
    async fn before(&self, dispatch: &mut Dispatch<'_>) -> Result<(), Halt> {
        dispatch.options.metadata.insert("$causationId".into(), json!("forged"));
        Ok(())
    }
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Keep(Arc<Mutex<Vec<Accepted>>>);

#[async_trait]
impl Middleware for Keep {
    async fn after(&self, _: &Dispatch<'_>, accepted: &Accepted) {
        self.0.lock().push(accepted.clone());
    }
}

async fn bus(store: &FaultyStore, log: &Log, limit: u64) -> Bus {
    app()
        .middleware(Diary { name: "outer", log: log.clone() })
        .middleware(Limit(limit))
        .middleware(Diary { name: "inner", log: log.clone() })
        .start(Arc::new(store.clone()))
        .await
        .unwrap()
}

#[tokio::test]
async fn before_runs_from_the_outside_in_and_after_from_the_inside_out() {
    let log = Log::default();
    let bus = bus(&FaultyStore::new(), &log, 10).await;
    bus.send_command(account::create("a")).await.unwrap();
    assert_eq!(
        *log.lock(),
        [
            "outer before CreateAccount for account-a",
            "inner before CreateAccount for account-a",
            "inner after AccountCreated",
            "outer after AccountCreated",
        ]
    );
}

#[tokio::test]
async fn a_failure_is_told_from_the_inside_out() {
    let log = Log::default();
    let bus = bus(&FaultyStore::new(), &log, 10).await;
    bus.send_command(account::deposit("a", 1)).await.unwrap_err();
    assert_eq!(
        log.lock()[2..],
        [
            "inner failed rejected: the account does not exist",
            "outer failed rejected: the account does not exist",
        ]
    );
}

#[tokio::test]
async fn a_halt_stops_the_command_and_is_told_to_those_that_saw_it() {
    let log = Log::default();
    let store = FaultyStore::new();
    let bus = bus(&store, &log, 10).await;
    bus.send_command(account::create("a")).await.unwrap();
    log.lock().clear();
    let error = bus.send_command(account::deposit("a", 11)).await.unwrap_err();
    let SendError::Halted(halt) = error else { panic!("{error}") };
    assert_eq!(halt, Halt::because("at most 10 at a time"));
    assert_eq!(
        *log.lock(),
        ["outer before DepositMoney for account-a", "outer failed halted: at most 10 at a time"]
    );
    assert_eq!(events_of(&store, "account-a").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_failure_is_told() {
    let log = Log::default();
    let store = FaultyStore::new();
    let bus = bus(&store, &log, 10).await;
    store.next(Call::Read, [Fault::Unavailable]);
    bus.send_command(account::create("a")).await.unwrap_err();
    bus.send_command(account::create("")).await.unwrap_err();
    bus.send_command(account::create("a")).metadata("$no", 1).await.unwrap_err();
    bus.send_command(account::create("a")).expect_revision(Revision(3)).await.unwrap_err();
    bus.send_command(account::PanicNow { id: "a".into() }).await.unwrap_err();
    store.next(Call::Append, [Fault::Held(Gate::closed())]);
    bus.send_command(account::create("a")).await.unwrap_err();
    let log = log.lock();
    let told: Vec<_> = log
        .iter()
        .filter_map(|line| line.strip_prefix("outer failed ").and_then(|line| line.split(':').next()))
        .collect();
    assert_eq!(told, ["unavailable", "invalid", "invalid", "conflict", "internal", "timeout"]);
}

#[tokio::test]
async fn metadata_that_middleware_adds_is_stored_and_checked() {
    let store = FaultyStore::new();
    let bus = app().middleware(Sign(None)).start(Arc::new(store.clone())).await.unwrap();
    bus.send_command(account::create("a")).metadata("user", "x").await.unwrap();
    let metadata = events_of(&store, "account-a").await[0].parsed_metadata();
    assert_eq!(metadata.user["signed"], "jsdf");
    assert_eq!(metadata.user["user"], "x");

    let bus = app().middleware(Forge).start(Arc::new(store)).await.unwrap();
    assert_eq!(bus.send_command(account::deposit("a", 1)).await.unwrap_err().kind(), "invalid");
}

#[tokio::test]
async fn an_identity_that_middleware_gives_counts_as_the_senders_own() {
    let store = FaultyStore::new();
    let bus = app().middleware(Sign(Some(command_id(7)))).start(Arc::new(store.clone())).await.unwrap();
    let first = bus.send_command(account::create("a")).await.unwrap();
    assert_eq!(first.command_id, command_id(7));
    let again = bus.send_command(account::create("a")).await.unwrap();
    assert!(again.duplicate);
}

#[tokio::test]
async fn what_is_told_of_an_accepted_command_is_what_the_receipt_says() {
    let keep = Keep::default();
    let bus = app().middleware(keep.clone()).start(Arc::new(FaultyStore::new())).await.unwrap();
    for _ in 0..2 {
        bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
    }
    let accepted = |duplicate| Accepted {
        revision: CurrentRevision::At(Revision(0)),
        position: Some(Position(0)),
        event_types: vec!["AccountCreated"],
        duplicate,
    };
    assert_eq!(*keep.0.lock(), [accepted(false), accepted(true)]);
}
