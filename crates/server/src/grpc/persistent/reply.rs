//! What is answered about groups. Pure, but for the links that are followed.

use tonic::Status;

use crate::{
    auth::Caller,
    core::Core,
    grpc::{
        convert::{IdForm, recorded},
        links::{self, Resolved},
    },
    persistent::{Definition, Delivery, Info, Source, Start},
    proto::persistent_subscriptions::{
        ReadResp, SubscriptionInfo,
        read_resp::{Content, ReadEvent, SubscriptionConfirmation, read_event},
        subscription_info::ConnectionInfo,
    },
};

pub(super) fn confirmation(subscription_id: String) -> ReadResp {
    ReadResp {
        content: Some(Content::SubscriptionConfirmation(SubscriptionConfirmation { subscription_id })),
    }
}

/// An event, and what it links to where links are wanted resolved.
pub(super) async fn event(
    core: &Core,
    caller: &Caller,
    delivery: Delivery,
    resolve_links: bool,
    ids: IdForm,
) -> Result<ReadResp, Status> {
    let resolved = if resolve_links {
        links::resolve(&*core.store, caller, delivery.event).await?
    } else {
        Resolved::Plain(delivery.event)
    };
    let (position, event, link) = match resolved {
        Resolved::Plain(event) => (event.position, Some(event), None),
        Resolved::Link { link, target } => (link.position, target, Some(link)),
    };
    let event = ReadEvent {
        event: event.map(|event| recorded(event, ids)),
        link: link.map(|link| recorded(link, ids)),
        position: Some(read_event::Position::CommitPosition(position.0)),
        count: Some(read_event::Count::RetryCount(number(delivery.retries))),
    };
    Ok(ReadResp { content: Some(Content::Event(event)) })
}

/// A number that clients know as a signed one.
fn number(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

fn long(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

pub(super) fn info(definition: &Definition, info: Info) -> SubscriptionInfo {
    let settings = &definition.settings;
    let place = |place: Option<u64>| match (place, &definition.key.source) {
        (None, _) => String::new(),
        (Some(place), Source::Stream(_)) => place.to_string(),
        (Some(place), Source::All) => format!("C:{place}/P:{place}"),
    };
    let start_from = match (definition.start, &definition.key.source) {
        (Start::First, Source::Stream(_)) => "0".to_owned(),
        (Start::End, Source::Stream(_)) => "-1".to_owned(),
        (Start::First, Source::All) => "C:0/P:0".to_owned(),
        (Start::End, Source::All) => "C:-1/P:-1".to_owned(),
        (Start::At(at), _) => place(Some(at)),
    };
    let connection =
        |(member, total, free, held): (crate::persistent::Member, u64, usize, usize)| ConnectionInfo {
            from: member.from,
            username: member.user,
            total_items: long(total),
            available_slots: number(free),
            in_flight_messages: number(held),
            connection_name: member.connection,
            ..ConnectionInfo::default()
        };
    SubscriptionInfo {
        event_source: definition.key.source.to_string(),
        group_name: definition.key.group.clone(),
        status: if info.live { "Live" } else { "Behind" }.to_owned(),
        total_items: long(info.done),
        last_checkpointed_event_position: place(info.checkpoint),
        last_known_event_position: place(info.known),
        resolve_link_tos: settings.resolve_links,
        start_from,
        message_timeout_milliseconds: number(settings.message_timeout_ms),
        extra_statistics: settings.extra_statistics,
        max_retry_count: number(settings.max_retry_count),
        live_buffer_size: number(settings.live_buffer_size),
        buffer_size: number(settings.history_buffer_size),
        read_batch_size: number(settings.read_batch_size),
        check_point_after_milliseconds: number(settings.checkpoint_after_ms),
        min_check_point_count: number(settings.min_checkpoint_count),
        max_check_point_count: number(settings.max_checkpoint_count),
        read_buffer_count: if info.live { 0 } else { number(info.waiting) },
        live_buffer_count: if info.live { long(info.waiting) } else { 0 },
        retry_buffer_count: number(info.again),
        total_in_flight_messages: number(info.held),
        outstanding_messages_count: number(info.held),
        named_consumer_strategy: settings.strategy.name().to_owned(),
        max_subscriber_count: number(settings.max_subscriber_count),
        parked_message_count: long(info.parked),
        connections: info.members.into_iter().map(connection).collect(),
        ..SubscriptionInfo::default()
    }
}
