//! Asking: eventually, strongly, by name, and in vain.

use std::time::Duration;

use engine_runtime::{
    Body, Consistency,
    read_models::{
        QueryConsistency::{After, Strong},
        QueryError, QueryOptions,
    },
};
use serde_json::json;

use crate::{
    domain::{AllSums, Standing, SumOf, app, deposit, sum},
    places::{PLACES, World},
};

#[tokio::test(start_paused = true)]
async fn a_strong_query_sees_every_command_that_was_answered_before_it() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        for number in 1..=200 {
            bus.send_command(deposit("a", 1)).await.unwrap();
            let seen = bus.query(SumOf { account: "a".into() }).consistency(Strong).await.unwrap();
            assert_eq!(seen, sum(number, number), "{place:?}");
        }
        bus.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_after_a_position_sees_ones_own_writes() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        let receipt = bus.send_command(deposit("a", 5)).await.unwrap();
        let seen = bus.query(SumOf { account: "a".into() }).consistency(After(receipt.position.unwrap()));
        assert_eq!(seen.await.unwrap(), sum(1, 5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_strong_command_waits_for_read_models_too() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        // Once it is warm, an eventual query waits for nothing.
        bus.query(Standing {}).consistency(Strong).await.unwrap();
        for number in 1..=50 {
            bus.send_command(deposit("a", 1)).consistency(Consistency::Strong).await.unwrap();
            assert_eq!(bus.query(SumOf { account: "a".into() }).await.unwrap(), sum(number, number));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_read_model_answers_eventually_with_what_it_has_and_strongly_not_at_all() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        bus.send_command(deposit("a", 5)).await.unwrap();
        bus.query(Standing {}).consistency(Strong).await.unwrap();
        bus.handlers().pause("sums").await.unwrap();
        bus.send_command(deposit("a", 5)).await.unwrap();
        let ask = || bus.query(SumOf { account: "a".into() });
        assert_eq!(ask().await.unwrap(), sum(1, 5));
        let refused = ask().consistency(Strong).timeout(Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(refused.kind(), "not_yet_handled");
        assert_eq!(refused.to_string(), "read model `sums` has not counted position 1: it is paused");
        bus.handlers().resume("sums").await.unwrap();
        assert_eq!(ask().consistency(Strong).await.unwrap(), sum(2, 10));
    }
}

#[tokio::test(start_paused = true)]
async fn just_after_a_start_an_eventual_query_waits_for_what_was_there() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        for _ in 0..500 {
            bus.send_command(deposit("a", 1)).await.unwrap();
        }
        bus.close().await.unwrap();
        let bus = world.start(app()).await;
        assert_eq!(bus.query(SumOf { account: "a".into() }).await.unwrap(), sum(500, 500), "{place:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn queries_are_known_by_name_and_read_texts_and_json() {
    let world = World::new(PLACES[1]);
    let bus = world.start(app()).await;
    bus.send_command(deposit("a", 5)).await.unwrap();
    let options = || QueryOptions { consistency: Strong, timeout: None };
    let texts = Body::Texts(vec![("limit".to_owned(), "1".to_owned())]);
    let answer = bus.query_by_name("AllSums", texts, options()).await.unwrap();
    assert_eq!(answer, json!([["a", {"count": 1, "sum": 5}]]));
    let answer = bus.query_by_name("SumOf", Body::Json(json!({"account": "a"})), options()).await.unwrap();
    assert_eq!(answer["sum"], 5);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_answered_is_told_by_kind() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        let ask =
            |name: &'static str, body| bus.query_by_name(name, Body::Json(body), QueryOptions::default());
        let unknown = ask("AllSum", json!({})).await.unwrap_err();
        assert_eq!(unknown.to_string(), "there is no query `AllSum`; did you mean `AllSums`?");
        let missing = ask("SumOf", json!({})).await.unwrap_err();
        assert_eq!(missing.to_string(), "field `account`: is missing; SumOf takes account: String");
        let nobody = ask("SumOf", json!({"account": "x"})).await.unwrap_err();
        assert!(matches!(nobody, QueryError::NotFound(_)), "{nobody}");
        let panicked = ask("SumOf", json!({"account": "panic"})).await.unwrap_err();
        assert_eq!(panicked.to_string(), "the answer to `SumOf` panicked: the answer is at fault");
        assert!(bus.query(AllSums { limit: None }).await.unwrap().is_empty(), "a panic breaks nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_is_of_one_moment() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        let sender = bus.clone();
        let sending = tokio::spawn(async move {
            for number in 0..400 {
                sender.send_command(deposit(["a", "b", "c"][number % 3], 1)).await.unwrap();
            }
        });
        while !sending.is_finished() {
            let (position, counted) = bus.query(Standing {}).await.unwrap();
            assert_eq!(position.map_or(0, |position| position + 1), counted, "{place:?}");
            tokio::task::yield_now().await;
        }
        sending.await.unwrap();
    }
}
