//! A server that has no connection to spare: who asks waits, is told what to do when it lasts, and goes on by himself
//! when there are connections again.

use std::time::Duration;

use engine_postgres::{OpenError, PostgresOptions, PostgresStore};
use engine_postgres_server::{Server, Settings, in_schema, url};
use engine_store::{AppendError, DocumentKey, EventStore, Filter, ReadError, SubscribeFrom, SubscribeTo};
use engine_types::ExpectedRevision::{Any, NoStream};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls, error::SqlState};
use uuid::Uuid;

use crate::kit::*;

/// In turns: what a database grants to whom is one row of the server's, which does not wait for who writes it too.
const IN_TURNS: &str = "SELECT pg_advisory_xact_lock(hashtext('what the database grants'));";

/// A user of the server, who may have only so many connections. Others' connections do not count.
struct User {
    name: String,
    /// Of the database, as this user.
    url: String,
    operator: Client,
}

impl User {
    async fn of(url: &str, connections: i32) -> Self {
        let operator = session(url).await;
        let name = format!("user_{}", Uuid::now_v7().simple());
        let database: String = operator.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
        let made = format!(
            "{IN_TURNS} CREATE ROLE {name} LOGIN PASSWORD 'secret' CONNECTION LIMIT {connections};
             GRANT CREATE ON DATABASE \"{database}\" TO {name}"
        );
        operator.batch_execute(&made).await.unwrap();
        let place = url.rsplit_once('@').unwrap().1;
        User { url: format!("postgres://{name}:secret@{place}"), name, operator }
    }

    /// A schema of this user's own, for stores of so many connections beside the one that listens.
    fn schema(&self, connections: usize) -> String {
        format!("{}&connections={connections}", in_schema(&self.url, &self.name))
    }

    async fn may_have(&self, connections: i32) {
        let limit = format!("ALTER ROLE {} CONNECTION LIMIT {connections}", self.name);
        self.operator.batch_execute(&limit).await.unwrap();
    }

    /// Ends what the stores of this user have, until they have nothing.
    async fn end_stores(&self) {
        let of_stores = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE usename = $1 AND application_name = 'engine'";
        soon("the end of the sessions", async {
            while !self.operator.query(of_stores, &[&self.name]).await.unwrap().is_empty() {}
        })
        .await;
    }

    /// A connection of this user that does nothing but to be one; nothing where the server has none to spare.
    async fn occupy(&self) -> Option<Client> {
        occupy(&self.url).await
    }

    /// Leaves nothing of this user behind.
    async fn leave(self) {
        self.end_stores().await;
        let left = format!("{IN_TURNS} DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name);
        self.operator.batch_execute(&left).await.unwrap();
    }
}

/// A connection that does nothing but to be one; nothing where the server has none to spare.
async fn occupy(url: &str) -> Option<Client> {
    match tokio_postgres::connect(url, NoTls).await {
        Ok((client, connection)) => {
            tokio::spawn(connection);
            Some(client)
        }
        Err(refused) => {
            assert_eq!(refused.code(), Some(&SqlState::TOO_MANY_CONNECTIONS), "{refused}");
            None
        }
    }
}

fn retrying_for(retry_for: Duration) -> PostgresOptions {
    let mut options = PostgresOptions::default();
    options.retry_for = retry_for;
    options
}

/// What helps when a server has no connection to spare, of whichever kind.
#[track_caller]
fn assert_says_what_to_do(text: &str) {
    for advice in ["max_connections", "CONNECTION LIMIT", "connections=", "PgBouncer"] {
        assert!(text.contains(advice), "{advice}: {text}");
    }
    assert!(!text.contains("secret") && !text.contains("cannot be reached"), "{text}");
}

/// Writes under way, and somebody who follows them, while a server has no connection for them and then has again.
struct Work {
    store: PostgresStore,
    subscription: engine_store::Subscription,
    load: Load,
}

impl Work {
    async fn begin(url: &str) -> Self {
        let store = open(url).await;
        let (subscription, load) = (follow(&store).await, Load::start(&store, 8));
        until_events(&store, 100).await;
        Work { store, subscription, load }
    }

    /// Waits for more than was done without connections, and looks at all of it.
    async fn goes_on(mut self) {
        let done = self.store.head().await.unwrap().unwrap().0;
        until_events(&self.store, done + 200).await;
        let mut answered = self.load.stop().await;
        let there = all(&self.store).await;
        assert_whole(&there);
        let mut ids: Vec<_> = there.iter().map(|event| event.id).collect();
        assert_eq!(next_ids(&mut self.subscription, ids.len()).await, ids, "a subscription goes on");
        ids.sort_unstable();
        answered.sort_unstable();
        assert!(ids == answered, "{} were answered, {} are there", answered.len(), ids.len());
        self.store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whose_connections_are_taken_waits_for_them_and_loses_nothing() {
    let user = User::of(&url(), 20).await;
    let work = Work::begin(&user.schema(4)).await;
    let mut occupants = Vec::new();
    for _ in 0..3 {
        occupants.push(user.occupy().await.unwrap());
    }
    user.may_have(3).await;
    user.end_stores().await;
    let store = work.store.clone();
    let reading = tokio::spawn(async move { store.head().await });
    for _ in 0..30 {
        assert!(user.occupy().await.is_none(), "nobody gets a connection");
    }
    assert!(!reading.is_finished(), "a call waits");
    // Three are given back, where the store would have five.
    occupants.clear();
    soon("the head", reading).await.unwrap().unwrap();
    work.goes_on().await;
    user.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_connections_are_all_taken_is_waited_for() {
    const CONNECTIONS: usize = 12;
    let server = Server::start(&Settings {
        more: vec![format!("max_connections = {CONNECTIONS}")],
        ..Settings::default()
    });
    let operator = session(&server.url()).await;
    let work = Work::begin(&format!("{}&connections=3", in_schema(&server.url(), "shop"))).await;
    let mut occupants = Vec::new();
    let of_stores =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'engine'";
    // All but the operator's. A session that ends may hold its connection for a moment longer than it is shown.
    soon("all connections", async {
        while occupants.len() < CONNECTIONS - 1 {
            operator.query(of_stores, &[]).await.unwrap();
            while let Some(occupant) = occupy(&server.url()).await {
                occupants.push(occupant);
            }
        }
    })
    .await;
    let impatient = retrying_for(Duration::from_millis(200));
    let refused = PostgresStore::open(&in_schema(&server.url(), "shop"), impatient).await.unwrap_err();
    assert!(matches!(refused, OpenError::OutOfConnections { .. }), "{refused:?}");
    assert!(refused.to_string().contains("too many clients"), "{refused}");
    assert_says_what_to_do(&refused.to_string());
    occupants.clear();
    work.goes_on().await;
}

#[tokio::test]
async fn whoever_gets_no_connection_in_time_is_told_that_nothing_was_written_and_what_to_do() {
    let user = User::of(&url(), 20).await;
    let options = retrying_for(Duration::from_millis(200));
    let store = PostgresStore::open(&user.schema(2), options.clone()).await.unwrap();
    let mut subscription = follow(&store).await;
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    let seen = soon("an event", subscription.next_event()).await.unwrap();
    user.may_have(0).await;
    user.end_stores().await;
    // The first may have been under way when the session ended; from then on it is known that nothing is sent.
    let _ = append(&store, "a-1", Any, vec![event()]).await;
    let refused = append(&store, "a-2", NoStream, vec![event()]).await.unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("too many connections for role"), "{refused}");
    assert_says_what_to_do(&refused.to_string());
    let refused = store.head().await.unwrap_err();
    assert!(matches!(refused, ReadError::Unavailable(_)), "{refused:?}");
    assert_says_what_to_do(&refused.to_string());
    let refused = PostgresStore::open(&user.schema(2), options).await.unwrap_err();
    assert!(matches!(refused, OpenError::OutOfConnections { .. }), "{refused:?}");
    assert_says_what_to_do(&refused.to_string());

    user.may_have(20).await;
    append(&store, "a-2", NoStream, vec![event()]).await.unwrap();
    let there = all(&store).await;
    assert_whole(&there);
    // What was told that it ended goes on where it was.
    let after = SubscribeTo::All(SubscribeFrom::After(seen.position));
    let mut subscription = store.subscribe(after, Filter::domain()).await.unwrap();
    let later: Vec<_> = there[1..].iter().map(|event| event.id).collect();
    assert_eq!(next_ids(&mut subscription, later.len()).await, later);
    store.close().await.unwrap();
    user.leave().await;
}

#[tokio::test]
async fn a_store_is_opened_as_soon_as_there_is_a_connection_for_it() {
    let user = User::of(&url(), 1).await;
    let occupant = user.occupy().await.unwrap();
    let schema = format!("{}&listen=off", user.schema(2));
    let opening = tokio::spawn(async move { PostgresStore::open(&schema, PostgresOptions::default()).await });
    for _ in 0..30 {
        assert!(user.occupy().await.is_none(), "nobody gets a connection");
    }
    assert!(!opening.is_finished(), "it waits");
    drop(occupant);
    let store = soon("the store", opening).await.unwrap().unwrap();
    append(&store, "a-1", NoStream, vec![event()]).await.unwrap();
    store.close().await.unwrap();
    user.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_gets_fewer_connections_than_it_may_have_works_with_those() {
    let user = User::of(&url(), 2).await;
    // So that nobody can only hope for a later try.
    let options = retrying_for(Duration::ZERO);
    let store = PostgresStore::open(&format!("{}&listen=off", user.schema(10)), options).await.unwrap();
    let mut callers = JoinSet::new();
    for caller in 0..48 {
        let store = store.clone();
        callers.spawn(async move {
            let key = DocumentKey::new(format!("a/{caller}")).unwrap();
            for _ in 0..10 {
                append(&store, &format!("a-{caller}"), Any, vec![event()]).await.unwrap();
                assert_eq!(store.load_document(&key).await.unwrap(), None);
                store.head().await.unwrap();
            }
        });
    }
    soon("the callers", callers.join_all()).await;
    assert_whole(&all(&store).await);
    store.close().await.unwrap();
    user.leave().await;
}

#[tokio::test]
async fn a_database_that_may_have_no_more_connections_is_told_like_a_server() {
    let server = Server::start(&Settings::default());
    let user = User::of(&server.url(), -1).await;
    user.operator.batch_execute("ALTER DATABASE engine CONNECTION LIMIT 0").await.unwrap();
    let options = retrying_for(Duration::ZERO);
    let refused = PostgresStore::open(&user.schema(2), options).await.unwrap_err();
    assert!(matches!(refused, OpenError::OutOfConnections { .. }), "{refused:?}");
    assert!(refused.to_string().contains("too many connections for database"), "{refused}");
    assert_says_what_to_do(&refused.to_string());
}
