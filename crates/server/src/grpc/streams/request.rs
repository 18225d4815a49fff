//! What `Read` is asked for, checked: a page of a stream or of all, or a subscription. Pure.

use engine_store::{Direction, ReadFrom, SubscribeFrom};
use engine_types::{Position, Revision, StreamName};
use tonic::Status;

use crate::{
    grpc::convert::{END, IdForm, name_in},
    grpc::filter::{EventFilter, Window},
    limits::Limits,
    proto::{
        self,
        streams::{ReadReq, read_req},
    },
};

/// A request of `Read`.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) what: What,
    pub(super) resolve_links: bool,
    pub(super) ids: IdForm,
}

/// Which events.
#[derive(Debug)]
pub(super) enum What {
    Stream {
        stream: StreamName,
        from: ReadFrom<Revision>,
        direction: Direction,
        count: u64,
        /// Whether the client wants to be told where the stream begins and ends.
        tell_ends: bool,
    },
    All {
        /// Absent where nothing can be there: before the first event.
        from: Option<ReadFrom<Position>>,
        direction: Direction,
        count: u64,
        filter: EventFilter,
    },
    SubscribeStream {
        stream: StreamName,
        from: SubscribeFrom<Revision>,
    },
    SubscribeAll {
        from: SubscribeFrom<Position>,
        filter: EventFilter,
        /// Present where the subscription is filtered: then checkpoints are due.
        window: Option<Window>,
    },
}

impl Reading {
    pub(super) fn parse(request: ReadReq, limits: &Limits) -> Result<Self, Status> {
        use read_req::options::{CountOption, FilterOption, StreamOption};
        let options = request.options.ok_or_else(|| missing("options"))?;
        let ids = IdForm::of(options.uuid_option.as_ref()).ok_or_else(|| missing("uuid_option"))?;
        let direction = match options.read_direction {
            0 => Direction::Forwards,
            1 => Direction::Backwards,
            other => return Err(Status::invalid_argument(format!("`{other}` is no read direction"))),
        };
        let filter = match options.filter_option.ok_or_else(|| missing("filter_option"))? {
            FilterOption::Filter(filter) => Some(filter),
            FilterOption::NoFilter(_) => None,
        };
        let count = match options.count_option.ok_or_else(|| missing("count_option"))? {
            CountOption::Count(count) => Some(count),
            CountOption::Subscription(_) if direction == Direction::Backwards => {
                return Err(Status::invalid_argument("a subscription goes forwards only"));
            }
            CountOption::Subscription(_) => None,
        };
        let tell_ends = options.control_option.is_some_and(|control| control.compatibility >= 1);
        let what = match options.stream_option.ok_or_else(|| missing("stream_option"))? {
            StreamOption::Stream(_) if filter.is_some() => {
                return Err(Status::invalid_argument("a single stream is read without a filter"));
            }
            StreamOption::Stream(start) => of_stream(&start, direction, count, tell_ends)?,
            StreamOption::All(start) => of_all(start, direction, count, filter.as_ref(), limits)?,
        };
        Ok(Reading { what, resolve_links: options.resolve_links, ids })
    }
}

fn of_stream(
    start: &proto::StreamStart,
    direction: Direction,
    count: Option<u64>,
    tell_ends: bool,
) -> Result<What, Status> {
    use proto::stream_start::Start;
    let stream = name_in(start.stream_identifier.as_ref())?;
    let start = start.start.ok_or_else(|| missing("revision_option"))?;
    let Some(count) = count else {
        let from = match start {
            Start::First(_) => SubscribeFrom::Start,
            Start::Revision(END) | Start::End(_) => SubscribeFrom::End,
            Start::Revision(revision) => SubscribeFrom::After(Revision(revision)),
        };
        return Ok(What::SubscribeStream { stream, from });
    };
    let from = match start {
        Start::First(_) => ReadFrom::Start,
        Start::Revision(END) | Start::End(_) => ReadFrom::End,
        Start::Revision(revision) => ReadFrom::At(Revision(revision)),
    };
    Ok(What::Stream { stream, from, direction, count, tell_ends })
}

fn of_all(
    start: read_req::AllStart,
    direction: Direction,
    count: Option<u64>,
    filter: Option<&proto::FilterOptions>,
    limits: &Limits,
) -> Result<What, Status> {
    use read_req::all_start::Start;
    let start = start.start.ok_or_else(|| missing("all_option"))?;
    let window = filter.map(Window::parse).transpose()?;
    let filter = EventFilter::parse(filter, limits)?;
    let Some(count) = count else {
        let from = match start {
            Start::First(_) => SubscribeFrom::Start,
            Start::End(_) => SubscribeFrom::End,
            Start::Position(position) if position.commit_position == END => SubscribeFrom::End,
            Start::Position(position) => SubscribeFrom::After(Position(position.commit_position)),
        };
        return Ok(What::SubscribeAll { from, filter, window });
    };
    let from = match start {
        Start::First(_) => Some(ReadFrom::Start).filter(|_| direction == Direction::Forwards),
        Start::End(_) => Some(ReadFrom::End),
        Start::Position(position) if position.commit_position == END => Some(ReadFrom::End),
        Start::Position(position) => match direction {
            Direction::Forwards => Some(ReadFrom::At(Position(position.commit_position))),
            // Backwards, the event at the position is not meant.
            Direction::Backwards => Position(position.commit_position).previous().map(ReadFrom::At),
        },
    };
    Ok(What::All { from, direction, count, filter })
}

fn missing(what: &str) -> Status {
    Status::invalid_argument(format!("`{what}` is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Empty;

    fn request(direction: i32, all: bool, count: read_req::options::CountOption) -> ReadReq {
        use read_req::options::{FilterOption, StreamOption};
        let stream = proto::StreamStart {
            stream_identifier: Some(proto::StreamIdentifier { stream_name: "account-1".into() }),
            start: Some(proto::stream_start::Start::Revision(3)),
        };
        let position = proto::Position { commit_position: 3, prepare_position: 3 };
        let start = read_req::AllStart { start: Some(read_req::all_start::Start::Position(position)) };
        ReadReq {
            options: Some(read_req::Options {
                stream_option: Some(if all {
                    StreamOption::All(start)
                } else {
                    StreamOption::Stream(stream)
                }),
                read_direction: direction,
                resolve_links: false,
                count_option: Some(count),
                filter_option: Some(FilterOption::NoFilter(Empty {})),
                uuid_option: Some(proto::UuidOption {
                    content: Some(proto::uuid_option::Content::String(Empty {})),
                }),
                control_option: None,
            }),
        }
    }

    fn parse(request: ReadReq) -> Result<What, Status> {
        Reading::parse(request, &Limits::default()).map(|reading| reading.what)
    }

    const COUNT: read_req::options::CountOption = read_req::options::CountOption::Count(7);
    const SUBSCRIPTION: read_req::options::CountOption =
        read_req::options::CountOption::Subscription(Empty {});

    #[test]
    fn a_revision_is_included_by_reads_and_excluded_by_subscriptions() {
        let read = parse(request(0, false, COUNT)).unwrap();
        assert!(matches!(read, What::Stream { from: ReadFrom::At(Revision(3)), count: 7, .. }));
        let subscribed = parse(request(0, false, SUBSCRIPTION)).unwrap();
        assert!(matches!(subscribed, What::SubscribeStream { from: SubscribeFrom::After(Revision(3)), .. }));
    }

    #[test]
    fn backwards_the_event_at_a_position_is_excluded() {
        let read = parse(request(1, true, COUNT)).unwrap();
        assert!(matches!(read, What::All { from: Some(ReadFrom::At(Position(2))), .. }));
    }

    #[test]
    fn subscriptions_backwards_and_unknown_directions_are_refused() {
        for bad in [request(1, false, SUBSCRIPTION), request(2, false, COUNT)] {
            assert_eq!(parse(bad).unwrap_err().code(), tonic::Code::InvalidArgument);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut without = request(0, true, COUNT);
        without.options.as_mut().unwrap().uuid_option = None;
        assert!(parse(without).unwrap_err().message().contains("uuid_option"));
        assert!(parse(ReadReq { options: None }).unwrap_err().message().contains("options"));
    }
}
