//! Persistent subscriptions, asked for by the official client in Rust.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{collections::HashMap, sync::Arc, time::Duration};

use engine_server::{Node, Options};
use engine_store::memory::MemoryStore;
use kit::{PATIENCE, client, json, node, read};
use kurrentdb::{
    AppendToStreamOptions, Client, DeletePersistentSubscriptionOptions, Error,
    GetPersistentSubscriptionInfoOptions, ListPersistentSubscriptionsOptions, NakAction,
    PersistentSubscription, PersistentSubscriptionEvent, PersistentSubscriptionInfo,
    PersistentSubscriptionOptions, PersistentSubscriptionToAllOptions, ReadStreamOptions,
    ReplayParkedMessagesOptions, ResolvedEvent, StreamPosition, SubscribeToPersistentSubscriptionOptions,
    SubscriptionFilter, SystemConsumerStrategy,
};

const GROUP: &str = "mailers";

fn from_start() -> PersistentSubscriptionOptions {
    PersistentSubscriptionOptions::default().start_from(StreamPosition::Start)
}

async fn put(client: &Client, stream: &str, count: usize) {
    client.append_to_stream(stream, &AppendToStreamOptions::default(), json(count)).await.unwrap();
}

async fn create(client: &Client, stream: &str, options: &PersistentSubscriptionOptions) {
    client.create_persistent_subscription(stream, GROUP, options).await.unwrap();
}

async fn join(client: &Client, stream: &str, room: usize) -> PersistentSubscription {
    let options = SubscribeToPersistentSubscriptionOptions::default().buffer_size(room);
    client.subscribe_to_persistent_subscription(stream, GROUP, &options).await.unwrap()
}

/// The next event: how often it was delivered before, and the event.
async fn next(consumer: &mut PersistentSubscription) -> (usize, ResolvedEvent) {
    loop {
        let told = tokio::time::timeout(PATIENCE, consumer.next_subscription_event()).await;
        if let PersistentSubscriptionEvent::EventAppeared { retry_count, event } =
            told.expect("nothing is told any more").unwrap()
        {
            return (retry_count, event);
        }
    }
}

fn revision(event: &ResolvedEvent) -> u64 {
    event.get_original_event().revision
}

/// Takes and acknowledges so many events; gives their revisions.
async fn handle(consumer: &mut PersistentSubscription, count: usize) -> Vec<u64> {
    let mut revisions = Vec::new();
    for _ in 0..count {
        let (_, event) = next(consumer).await;
        consumer.ack(&event).await.unwrap();
        revisions.push(revision(&event));
    }
    revisions
}

/// Waits until the group has this many parked events and holds nothing.
async fn until_parked(client: &Client, stream: &str, count: usize) {
    let parked =
        |info: &Info| info.stats.parked_message_count == count && info.stats.total_in_flight_messages == 0;
    until(client, stream, parked, "the events are not parked").await;
}

/// Waits until the node knows that nobody reads any more.
async fn until_left(client: &Client, stream: &str) {
    until(client, stream, |info| info.connections.is_empty(), "consumers that are gone are still there")
        .await;
}

type Info = PersistentSubscriptionInfo<u64>;

async fn until(client: &Client, stream: &str, is: impl Fn(&Info) -> bool, otherwise: &str) {
    let options = GetPersistentSubscriptionInfoOptions::default();
    let waiting = async {
        while !is(&client.get_persistent_subscription_info(stream, GROUP, &options).await.unwrap()) {}
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect(otherwise);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_delivers_what_is_there_and_what_comes_and_says_how_it_is() {
    let kit::Connected { node: _node, client } = node().await;
    put(&client, "account-1", 3).await;
    create(&client, "account-1", &from_start()).await;
    let mut consumer = join(&client, "account-1", 10).await;
    assert_eq!(handle(&mut consumer, 3).await, [0, 1, 2]);
    put(&client, "account-1", 2).await;
    assert_eq!(handle(&mut consumer, 2).await, [3, 4]);

    let options = GetPersistentSubscriptionInfoOptions::default();
    let info = client.get_persistent_subscription_info("account-1", GROUP, &options).await.unwrap();
    assert_eq!((info.event_source.as_str(), info.group_name.as_str()), ("account-1", GROUP));
    assert_eq!((info.connections.len(), info.stats.last_known_event_revision), (1, Some(4)));
    let settings = info.settings.unwrap();
    assert_eq!((settings.max_retry_count, settings.live_buffer_size), (10, 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_begins_at_the_end_or_in_the_middle_tells_nothing_before() {
    let kit::Connected { node: _node, client } = node().await;
    put(&client, "account-1", 3).await;
    put(&client, "account-2", 3).await;
    create(&client, "account-1", &PersistentSubscriptionOptions::default()).await;
    let middle = PersistentSubscriptionOptions::default().start_from(StreamPosition::Position(1));
    create(&client, "account-2", &middle).await;
    put(&client, "account-1", 1).await;
    assert_eq!(handle(&mut join(&client, "account-1", 10).await, 1).await, [3]);
    assert_eq!(handle(&mut join(&client, "account-2", 10).await, 2).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_goes_on_where_it_was_when_its_node_is_started_again() {
    let events = MemoryStore::new();
    let start = || async {
        let options = Options { listen: "127.0.0.1:0".parse().unwrap(), ..Options::default() };
        Node::start(Arc::new(events.clone()), Vec::new(), options).await.unwrap()
    };
    let node = start().await;
    let first = client(&node, "", false);
    put(&first, "account-1", 6).await;
    let eager = from_start().checkpoint_lower_bound(1).checkpoint_upper_bound(1);
    create(&first, "account-1", &eager).await;
    let mut consumer = join(&first, "account-1", 6).await;
    assert_eq!(handle(&mut consumer, 3).await, [0, 1, 2]);
    // The place is kept when the answers have come in.
    let options = GetPersistentSubscriptionInfoOptions::default();
    let kept = async {
        loop {
            let info = first.get_persistent_subscription_info("account-1", GROUP, &options).await.unwrap();
            if info.stats.last_checkpointed_event_revision == Some(2) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, kept).await.expect("the place is not kept");
    node.stop().await;

    let node = start().await;
    let second = client(&node, "", false);
    assert_eq!(handle(&mut join(&second, "account-1", 6).await, 3).await, [3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_refused_comes_again_until_it_is_parked_and_can_be_replayed() {
    let kit::Connected { node: _node, client } = node().await;
    put(&client, "account-1", 2).await;
    create(&client, "account-1", &from_start().max_retry_count(2)).await;
    let mut consumer = join(&client, "account-1", 1).await;
    for retries in 0..=2 {
        let (told, event) = next(&mut consumer).await;
        assert_eq!((told, revision(&event)), (retries, 0));
        consumer.nack(&event, NakAction::Retry, "not now").await.unwrap();
    }
    let (_, event) = next(&mut consumer).await;
    assert_eq!(revision(&event), 1);
    consumer.nack(&event, NakAction::Park, "never").await.unwrap();
    until_parked(&client, "account-1", 2).await;
    let parked = format!("$persistentsubscription-account-1::{GROUP}-parked");
    let links = read(&client, &parked, &ReadStreamOptions::default()).await.unwrap();
    assert_eq!(links.iter().map(|link| &*link.event_type).collect::<Vec<_>>(), ["$>", "$>"]);

    let one = ReplayParkedMessagesOptions::default().stop_at(1);
    client.replay_parked_messages("account-1", GROUP, &one).await.unwrap();
    assert_eq!(handle(&mut consumer, 1).await, [0]);
    client.replay_parked_messages("account-1", GROUP, &ReplayParkedMessagesOptions::default()).await.unwrap();
    assert_eq!(handle(&mut consumer, 1).await, [1]);
    until_parked(&client, "account-1", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_consumer_does_not_answer_goes_to_another() {
    let kit::Connected { node: _node, client } = node().await;
    put(&client, "account-1", 2).await;
    create(&client, "account-1", &from_start().message_timeout(Duration::from_millis(200))).await;
    let mut silent = join(&client, "account-1", 1).await;
    assert_eq!(revision(&next(&mut silent).await.1), 0);
    drop(silent);
    until_left(&client, "account-1").await;
    let mut other = join(&client, "account-1", 1).await;
    let (retries, event) = next(&mut other).await;
    assert_eq!((retries, revision(&event)), (1, 0), "the other was gone");
    let (retries, event) = next(&mut other).await;
    assert_eq!((retries, revision(&event)), (2, 0), "it was not answered in time");
    other.ack(&event).await.unwrap();
    assert_eq!(revision(&next(&mut other).await.1), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_all_streams_are_chosen_by_a_filter_and_pinned_by_their_stream() {
    let kit::Connected { node: _node, client } = node().await;
    let options = PersistentSubscriptionToAllOptions::default()
        .start_from(StreamPosition::Start)
        .filter(SubscriptionFilter::on_stream_name().add_prefix("account-"))
        .consumer_strategy_name(SystemConsumerStrategy::Pinned);
    client.create_persistent_subscription_to_all(GROUP, &options).await.unwrap();
    let joining = SubscribeToPersistentSubscriptionOptions::default().buffer_size(100);
    let mut one = client.subscribe_to_persistent_subscription_to_all(GROUP, &joining).await.unwrap();
    let mut two = client.subscribe_to_persistent_subscription_to_all(GROUP, &joining).await.unwrap();
    for round in 0..40 {
        put(&client, &format!("account-{}", round % 20), 1).await;
        put(&client, "noise-1", 1).await;
    }
    let mut owners: HashMap<String, u8> = HashMap::new();
    for _ in 0..40 {
        let (owner, event) = tokio::select! {
            told = next(&mut one) => (1, told.1),
            told = next(&mut two) => (2, told.1),
        };
        let stream = event.get_original_stream_id().to_owned();
        assert!(stream.starts_with("account-"), "{stream}");
        assert_eq!(*owners.entry(stream).or_insert(owner), owner);
    }
    assert!(owners.values().any(|owner| *owner == 1) && owners.values().any(|owner| *owner == 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_made_once_listed_changed_and_removed() {
    let kit::Connected { node: _node, client } = node().await;
    create(&client, "account-1", &from_start().max_subscriber_count(1)).await;
    let again = client.create_persistent_subscription("account-1", GROUP, &from_start()).await;
    assert!(matches!(again, Err(Error::ResourceAlreadyExists)), "{again:?}");
    let bad = from_start().history_buffer_size(10).read_batch_size(20);
    let refused = client.create_persistent_subscription("account-2", GROUP, &bad).await;
    assert!(refused.is_err());

    let joining = SubscribeToPersistentSubscriptionOptions::default();
    let mut consumer = join(&client, "account-1", 10).await;
    let mut full = client.subscribe_to_persistent_subscription("account-1", GROUP, &joining).await;
    if let Ok(subscription) = &mut full {
        full = match subscription.next().await {
            Err(error) => Err(error),
            Ok(event) => panic!("{event:?}"),
        };
    }
    let full = format!("{:?}", full.err().unwrap());
    assert!(full.contains("Maximum subscriptions reached"), "{full}");
    let listing = ListPersistentSubscriptionsOptions::default();
    assert_eq!(client.list_all_persistent_subscriptions(&listing).await.unwrap().len(), 1);
    let of_stream = client.list_persistent_subscriptions_for_stream("account-1", &listing).await.unwrap();
    assert_eq!(of_stream[0].group_name, GROUP);

    client
        .update_persistent_subscription("account-1", GROUP, &from_start().max_retry_count(3))
        .await
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, consumer.next()).await.expect("the consumer is not dropped");
    assert!(ended.is_err(), "{ended:?}");
    let options = GetPersistentSubscriptionInfoOptions::default();
    let info = client.get_persistent_subscription_info("account-1", GROUP, &options).await.unwrap();
    assert_eq!(info.settings.unwrap().max_retry_count, 3);

    let deleting = DeletePersistentSubscriptionOptions::default();
    client.delete_persistent_subscription("account-1", GROUP, &deleting).await.unwrap();
    let missing = client.delete_persistent_subscription("account-1", GROUP, &deleting).await;
    assert!(matches!(missing, Err(Error::ResourceNotFound)), "{missing:?}");
    let missing = client.list_persistent_subscriptions_for_stream("account-1", &listing).await;
    assert!(matches!(missing, Err(Error::ResourceNotFound)), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_says_why_events_are_parked_and_delivers_them_again() {
    let kit::Connected { node, client } = node().await;
    put(&client, "orders", 2).await;
    create(&client, "orders", &from_start()).await;
    let mut consumer = join(&client, "orders", 10).await;
    let (_, event) = next(&mut consumer).await;
    consumer.nack(&event, NakAction::Park, "there is no such address").await.unwrap();
    handle(&mut consumer, 1).await;
    until_parked(&client, "orders", 1).await;
    let url = format!("http://{}/subscriptions/orders/{GROUP}", node.address());
    let browser = reqwest::Client::new();
    let signed = |request: reqwest::RequestBuilder| request.basic_auth("ops", Some("changeit")).send();
    let page = signed(browser.get(&url)).await.unwrap().text().await.unwrap();
    assert!(page.contains("there is no such address") && page.contains("1 consumer"), "{page}");
    let replayed = signed(browser.post(&url).form(&[("do", "replay"), ("limit", "")])).await.unwrap();
    assert!(replayed.text().await.unwrap().contains("are delivered again"));
    assert_eq!(handle(&mut consumer, 1).await, [0]);
    until_parked(&client, "orders", 0).await;
    node.stop().await;
}
