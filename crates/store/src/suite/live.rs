//! Subscriptions beside writers: nothing missing, nothing twice, in order, at any pace.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use engine_types::StreamName;
use tokio::task::{JoinSet, yield_now};

use super::{Fixture, Opened, kit::*};
use crate::{Filter, RecordedEvent, SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage::CaughtUp};

const WRITERS: usize = 8;
const EACH: usize = 250;

/// Eight writers with 250 events each, in appends of one to three events.
fn write(store: &Opened, name: impl Fn(usize) -> StreamName) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, stream) = (store.clone(), name(writer));
        writers.spawn(async move {
            let mut written = 0;
            while written < EACH {
                let count = (1 + written % 3).min(EACH - written);
                put(&store, &stream, count).await;
                written += count;
                yield_now().await;
            }
        });
    }
    writers
}

async fn all_from_start(store: &Opened, filter: Filter) -> Subscription {
    store.subscribe(SubscribeTo::All(SubscribeFrom::Start), filter).await.unwrap()
}

/// Compares by place and id first, so that a failure can be read.
#[track_caller]
fn assert_same(told: &[RecordedEvent], there: &[RecordedEvent]) {
    assert_eq!(told.len(), there.len());
    for (told, there) in told.iter().zip(there) {
        assert_eq!((told.position, told.id), (there.position, there.id));
    }
    assert_eq!(told, there);
}

pub async fn the_hand_over_beside_writers_loses_nothing_and_repeats_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let mut writers = write(&store, |writer| stream(&format!("account-{}", writer % 3)));
    // Subscriptions that begin at different moments hand over at different places.
    let mut readers = JoinSet::new();
    for moment in 0..6 {
        let mut subscription = all_from_start(&store, Filter::domain()).await;
        readers.spawn(async move { next_events(&mut subscription, WRITERS * EACH).await });
        while store.head().await.unwrap().is_none_or(|head| head.0 < moment * 200) && !writers.is_empty() {
            match writers.try_join_next() {
                Some(writer) => writer.unwrap(),
                None => yield_now().await,
            }
        }
    }
    finished("the writers", writers.join_all()).await;
    let there = domain(&store).await;
    for told in finished("the readers", readers.join_all()).await {
        assert_same(&told, &there);
    }
}

pub async fn the_hand_over_of_one_stream_beside_writers_loses_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let mut starting = {
        let to = SubscribeTo::Stream(one.clone(), SubscribeFrom::Start);
        store.subscribe(to, Filter::everything()).await.unwrap()
    };
    let writers = write(&store, |_| one.clone());
    let told = next_events(&mut starting, WRITERS * EACH).await;
    finished("the writers", writers.join_all()).await;
    assert_same(&told, &read(&store, &one).await.unwrap());
}

pub async fn a_filtered_hand_over_beside_writers_loses_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let category = |writer| if writer % 4 == 0 { "wanted" } else { "noise" };
    let writers = write(&store, |writer| stream(&format!("{}-{writer}", category(writer))));
    let mut subscription = all_from_start(&store, Filter::category("wanted")).await;
    let told = next_events(&mut subscription, WRITERS / 4 * EACH).await;
    finished("the writers", writers.join_all()).await;
    assert_same(&told, &read_all(&store, Filter::category("wanted")).await);
}

pub async fn a_subscriber_much_slower_than_the_writers_loses_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let mut subscription = all_from_start(&store, Filter::domain()).await;
    assert_eq!(until_caught_up(&mut subscription).await, []);
    put(&store, &stream("account-0"), 1).await;
    let mut told = next_events(&mut subscription, 1).await;
    // It looks away while all of the writing is done.
    let writers = write(&store, |writer| stream(&format!("account-{writer}")));
    finished("the writers", writers.join_all()).await;
    told.extend(next_events(&mut subscription, WRITERS * EACH).await);
    assert_same(&told, &domain(&store).await);
    // Whether or not that counts as fallen behind, it goes on from here.
    put(&store, &stream("account-0"), 1).await;
    let event = loop {
        match next(&mut subscription).await {
            CaughtUp => {}
            message => break message,
        }
    };
    assert!(matches!(event, crate::SubscriptionMessage::Event(_)), "{event:?}");
}

pub async fn giving_up_the_wait_for_a_message_loses_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let mut subscription = all_from_start(&store, Filter::domain()).await;
    let writers = write(&store, |writer| stream(&format!("account-{writer}")));
    let mut told = Vec::new();
    let mut given_up = 0_u32;
    let all = async {
        while told.len() < WRITERS * EACH {
            tokio::select! {
                biased;
                event = subscription.next_event() => told.push(event.unwrap()),
                () = yield_now() => given_up += 1,
            }
        }
    };
    finished("all events", all).await;
    finished("the writers", writers.join_all()).await;
    assert_same(&told, &domain(&store).await);
    // And once for certain: nothing is there to be told, so the wait is given up.
    let waits = tokio::select! {
        biased;
        told = subscription.next_event() => panic!("told {told:?}"),
        () = yield_now() => given_up + 1,
    };
    assert!(waits > 0);
    put(&store, &stream("account-0"), 1).await;
    assert_eq!(next_events(&mut subscription, 1).await[0].revision.0, EACH as u64);
}

pub async fn many_subscriptions_are_told_the_same(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let mut subscriptions = Vec::new();
    for _ in 0..32 {
        subscriptions.push(all_from_start(&store, Filter::domain()).await);
    }
    put(&store, &stream("account-1"), 20).await;
    let there = domain(&store).await;
    for mut subscription in subscriptions {
        assert_same(&next_events(&mut subscription, 20).await, &there);
    }
}

pub async fn a_waiting_subscription_is_woken_by_whatever_concerns_it(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, metadata) = (stream("account-1"), crate::StreamMetadata::default());
    put(&store, &one, 1).await;
    let mut all = all_from_start(&store, Filter::everything()).await;
    let to = SubscribeTo::Stream(one.clone(), SubscribeFrom::Start);
    let mut of_stream = store.subscribe(to, Filter::everything()).await.unwrap();
    until_caught_up(&mut all).await;
    until_caught_up(&mut of_stream).await;

    let (mut wait, mut wait_for_stream) = (Box::pin(all.next_event()), Box::pin(of_stream.next_event()));
    must_wait(wait.as_mut()).await;
    must_wait(wait_for_stream.as_mut()).await;
    put(&store, &one, 1).await;
    assert_eq!(soon("an event", wait).await.unwrap().revision.0, 1);
    assert_eq!(soon("an event", wait_for_stream).await.unwrap().revision.0, 1);

    let mut wait = Box::pin(all.next_event());
    must_wait(wait.as_mut()).await;
    store.set_stream_metadata(&one, NoStream, metadata).await.unwrap();
    assert_eq!(soon("the metadata", wait).await.unwrap().stream, one.metadata_stream());

    let (mut wait, mut wait_for_stream) = (Box::pin(all.next_event()), Box::pin(of_stream.next_event()));
    must_wait(wait.as_mut()).await;
    must_wait(wait_for_stream.as_mut()).await;
    store.delete_stream(&one, Any, crate::DeleteMode::Tombstone).await.unwrap();
    assert_eq!(&*soon("the tombstone", wait).await.unwrap().event_type, "$streamDeleted");
    assert_read_deleted(soon("the end", wait_for_stream).await);
}

pub async fn an_event_that_comes_while_a_subscriber_begins_to_wait_is_told(fixture: &dyn Fixture) {
    const ROUNDS: usize = 1_000;
    let store = open(fixture).await;
    let mut subscription = all_from_start(&store, Filter::domain()).await;
    until_caught_up(&mut subscription).await;
    // The writer appends at the moment at which the reader goes to wait, and nothing comes after it to help.
    let asked = Arc::new(AtomicUsize::new(0));
    let writer = tokio::spawn({
        let (store, asked) = (store.clone(), asked.clone());
        async move {
            for round in 0..ROUNDS {
                while asked.load(Ordering::SeqCst) <= round {
                    yield_now().await;
                }
                put(&store, &stream("account-1"), 1).await;
            }
        }
    });
    for round in 0..ROUNDS {
        asked.store(round + 1, Ordering::SeqCst);
        assert_eq!(next_events(&mut subscription, 1).await[0].revision.0, round as u64);
    }
    writer.await.unwrap();
}
