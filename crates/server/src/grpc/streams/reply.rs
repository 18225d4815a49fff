//! The messages that `Read` answers with.

use engine_store::{Clock, EventStore, RecordedEvent, SystemClock};
use engine_types::{Position, Revision, StreamName};
use tonic::Status;

use crate::{
    auth::Caller,
    grpc::{
        convert::{IdForm, name_out, position_out, recorded, time_out},
        links::{self, Resolved},
    },
    proto::streams::{
        ReadResp,
        read_resp::{
            Checkpoint, Content, Place, ReadEvent, StreamNotFound, SubscriptionConfirmation, read_event,
        },
    },
};

fn reply(content: Content) -> ReadResp {
    ReadResp { content: Some(content) }
}

/// How events are wanted, and by whom.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) resolve_links: bool,
    pub(super) ids: IdForm,
    pub(super) caller: Caller,
}

/// An event, and the event that it links to where links are wanted resolved.
pub(super) async fn event(
    store: &dyn EventStore,
    event: RecordedEvent,
    form: &Form,
) -> Result<ReadResp, Status> {
    let ids = form.ids;
    let resolved = if form.resolve_links {
        links::resolve(store, &form.caller, event).await?
    } else {
        Resolved::Plain(event)
    };
    let (position, event, link) = match resolved {
        Resolved::Plain(event) => (event.position, Some(event), None),
        Resolved::Link { link, target } => (link.position, target, Some(link)),
    };
    Ok(reply(Content::Event(ReadEvent {
        event: event.map(|event| recorded(event, ids)),
        link: link.map(|link| recorded(link, ids)),
        position: Some(read_event::Position::CommitPosition(position.0)),
    })))
}

pub(super) fn confirmation(subscription_id: String) -> ReadResp {
    reply(Content::Confirmation(SubscriptionConfirmation { subscription_id }))
}

pub(super) fn checkpoint(position: Position) -> ReadResp {
    reply(Content::Checkpoint(Checkpoint {
        commit_position: position.0,
        prepare_position: position.0,
        timestamp: Some(time_out(SystemClock.now())),
    }))
}

pub(super) fn not_found(stream: &StreamName) -> ReadResp {
    reply(Content::StreamNotFound(StreamNotFound { stream_identifier: Some(name_out(stream)) }))
}

pub(super) fn first_revision(revision: Revision) -> ReadResp {
    reply(Content::FirstStreamPosition(revision.0))
}

pub(super) fn last_revision(revision: Revision) -> ReadResp {
    reply(Content::LastStreamPosition(revision.0))
}

pub(super) fn caught_up(revision: Option<Revision>, position: Option<Position>) -> ReadResp {
    reply(Content::CaughtUp(place(revision, position)))
}

pub(super) fn fell_behind(revision: Option<Revision>, position: Option<Position>) -> ReadResp {
    reply(Content::FellBehind(place(revision, position)))
}

fn place(revision: Option<Revision>, position: Option<Position>) -> Place {
    Place {
        timestamp: Some(time_out(SystemClock.now())),
        stream_revision: revision.map(|revision| revision.0.cast_signed()),
        position: position.map(position_out),
    }
}
