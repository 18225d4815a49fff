//! Subscribing: what is there, then `CaughtUp`, then what comes.

use std::pin::pin;

use engine_types::{Position, Revision, StreamName};

use super::{Fixture, Opened, kit::*};
use crate::{
    Filter, SubscribeFrom, SubscribeTo, Subscription,
    SubscriptionMessage::{CaughtUp, Event, Progress},
    filter::Choice,
};

async fn to_stream(store: &Opened, name: &StreamName, from: SubscribeFrom<Revision>) -> Subscription {
    store.subscribe(SubscribeTo::Stream(name.clone(), from), Filter::everything()).await.unwrap()
}

async fn to_all(store: &Opened, from: SubscribeFrom<Position>, filter: Filter) -> Subscription {
    store.subscribe(SubscribeTo::All(from), filter).await.unwrap()
}

pub async fn a_stream_is_followed_from_its_start(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    put(&store, &stream("account-2"), 3).await;
    let mut subscription = to_stream(&store, &one, SubscribeFrom::Start).await;
    assert_eq!(until_caught_up(&mut subscription).await, read(&store, &one).await.unwrap());
    put(&store, &stream("account-2"), 1).await;
    put(&store, &one, 2).await;
    let live = next_events(&mut subscription, 2).await;
    assert_eq!(live, read(&store, &one).await.unwrap()[3..]);
}

pub async fn a_stream_is_followed_from_after_a_revision(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 4).await;
    for (after, wanted) in [(0, vec![1, 2, 3]), (2, vec![3]), (3, vec![])] {
        let mut subscription = to_stream(&store, &one, SubscribeFrom::After(Revision(after))).await;
        assert_eq!(revisions(&until_caught_up(&mut subscription).await), wanted, "{after}");
    }
    let mut beyond = to_stream(&store, &one, SubscribeFrom::After(Revision(5))).await;
    assert_eq!(next(&mut beyond).await, CaughtUp);
    put(&store, &one, 4).await;
    assert_eq!(revisions(&next_events(&mut beyond, 2).await), [6, 7]);
}

pub async fn a_stream_is_followed_from_its_end(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 2).await;
    let mut subscription = to_stream(&store, &one, SubscribeFrom::End).await;
    put(&store, &one, 2).await;
    assert_eq!(revisions(&next_events(&mut subscription, 2).await), [2, 3]);
}

pub async fn a_stream_that_does_not_exist_yet_can_be_followed(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let mut start = to_stream(&store, &one, SubscribeFrom::Start).await;
    let mut end = to_stream(&store, &one, SubscribeFrom::End).await;
    let mut after = to_stream(&store, &one, SubscribeFrom::After(Revision(0))).await;
    for subscription in [&mut start, &mut end, &mut after] {
        assert_eq!(next(subscription).await, CaughtUp);
    }
    put(&store, &one, 3).await;
    assert_eq!(revisions(&next_events(&mut start, 3).await), [0, 1, 2]);
    assert_eq!(revisions(&next_events(&mut end, 3).await), [0, 1, 2]);
    assert_eq!(revisions(&next_events(&mut after, 2).await), [1, 2]);
}

pub async fn all_streams_are_followed_from_the_start_after_a_position_and_from_the_end(
    fixture: &dyn Fixture,
) {
    let store = open(fixture).await;
    put(&store, &stream("account-1"), 3).await;
    put(&store, &stream("account-2"), 2).await;
    let all = domain(&store).await;
    let mut start = to_all(&store, SubscribeFrom::Start, Filter::domain()).await;
    assert_eq!(until_caught_up(&mut start).await, all);
    for (index, event) in all.iter().enumerate() {
        let mut after = to_all(&store, SubscribeFrom::After(event.position), Filter::domain()).await;
        assert_eq!(until_caught_up(&mut after).await, all[index + 1..], "after {index}");
    }
    let mut end = to_all(&store, SubscribeFrom::End, Filter::domain()).await;
    put(&store, &stream("account-3"), 2).await;
    let new = &domain(&store).await[5..];
    assert_eq!(next_events(&mut start, 2).await, new);
    assert_eq!(next_events(&mut end, 2).await, new);
}

pub async fn a_subscription_after_a_place_that_is_still_to_come_tells_nothing_before_it(
    fixture: &dyn Fixture,
) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    let far = Position(store.head().await.unwrap().unwrap().0 + 1_000_000);
    let mut all = to_all(&store, SubscribeFrom::After(far), Filter::domain()).await;
    let mut of_stream = to_stream(&store, &one, SubscribeFrom::After(Revision(1_000))).await;
    assert_eq!(until_caught_up(&mut all).await, []);
    assert_eq!(until_caught_up(&mut of_stream).await, []);
    put(&store, &one, 3).await;
    // A subscription from the end has seen the three, so the others had their chance to tell them.
    let mut witness = to_stream(&store, &one, SubscribeFrom::Start).await;
    assert_eq!(next_events(&mut witness, 6).await.len(), 6);
    for subscription in [&mut all, &mut of_stream] {
        must_wait(pin!(subscription.next_event())).await;
    }
}

pub async fn a_filter_chooses_what_a_subscription_tells(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, other) = (stream("account-1"), stream("transfer-1"));
    put(&store, &one, 2).await;
    put(&store, &other, 2).await;
    store.set_stream_metadata(&one, NoStream, crate::StreamMetadata::default()).await.unwrap();
    let mut accounts = to_all(&store, SubscribeFrom::Start, Filter::category("account")).await;
    let mut everything = to_all(&store, SubscribeFrom::Start, Filter::everything()).await;
    assert_eq!(until_caught_up(&mut accounts).await, read(&store, &one).await.unwrap());
    assert_eq!(until_caught_up(&mut everything).await, read_all(&store, Filter::everything()).await);
    put(&store, &other, 1).await;
    put(&store, &one, 1).await;
    assert_eq!(next_events(&mut accounts, 1).await, read(&store, &one).await.unwrap()[2..]);
}

pub async fn a_filter_chooses_what_a_subscription_to_one_stream_tells(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for event_type in ["Opened", "Deposited", "$link", "Opened"] {
        put_one(&store, &one, event_type).await;
    }
    for (choice, wanted) in [
        (Choice { event_types: vec!["Opened".to_owned()], ..Choice::default() }, vec![0, 3, 5]),
        (Choice { event_type_prefixes: vec!["Dep".to_owned()], ..Choice::default() }, vec![1, 4]),
        (Choice::default(), vec![0, 1, 3, 4, 5]),
        (Choice { system: true, ..Choice::default() }, vec![0, 1, 2, 3, 4, 5]),
    ] {
        let to = SubscribeTo::Stream(one.clone(), SubscribeFrom::Start);
        let mut subscription = store.subscribe(to, Filter::new(choice)).await.unwrap();
        let mut told = revisions(&until_caught_up(&mut subscription).await);
        if store.current_revision(&one).await.unwrap() == at(3) {
            put_one(&store, &one, "Deposited").await;
            put_one(&store, &one, "Opened").await;
        }
        let live = wanted.len() - told.len();
        told.extend(revisions(&next_events(&mut subscription, live).await));
        assert_eq!(told, wanted);
    }
}

pub async fn caught_up_is_told_once_after_the_events_that_were_there(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    // Sizes around a page of any store that reads powers of two or hundreds.
    for count in [0, 1, 255, 256, 257, 500, 512, 1_000] {
        let one = stream(&format!("account-{count}"));
        if count > 0 {
            put(&store, &one, count).await;
        }
        let mut of_stream = to_stream(&store, &one, SubscribeFrom::Start).await;
        let mut of_all = to_all(
            &store,
            SubscribeFrom::Start,
            Filter::new(Choice { streams: vec![one.to_string()], ..Default::default() }),
        )
        .await;
        for subscription in [&mut of_stream, &mut of_all] {
            assert_eq!(until_caught_up(subscription).await.len(), count);
        }
        put(&store, &one, 1).await;
        for subscription in [&mut of_stream, &mut of_all] {
            let message = next(subscription).await;
            must_wait(pin!(subscription.next())).await;
            assert!(
                matches!(&message, Event(event) if event.revision.0 == count as u64),
                "{count}: {message:?}"
            );
        }
    }
}

pub async fn progress_moves_past_events_that_do_not_pass_the_filter(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put(&store, &stream("account-1"), 1).await;
    put(&store, &stream("noise-1"), 1_000).await;
    let mut subscription = to_all(&store, SubscribeFrom::Start, Filter::category("account")).await;
    let first = domain(&store).await[0].clone();
    assert_eq!(next(&mut subscription).await, Event(first.clone()));
    let mut reached = first.position;
    loop {
        match next(&mut subscription).await {
            Progress(position) => {
                assert!(position > reached, "progress goes forwards");
                reached = position;
            }
            CaughtUp => break,
            Event(event) => panic!("told {event:?}"),
        }
    }
    let head = store.head().await.unwrap().unwrap();
    assert!(reached >= head, "progress came to {reached}, the end is at {head}");

    put(&store, &stream("noise-1"), 3).await;
    let noise = store.head().await.unwrap().unwrap();
    put(&store, &stream("account-1"), 1).await;
    loop {
        match next(&mut subscription).await {
            Progress(position) => assert!(position > reached),
            Event(event) => break assert!(event.position > noise && event.revision == Revision(1)),
            CaughtUp => {}
        }
    }
}

pub async fn progress_never_passes_an_event_that_is_still_to_be_told(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for _ in 0..20 {
        put(&store, &stream("noise-1"), 37).await;
        put(&store, &stream("account-1"), 1).await;
    }
    let mut subscription = to_all(&store, SubscribeFrom::Start, Filter::category("account")).await;
    let (mut passed, mut told) = (None, 0);
    loop {
        match next(&mut subscription).await {
            Progress(position) => passed = Some(position),
            Event(event) => {
                assert!(passed < Some(event.position), "{event:?} was passed by progress");
                passed = Some(event.position);
                told += 1;
            }
            CaughtUp => break,
        }
    }
    assert_eq!(told, 20);
}

pub async fn a_stream_that_is_tombstoned_ends_its_subscriptions(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, fresh) = (stream("account-1"), stream("account-2"));
    put(&store, &one, 2).await;
    for name in [&one, &fresh] {
        let mut subscription = to_stream(&store, name, SubscribeFrom::Start).await;
        until_caught_up(&mut subscription).await;
        store.delete_stream(name, Any, crate::DeleteMode::Tombstone).await.unwrap();
        assert_read_deleted(soon("the end", subscription.next_event()).await);
        let again = SubscribeTo::Stream(name.clone(), SubscribeFrom::Start);
        assert_read_deleted(store.subscribe(again, Filter::everything()).await);
    }
}

pub async fn a_stream_that_is_deleted_and_revived_goes_on_for_its_subscribers(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 2).await;
    let mut before = to_stream(&store, &one, SubscribeFrom::Start).await;
    assert_eq!(until_caught_up(&mut before).await.len(), 2);
    store.delete_stream(&one, Any, crate::DeleteMode::Soft).await.unwrap();
    let mut between = to_stream(&store, &one, SubscribeFrom::Start).await;
    assert_eq!(until_caught_up(&mut between).await, []);
    put(&store, &one, 2).await;
    assert_eq!(revisions(&next_events(&mut before, 2).await), [2, 3]);
    assert_eq!(revisions(&next_events(&mut between, 2).await), [2, 3]);
}
