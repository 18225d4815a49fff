//! Listings: the same rows in the same order, wherever they are kept.

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
    domain::{AccountEvent, Deposit, deposit},
    places::{Place, World},
};

/// Every deposit, by account.
struct Movements;

impl Projection for Movements {
    const NAME: &'static str = "movements";
    type Event = AccountEvent;
    type Row = u64;

    fn keys(event: &Delivered<AccountEvent>) -> Vec<RowKey> {
        let account = event.stream.id().unwrap();
        vec![RowKey::of(account), RowKey::numbered(account, event.revision.0)]
    }

    fn project(
        _: Option<u64>,
        key: &RowKey,
        event: &Delivered<AccountEvent>,
        beside: &Beside<'_, u64>,
    ) -> Option<u64> {
        let before = beside.get(&RowKey::of(key.partition.clone())).copied().unwrap_or(0);
        match event.event {
            AccountEvent::Deposited { amount } => Some(before + amount),
            AccountEvent::Closed => None,
        }
    }

    fn rank(row: &u64) -> i64 {
        i64::try_from(*row).unwrap() % 7
    }
}

#[derive(engine_macros::Query, Serialize, Deserialize)]
#[query(projection = Movements, crate = engine_types)]
struct Look {
    number: usize,
}

impl Answer<Look> for Movements {
    type Output = Vec<(String, u64)>;

    fn answer(query: &Look, rows: &dyn Rows<u64>) -> Result<Self::Output, AnswerError> {
        let listed = rows.list(&listings()[query.number])?;
        Ok(listed.into_iter().map(|(key, row)| (key.to_string(), row)).collect())
    }
}

fn listings() -> Vec<Listing> {
    let mut listings = Vec::new();
    for partition in [None, Some("a"), Some("ab"), Some("z")] {
        for prefix in ["", "a", "0000000000000000000", "é"] {
            let chosen = partition.map_or_else(Listing::all, Listing::partition).prefix(prefix);
            let key = RowKey::numbered("ab", 3);
            for place in [chosen.clone(), chosen.clone().after_rank(3, key), chosen.after_rank(0, "a")] {
                for listing in [place.clone(), place.clone().by_rank()] {
                    for limit in [1, 4, 1_000] {
                        listings.push(listing.clone().limit(limit));
                        listings.push(listing.clone().descending().limit(limit));
                    }
                }
            }
        }
    }
    listings
}

async fn answers(place: Place) -> Vec<Vec<(String, u64)>> {
    let world = World::new(place);
    let app = App::new("test").command::<Deposit>();
    let app = app.projection::<Movements>(ProjectionOptions::default()).query::<Look>();
    let bus = world.start(app).await;
    for number in 0..40 {
        let account = ["a", "ab", "b", "é", "éa", "𝄞"][number % 6];
        bus.send_command(deposit(account, 1 + number as u64)).await.unwrap();
    }
    let mut answers = Vec::new();
    for number in 0..listings().len() {
        answers.push(bus.query(Look { number }).consistency(Strong).await.unwrap());
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn all_places_list_the_same_rows_in_the_same_order() {
    let memory = answers(Place::Memory).await;
    for place in [Place::Sqlite, Place::Postgres] {
        for ((memory, other), listing) in memory.iter().zip(&answers(place).await).zip(listings()) {
            assert_eq!(memory, other, "{place:?}: {listing:?}");
        }
    }
    assert!(memory.iter().filter(|rows| rows.len() > 10).count() > 20, "some are long");
}

#[tokio::test(start_paused = true)]
async fn a_listing_goes_on_behind_what_was_seen() {
    let all = answers(Place::Memory).await;
    let number = listings().iter().position(|listing| *listing == Listing::all()).unwrap();
    let keys: Vec<_> = all[number].iter().map(|(key, _)| key.as_str()).collect();
    assert!(keys.is_sorted() && keys.len() == 46, "{keys:?}");
    assert_eq!(all[number][0], ("a".to_owned(), 1 + 7 + 13 + 19 + 25 + 31 + 37));
    assert_eq!(all[number][2].1, 8, "a movement follows the balance before it");
}
