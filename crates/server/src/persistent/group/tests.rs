//! A group in every situation that its consumers can bring it into.

use std::time::Duration;

use bytes::Bytes;
use engine_store::{ContentType, Timestamp};
use engine_types::{Position, Revision, StreamName};

use super::{super::Strategy, *};

fn event(stream: &str, number: u64) -> RecordedEvent {
    RecordedEvent {
        stream: StreamName::new(stream).unwrap(),
        revision: Revision(number),
        position: Position(number),
        id: Uuid::from_u128(number.into()),
        event_type: "Happened".into(),
        content_type: ContentType::Json,
        data: Bytes::new(),
        metadata: Bytes::new(),
        created: Timestamp::default(),
    }
}

fn group(settings: Settings, events: u64) -> Group {
    let mut group = Group::new(settings, None);
    for number in 0..events {
        group.arrived(event(&format!("account-{}", number % 5), number), number);
    }
    group
}

fn of(strategy: Strategy) -> Settings {
    Settings { strategy, ..Settings::default() }
}

fn delivered(group: &mut Group) -> Vec<(u64, u64, u32)> {
    let delivered = group.deliver(Instant::now());
    delivered.into_iter().map(|(to, message)| (to, message.event.revision.0, message.retries)).collect()
}

fn join(group: &mut Group, rooms: impl IntoIterator<Item = usize>) {
    for room in rooms {
        group.join(room);
    }
}

fn id(number: u128) -> [Uuid; 1] {
    [Uuid::from_u128(number)]
}

#[test]
fn a_consumer_holds_at_most_what_it_has_room_for() {
    let mut group = group(of(Strategy::RoundRobin), 5);
    let one = group.join(2);
    assert_eq!(delivered(&mut group), [(one, 0, 0), (one, 1, 0)]);
    assert_eq!(delivered(&mut group), []);
    group.ack(one, &id(1));
    assert_eq!(delivered(&mut group), [(one, 2, 0)]);
}

#[test]
fn events_go_to_each_in_turn_or_to_one_as_long_as_it_has_room() {
    let mut in_turn = group(of(Strategy::RoundRobin), 4);
    join(&mut in_turn, [10, 10]);
    assert_eq!(delivered(&mut in_turn).iter().map(|told| told.0).collect::<Vec<_>>(), [0, 1, 0, 1]);
    let mut single = group(of(Strategy::DispatchToSingle), 4);
    join(&mut single, [3, 10]);
    assert_eq!(delivered(&mut single).iter().map(|told| told.0).collect::<Vec<_>>(), [0, 0, 0, 1]);
}

#[test]
fn pinned_events_of_a_stream_go_to_the_same_consumer_and_wait_for_it() {
    let mut group = group(of(Strategy::Pinned), 50);
    join(&mut group, [100, 100, 100]);
    let mut owner = HashMap::new();
    for (to, number, _) in delivered(&mut group) {
        assert_eq!(*owner.entry(number % 5).or_insert(to), to);
    }
    let mut narrow = Group::new(of(Strategy::Pinned), None);
    join(&mut narrow, [1, 1]);
    (0..3).for_each(|number| narrow.arrived(event("account-1", number), number));
    assert_eq!(delivered(&mut narrow).len(), 1, "the other consumer gets nothing of that stream");
}

#[test]
fn what_is_done_in_any_order_moves_the_checkpoint_only_as_far_as_all_is_done() {
    let mut group = group(of(Strategy::RoundRobin), 3);
    let one = group.join(10);
    delivered(&mut group);
    group.ack(one, &id(1));
    assert_eq!(group.source.reached(), None);
    group.ack(one, &id(0));
    assert_eq!(group.source.reached(), Some(1));
    group.nack(one, &id(2), Verdict::Skip, "");
    assert_eq!(group.source.reached(), Some(2));
}

#[test]
fn a_retried_event_comes_before_new_ones_until_it_is_parked() {
    let mut group = group(Settings { max_retry_count: 2, ..of(Strategy::RoundRobin) }, 3);
    let one = group.join(1);
    for retries in 0..2 {
        assert_eq!(delivered(&mut group), [(one, 0, retries)]);
        assert!(group.nack(one, &id(0), Verdict::Retry, "not now").is_empty());
    }
    assert_eq!(delivered(&mut group), [(one, 0, 2)]);
    let to_park = group.nack(one, &id(0), Verdict::Retry, "not now");
    assert!(to_park[0].reason.starts_with("Reached retry count of 2"), "{}", to_park[0].reason);
    assert_eq!(delivered(&mut group), [(one, 1, 0)]);
    assert_eq!(group.source.reached(), None, "it is not parked yet");
    group.finish(to_park[0].message.origin);
    assert_eq!(group.source.reached(), Some(0));
}

#[test]
fn what_is_held_for_too_long_or_by_one_who_is_gone_is_delivered_again_in_order() {
    let mut group = group(of(Strategy::RoundRobin), 4);
    let one = group.join(2);
    let now = Instant::now();
    assert_eq!(group.deliver(now).len(), 2);
    assert!(group.expire(now + Duration::from_secs(29)).is_empty());
    assert_eq!(delivered(&mut group), []);
    group.expire(now + Duration::from_secs(30));
    assert_eq!(delivered(&mut group), [(one, 0, 1), (one, 1, 1)]);
    group.leave(one);
    let two = group.join(3);
    assert_eq!(delivered(&mut group), [(two, 0, 2), (two, 1, 2), (two, 2, 0)]);
    group.ack(one, &id(0));
    assert_eq!(group.source.reached(), None, "only the one who holds it may answer");
}

#[test]
fn an_answer_to_what_nobody_holds_changes_nothing() {
    let mut group = group(of(Strategy::RoundRobin), 1);
    let one = group.join(1);
    group.ack(one, &id(99));
    assert!(group.nack(one, &id(99), Verdict::Park, "").is_empty());
    assert_eq!(delivered(&mut group), [(one, 0, 0)]);
    group.nack(one, &id(0), Verdict::Stop, "");
    assert_eq!(group.counts(), (0, 0, 1));
}
