//! `GET /api/streams/{stream}` and `GET /api/all`: events, page by page.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use engine_store::{Direction, Filter, ReadAll, ReadFrom, ReadStream, filter::Choice};
use engine_types::{Position, Revision, StreamName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, ReadProblems, wire::Event};
use crate::{Web, access::Caller};

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Way {
    /// The oldest first.
    #[default]
    Forwards,
    /// The newest first.
    Backwards,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Forwards => Direction::Forwards,
            Way::Backwards => Direction::Backwards,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Place {
    /// Where to begin, and which event to include: a revision in a stream, a position among all events. By default
    /// the oldest, or read backwards the newest.
    from: Option<u64>,
    /// `forwards` (default) or `backwards`.
    #[serde(default)]
    #[param(inline)]
    direction: Way,
    /// At most this many; 100 by default, 1,000 at most.
    #[param(minimum = 1)]
    limit: Option<usize>,
}

impl Place {
    fn start<P>(&self, place: fn(u64) -> P) -> ReadFrom<P> {
        match (self.from, self.direction) {
            (Some(from), _) => ReadFrom::At(place(from)),
            (None, Way::Forwards) => ReadFrom::Start,
            (None, Way::Backwards) => ReadFrom::End,
        }
    }
}

/// Which of all events.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub(super) struct Which {
    /// Only events of this stream.
    stream: Option<String>,
    /// Only events of streams of this category.
    category: Option<String>,
    /// Only events of streams whose names begin with this.
    prefix: Option<String>,
    /// Only events of this type.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Whether to show the system's own events too.
    #[serde(default)]
    system: bool,
}

impl Which {
    /// The same choice for a store.
    pub(super) fn filter(self) -> Filter {
        Filter::new(Choice {
            streams: self.stream.into_iter().collect(),
            categories: self.category.into_iter().collect(),
            stream_prefixes: self.prefix.into_iter().collect(),
            event_types: self.event_type.into_iter().collect(),
            system: self.system,
            ..Choice::default()
        })
    }
}

/// One page of the events of a stream.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamEvents {
    /// The stream.
    stream: String,
    /// The events.
    events: Vec<Event>,
    /// What to give as `from` for the next page; null at the end of the stream in this direction.
    next: Option<u64>,
    /// The revision of the newest event of the stream.
    last_revision: u64,
}

/// One page of all events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllEvents {
    /// The events. May be none although there are more: only so many are looked at for a page.
    events: Vec<Event>,
    /// What to give as `from` for the next page. Forwards it is there at the end too: new events stand there or behind
    /// it. Backwards it is null behind the oldest event.
    next: Option<u64>,
    /// Whether there was nothing more in this direction.
    end: bool,
}

/// The events of a stream.
#[utoipa::path(
    get, path = "/api/streams/{stream}", tag = "events",
    params(("stream" = String, Path, description = "The name of the stream, such as `account-jsdf`."), Place),
    responses((status = 200, description = "One page of events.", body = StreamEvents), ReadProblems),
)]
pub(super) async fn of_stream(
    caller: Caller,
    State(web): State<Web>,
    Path(stream): Path<String>,
    Query(place): Query<Place>,
) -> Result<Json<StreamEvents>, Problem> {
    let stream = StreamName::new(stream)?;
    let request = ReadStream {
        stream: stream.clone(),
        from: place.start(Revision),
        direction: place.direction.into(),
        limit: web.page(place.limit)?,
    };
    let page = web.store().read_stream(request).await?;
    let sees = caller.sees_payloads(&web);
    Ok(Json(StreamEvents {
        stream: stream.to_string(),
        events: page.events.iter().map(|event| Event::of(event, sees)).collect(),
        next: page.next.map(|next| next.0),
        last_revision: page.last.0,
    }))
}

/// All events, in the order in which they were stored.
#[utoipa::path(
    get, path = "/api/all", tag = "events", params(Place, Which),
    responses((status = 200, description = "One page of events.", body = AllEvents), ReadProblems),
)]
pub(super) async fn all(
    caller: Caller,
    State(web): State<Web>,
    Query(place): Query<Place>,
    Query(which): Query<Which>,
) -> Result<Json<AllEvents>, Problem> {
    let request = ReadAll {
        from: place.start(Position),
        direction: place.direction.into(),
        limit: web.page(place.limit)?,
        filter: which.filter(),
    };
    let page = web.store().read_all(request).await?;
    let sees = caller.sees_payloads(&web);
    Ok(Json(AllEvents {
        events: page.events.iter().map(|event| Event::of(event, sees)).collect(),
        next: page.next.map(|next| next.0),
        end: page.end,
    }))
}
