//! The node as the official Rust client sees it.

mod kit;

use kit::{Told, all_events, json, node, read, types};
use kurrentdb::{
    AppendToStreamOptions, BatchAppendOptions, DeleteStreamOptions, Error, ReadAllOptions, ReadStreamOptions,
    StreamMetadataBuilder, StreamPosition, StreamState, SubscribeToAllOptions, SubscribeToStreamOptions,
    SubscriptionFilter, TombstoneStreamOptions,
};

fn expecting(state: StreamState) -> AppendToStreamOptions {
    AppendToStreamOptions::default().stream_state(state)
}

#[tokio::test]
async fn events_read_back_forwards_and_backwards_with_their_places() {
    let node = node().await;
    let written =
        node.client.append_to_stream("account-1", &expecting(StreamState::NoStream), json(3)).await.unwrap();
    assert_eq!(written.next_expected_version, 2);
    assert_eq!(written.position.commit, written.position.prepare);
    let options = ReadStreamOptions::default().position(StreamPosition::Position(1)).max_count(1);
    let page = read(&node.client, "account-1", &options).await.unwrap();
    assert_eq!(page.iter().map(|event| event.revision).collect::<Vec<_>>(), [1]);
    let backwards = ReadStreamOptions::default().backwards().position(StreamPosition::End);
    let page = read(&node.client, "account-1", &backwards).await.unwrap();
    assert_eq!(page.iter().map(|event| event.revision).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(page[0].position, written.position.commit);
    assert_eq!((page[0].stream.as_str(), page[0].is_json), ("account-1", true));
    let at = ReadAllOptions::default().position(StreamPosition::Position(written.position)).max_count(1);
    assert_eq!(all_events(&node.client, &at).await, page[..1], "a position is that of its event");
}

#[tokio::test]
async fn a_wrong_expectation_is_told_with_the_revision_that_is_there() {
    let node = node().await;
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(2)).await.unwrap();
    for wrong in [StreamState::NoStream, StreamState::StreamRevision(0), StreamState::StreamRevision(7)] {
        let refused = node.client.append_to_stream("account-1", &expecting(wrong), json(1)).await;
        let Err(Error::WrongExpectedVersion { current, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(current, kurrentdb::CurrentRevision::Current(1));
    }
    let refused =
        node.client.append_to_stream("account-2", &expecting(StreamState::StreamExists), json(1)).await;
    assert!(matches!(
        refused,
        Err(Error::WrongExpectedVersion { current: kurrentdb::CurrentRevision::NoStream, .. })
    ));
}

#[tokio::test]
async fn a_repeated_append_is_answered_as_before_and_written_once() {
    let node = node().await;
    let events = json(2);
    for state in [StreamState::NoStream, StreamState::NoStream, StreamState::Any] {
        let written =
            node.client.append_to_stream("account-1", &expecting(state), events.clone()).await.unwrap();
        assert_eq!(written.next_expected_version, 1);
    }
    assert_eq!(read(&node.client, "account-1", &ReadStreamOptions::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn streams_that_are_missing_deleted_and_tombstoned_are_told_apart() {
    let node = node().await;
    let options = ReadStreamOptions::default();
    assert!(matches!(read(&node.client, "account-1", &options).await, Err(Error::ResourceNotFound)));
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(2)).await.unwrap();
    let deleted = node.client.delete_stream("account-1", &DeleteStreamOptions::default()).await.unwrap();
    assert!(deleted.is_some_and(|position| position.commit >= 2), "{deleted:?}");
    assert!(matches!(read(&node.client, "account-1", &options).await, Err(Error::ResourceNotFound)));
    let written =
        node.client.append_to_stream("account-1", &expecting(StreamState::NoStream), json(1)).await.unwrap();
    assert_eq!(written.next_expected_version, 2, "the numbering goes on");
    let tombstone = TombstoneStreamOptions::default();
    node.client.tombstone_stream("account-1", &tombstone).await.unwrap();
    let gone = node.client.read_stream("account-1", &options).await;
    assert!(matches!(gone, Err(Error::ResourceDeleted)), "at the call, not at the first event");
    let refused = node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(1)).await;
    assert!(matches!(refused, Err(Error::ResourceDeleted)));
}

#[tokio::test]
async fn a_deletion_that_expects_another_revision_is_refused() {
    let node = node().await;
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(2)).await.unwrap();
    let wrong = DeleteStreamOptions::default().stream_state(StreamState::StreamRevision(0));
    let refused = node.client.delete_stream("account-1", &wrong).await.unwrap_err();
    assert!(refused.to_string().contains("WrongExpectedVersion"), "{refused}");
}

#[tokio::test]
async fn metadata_bounds_what_can_be_read_and_reads_back() {
    let node = node().await;
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(5)).await.unwrap();
    let metadata = StreamMetadataBuilder::new().max_count(2).insert_custom_property("owner", "Zoë").build();
    node.client.set_stream_metadata("account-1", &AppendToStreamOptions::default(), &metadata).await.unwrap();
    let back = node.client.get_stream_metadata("account-1", &ReadStreamOptions::default()).await.unwrap();
    let kurrentdb::StreamMetadataResult::Success(back) = back else { panic!("{back:?}") };
    assert_eq!(back.metadata(), &metadata);
    let events = read(&node.client, "account-1", &ReadStreamOptions::default()).await.unwrap();
    assert_eq!(events.iter().map(|event| event.revision).collect::<Vec<_>>(), [3, 4]);
}

#[tokio::test]
async fn all_streams_are_filtered_by_beginning_and_by_regular_expression() {
    let node = node().await;
    for stream in ["account-1", "seat-1", "account-2"] {
        node.client
            .append_to_stream(stream, &expecting(StreamState::Any), types(&["Opened", "Closed"]))
            .await
            .unwrap();
    }
    let filters = [
        (SubscriptionFilter::on_stream_name().add_prefix("account-"), 4),
        (SubscriptionFilter::on_event_type().regex("^(?!Closed)[^$].*"), 3),
        (SubscriptionFilter::on_event_type().exclude_system_events(), 6),
    ];
    for (filter, wanted) in filters {
        for options in
            [ReadAllOptions::default(), ReadAllOptions::default().backwards().position(StreamPosition::End)]
        {
            let events = all_events(&node.client, &options.filter(filter.clone())).await;
            assert_eq!(events.len(), wanted, "{filter:?}");
        }
    }
}

#[tokio::test]
async fn a_subscription_delivers_what_is_there_says_so_and_goes_on_live() {
    let node = node().await;
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(3)).await.unwrap();
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Position(0));
    let mut subscription = node.client.subscribe_to_stream("account-1", &options).await;
    assert_eq!(kit::next(&mut subscription).await, Told::Confirmed);
    assert_eq!(kit::next(&mut subscription).await, Told::Event(1));
    assert_eq!(kit::next(&mut subscription).await, Told::Event(2));
    assert_eq!(kit::next(&mut subscription).await, Told::CaughtUp { revision: Some(2) });
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(1)).await.unwrap();
    assert_eq!(kit::next(&mut subscription).await, Told::Event(3));
    let tombstone = TombstoneStreamOptions::default();
    node.client.tombstone_stream("account-1", &tombstone).await.unwrap();
    assert_eq!(kit::next(&mut subscription).await, Told::Ended("ResourceDeleted".to_owned()));
}

#[tokio::test]
async fn a_filtered_subscription_gets_checkpoints_from_which_it_can_be_resumed() {
    let node = node().await;
    let filter = SubscriptionFilter::on_event_type().add_prefix("Closed").max(2);
    let options = SubscribeToAllOptions::default().filter(filter);
    let mut subscription = node.client.subscribe_to_all(&options).await;
    assert_eq!(kit::next(&mut subscription).await, Told::Confirmed);
    let written = node
        .client
        .append_to_stream("account-1", &expecting(StreamState::Any), types(&["Opened"; 9]))
        .await
        .unwrap();
    let mut newest = None;
    while newest < Some(written.position.commit - 1) {
        if let Told::Checkpoint(position) = kit::next(&mut subscription).await {
            assert!(newest < Some(position), "none is told twice");
            assert!(position <= written.position.commit, "none is ahead of what was looked at");
            newest = Some(position);
        }
    }
    node.client
        .append_to_stream("account-1", &expecting(StreamState::Any), types(&["Closed"]))
        .await
        .unwrap();
    let from = kurrentdb::Position { commit: newest.unwrap(), prepare: newest.unwrap() };
    let resumed = options.position(StreamPosition::Position(from));
    let mut resumed = node.client.subscribe_to_all(&resumed).await;
    loop {
        match kit::next(&mut resumed).await {
            Told::Event(revision) => break assert_eq!(revision, 9),
            Told::Ended(why) => panic!("{why}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn batched_appends_are_answered_each_for_itself() {
    let node = node().await;
    let begin = || async { node.client.batch_append(&BatchAppendOptions::default()).await.unwrap() };
    let batch = begin().await;
    batch.append_to_stream("account-1", StreamState::NoStream, json(2)).await.unwrap();
    let refused = batch.append_to_stream("account-1", StreamState::NoStream, json(1)).await.unwrap_err();
    assert!(refused.to_string().contains("WrongExpectedVersion"), "{refused}");
    // This client gives up a call after a refusal.
    let batch = begin().await;
    batch.append_to_stream("account-1", StreamState::StreamRevision(1), json(1)).await.unwrap();
    assert_eq!(read(&node.client, "account-1", &ReadStreamOptions::default()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_link_is_resolved_where_that_is_wanted_and_its_target_is_there() {
    let node = node().await;
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(1)).await.unwrap();
    let link = |to: &str| kurrentdb::EventData::binary("$>", to.to_owned().into()).id(uuid::Uuid::new_v4());
    let links = vec![link("0@account-1"), link("9@account-1")];
    node.client.append_to_stream("links", &expecting(StreamState::Any), links).await.unwrap();
    let options = ReadStreamOptions::default().resolve_link_tos();
    let mut stream = node.client.read_stream("links", &options).await.unwrap();
    let resolved = stream.next().await.unwrap().unwrap();
    assert_eq!(resolved.event.unwrap().stream_id(), "account-1");
    assert_eq!(resolved.link.unwrap().stream_id(), "links");
    let broken = stream.next().await.unwrap().unwrap();
    assert!(broken.event.is_none() && broken.link.is_some());
}

#[tokio::test]
async fn the_event_that_closes_a_stream_has_the_largest_revision() {
    let node = node().await;
    node.client.append_to_stream("account-1", &expecting(StreamState::Any), json(1)).await.unwrap();
    node.client.tombstone_stream("account-1", &TombstoneStreamOptions::default()).await.unwrap();
    let options =
        ReadAllOptions::default().filter(SubscriptionFilter::on_event_type().add_prefix("$streamDeleted"));
    let events = all_events(&node.client, &options).await;
    assert_eq!(events[0].revision, u64::try_from(i64::MAX).unwrap());
}

#[tokio::test]
async fn an_event_over_the_limit_is_refused_and_the_connection_lives_on() {
    let node = node().await;
    let large = kurrentdb::EventData::binary("Large", vec![0; 17 * 1024 * 1024].into());
    let refused = node.client.append_to_stream("account-1", &expecting(StreamState::Any), large).await;
    assert!(refused.unwrap_err().to_string().contains("exceeds Maximum Append Event Size"));
    node.client.append_to_stream("account-1", &expecting(StreamState::NoStream), json(1)).await.unwrap();
}

#[tokio::test]
async fn a_node_that_stops_ends_subscriptions_and_lets_go() {
    let node = node().await;
    let mut subscription = node.client.subscribe_to_all(&SubscribeToAllOptions::default()).await;
    assert_eq!(kit::next(&mut subscription).await, Told::Confirmed);
    node.node.stop().await;
    while !matches!(kit::next(&mut subscription).await, Told::Ended(_)) {}
}

#[tokio::test]
async fn a_cluster_is_discovered_as_this_node_alone() {
    let node = node().await;
    let url = format!("kurrentdb+discover://{}?tls=false", node.node.address());
    let client = kurrentdb::Client::new(url.parse().unwrap()).unwrap();
    client.append_to_stream("account-1", &expecting(StreamState::Any), json(1)).await.unwrap();
    let info = client.server_info().await.unwrap();
    assert_eq!(info.version().to_string(), engine_server::PROTOCOL_VERSION);
}
