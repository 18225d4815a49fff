//! Another version of a projection: built at the start, and shown when it is built.

use std::time::Duration;

use engine_macros::Query;
use engine_runtime::{
    App,
    listen::Delivered,
    read_models::{
        Answer, AnswerError, Beside, Listing, Projection, ProjectionOptions, QueryConsistency::Strong,
        RowKey, Rows,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{AccountEvent, Deposit, Standing, app, deposit},
    places::{PLACES, Place, World},
};

/// The same name, another version, another form of the rows.
struct Sums2;

impl Projection for Sums2 {
    const NAME: &'static str = "sums";
    const VERSION: u32 = 2;
    type Event = AccountEvent;
    type Row = String;

    fn keys(event: &Delivered<AccountEvent>) -> Vec<RowKey> {
        vec![RowKey::of(event.stream.id().unwrap())]
    }

    fn project(
        row: Option<String>,
        _: &RowKey,
        _: &Delivered<AccountEvent>,
        _: &Beside<'_, String>,
    ) -> Option<String> {
        Some(row.unwrap_or_default() + "|")
    }
}

#[derive(Query, Serialize, Deserialize)]
#[query(projection = Sums2, crate = engine_types)]
struct Strokes {}

impl Answer<Strokes> for Sums2 {
    type Output = usize;

    fn answer(_: &Strokes, rows: &dyn Rows<String>) -> Result<usize, AnswerError> {
        Ok(rows.list(&Listing::all())?.iter().map(|(_, row)| row.len()).sum())
    }
}

fn second() -> App {
    App::new("test").command::<Deposit>().projection::<Sums2>(ProjectionOptions::default()).query::<Strokes>()
}

#[tokio::test(start_paused = true)]
async fn a_new_version_is_built_from_the_first_event_and_then_shown() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        for _ in 0..30 {
            bus.send_command(deposit("a", 1)).await.unwrap();
        }
        bus.query(Standing {}).consistency(Strong).await.unwrap();
        bus.close().await.unwrap();
        let bus = world.start(second()).await;
        assert_eq!(bus.query(Strokes {}).await.unwrap(), 30, "{place:?}");
        let report = bus.projections().report("sums").await.unwrap();
        assert_eq!((report.version, report.generation, report.ready), (2, 2, true));
        bus.close().await.unwrap();
        if place == Place::Sqlite {
            assert_eq!(world.files(), ["sums.v2.g2.sqlite"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_it_is_built_nothing_is_shown_and_the_old_version_is_kept_for_a_way_back() {
    let world = World::new(Place::Sqlite);
    let bus = world.start(app()).await;
    for _ in 0..30 {
        bus.send_command(deposit("a", 1)).await.unwrap();
    }
    bus.query(Standing {}).consistency(Strong).await.unwrap();
    bus.handlers().pause("sums").await.unwrap();
    bus.close().await.unwrap();

    let bus = world.start(second()).await;
    let refused = bus.query(Strokes {}).timeout(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(refused.to_string(), "read model `sums` is being built: 0 % is done");
    assert_eq!(refused.kind(), "being_built");
    assert!(bus.projections().rebuild("sums").await.is_err(), "it is being built already");
    bus.close().await.unwrap();
    assert_eq!(world.files(), ["sums.v1.g1.sqlite", "sums.v2.g2.sqlite"]);

    let bus = world.start(app()).await;
    assert_eq!(bus.query(Standing {}).await.unwrap(), (Some(29), 30), "the old version goes on");
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_damaged_or_ahead_of_the_events_are_built_anew() {
    let world = World::new(Place::Sqlite);
    let bus = world.start(app()).await;
    for _ in 0..30 {
        bus.send_command(deposit("a", 1)).await.unwrap();
    }
    bus.query(Standing {}).consistency(Strong).await.unwrap();
    bus.close().await.unwrap();
    std::fs::write(world.folder.path().join("sums.v1.g1.sqlite"), vec![7; 8_192]).unwrap();
    let bus = world.start(app()).await;
    assert_eq!(bus.query(Standing {}).await.unwrap(), (Some(29), 30));
    bus.close().await.unwrap();

    let emptied = World { store: engine_store::memory::MemoryStore::new(), ..world };
    let bus = emptied.start(app()).await;
    assert_eq!(bus.query(Standing {}).await.unwrap(), (None, 0));
}
