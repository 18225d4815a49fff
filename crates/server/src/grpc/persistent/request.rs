//! What is asked about groups, checked. Pure.

use prost::Message;
use tonic::Status;

use crate::{
    grpc::{convert::END, convert::name_in, filter::EventFilter},
    limits::Limits,
    persistent::{Definition, Key, Settings, Source, Start, Strategy},
    proto::{
        self, StreamIdentifier,
        persistent_subscriptions::{
            DeleteReq, GetInfoReq, ListReq, ReplayParkedReq, create_req, delete_req, get_info_req, list_req,
            read_req, replay_parked_req,
        },
        stream_start,
    },
};

/// A tick of 100 ns, in milliseconds.
const TICKS_PER_MS: i64 = 10_000;

fn missing(what: &str) -> Status {
    Status::invalid_argument(format!("`{what}` is missing"))
}

fn of_stream(identifier: Option<&StreamIdentifier>, group: String) -> Result<Key, Status> {
    Ok(Key { source: Source::Stream(name_in(identifier)?), group })
}

/// What a group is to be, by `Create` and by `Update`.
pub(super) fn definition(
    options: Option<create_req::Options>,
    limits: &Limits,
) -> Result<Definition, Status> {
    use create_req::options::StreamOption;
    let options = options.ok_or_else(|| missing("options"))?;
    let wanted = options.settings.ok_or_else(|| missing("settings"))?;
    let (key, start, filter) = match options.stream_option {
        Some(StreamOption::Stream(stream)) => {
            let key = of_stream(stream.stream_identifier.as_ref(), options.group_name)?;
            let start = match stream.start.ok_or_else(|| missing("revision_option"))? {
                stream_start::Start::Revision(END) | stream_start::Start::End(_) => Start::End,
                stream_start::Start::Revision(revision) => Start::At(revision),
                stream_start::Start::First(_) => Start::First,
            };
            (key, start, None)
        }
        Some(StreamOption::All(all)) => {
            use create_req::all_options::{FilterOption, Start as From};
            let start = match all.start.ok_or_else(|| missing("all_option"))? {
                From::Position(position) if position.commit_position == END => Start::End,
                From::Position(position) => Start::At(position.commit_position),
                From::First(_) => Start::First,
                From::End(_) => Start::End,
            };
            let filter = match all.filter_option {
                Some(FilterOption::Filter(filter)) => Some(filter),
                Some(FilterOption::NoFilter(_)) | None => None,
            };
            EventFilter::parse(filter.as_ref(), limits)?;
            let filter = filter.map(|filter| filter.encode_to_vec());
            (Key { source: Source::All, group: options.group_name }, start, filter)
        }
        None => {
            let start = if wanted.revision == END { Start::End } else { Start::At(wanted.revision) };
            (of_stream(options.stream_identifier.as_ref(), options.group_name)?, start, None)
        }
    };
    let settings = settings(&wanted)?;
    Ok(Definition { key, settings, start, end: None, filter })
}

fn settings(wanted: &create_req::Settings) -> Result<Settings, Status> {
    use create_req::settings::{CheckpointAfter, MessageTimeout};
    let count = |number: i32| u32::try_from(number).unwrap_or_default();
    let ms = |number: i64| u64::try_from(number).unwrap_or_default();
    let default = Settings::default();
    let strategy = if wanted.consumer_strategy.is_empty() {
        match create_req::ConsumerStrategy::try_from(wanted.named_consumer_strategy) {
            Ok(create_req::ConsumerStrategy::DispatchToSingle) => Strategy::DispatchToSingle,
            Ok(create_req::ConsumerStrategy::RoundRobin) => Strategy::RoundRobin,
            Ok(create_req::ConsumerStrategy::Pinned) => Strategy::Pinned,
            Err(_) => return Err(unknown_strategy(&wanted.named_consumer_strategy.to_string())),
        }
    } else {
        Strategy::named(&wanted.consumer_strategy)
            .ok_or_else(|| unknown_strategy(&wanted.consumer_strategy))?
    };
    Ok(Settings {
        resolve_links: wanted.resolve_links,
        extra_statistics: wanted.extra_statistics,
        message_timeout_ms: match wanted.message_timeout {
            Some(MessageTimeout::MessageTimeoutMs(number)) => ms(number.into()),
            Some(MessageTimeout::MessageTimeoutTicks(ticks)) => ms(ticks / TICKS_PER_MS),
            None => default.message_timeout_ms,
        },
        max_retry_count: count(wanted.max_retry_count),
        checkpoint_after_ms: match wanted.checkpoint_after {
            Some(CheckpointAfter::CheckpointAfterMs(number)) => ms(number.into()),
            Some(CheckpointAfter::CheckpointAfterTicks(ticks)) => ms(ticks / TICKS_PER_MS),
            None => default.checkpoint_after_ms,
        },
        min_checkpoint_count: count(wanted.min_checkpoint_count),
        max_checkpoint_count: count(wanted.max_checkpoint_count),
        max_subscriber_count: count(wanted.max_subscriber_count),
        live_buffer_size: count(wanted.live_buffer_size),
        read_batch_size: count(wanted.read_batch_size),
        history_buffer_size: count(wanted.history_buffer_size),
        strategy,
    })
}

fn unknown_strategy(name: &str) -> Status {
    crate::grpc::status::group_failed("", "", &format!("Consumer strategy {name} does not exist."))
}

pub(super) fn of_delete(request: DeleteReq) -> Result<Key, Status> {
    use delete_req::options::StreamOption;
    let options = request.options.ok_or_else(|| missing("options"))?;
    match options.stream_option.ok_or_else(|| missing("stream_option"))? {
        StreamOption::StreamIdentifier(stream) => of_stream(Some(&stream), options.group_name),
        StreamOption::All(_) => Ok(Key { source: Source::All, group: options.group_name }),
    }
}

pub(super) fn of_info(request: GetInfoReq) -> Result<Key, Status> {
    use get_info_req::options::StreamOption;
    let options = request.options.ok_or_else(|| missing("options"))?;
    match options.stream_option.ok_or_else(|| missing("stream_option"))? {
        StreamOption::StreamIdentifier(stream) => of_stream(Some(&stream), options.group_name),
        StreamOption::All(_) => Ok(Key { source: Source::All, group: options.group_name }),
    }
}

/// Which group, and how many of its parked events.
pub(super) fn of_replay(request: ReplayParkedReq) -> Result<(Key, Option<u64>), Status> {
    use replay_parked_req::options::{StopAtOption, StreamOption};
    let options = request.options.ok_or_else(|| missing("options"))?;
    let key = match options.stream_option.ok_or_else(|| missing("stream_option"))? {
        StreamOption::StreamIdentifier(stream) => of_stream(Some(&stream), options.group_name)?,
        StreamOption::All(_) => Key { source: Source::All, group: options.group_name },
    };
    match options.stop_at_option {
        Some(StopAtOption::StopAt(stop)) => {
            let stop = u64::try_from(stop)
                .map_err(|_| Status::invalid_argument("`stop_at` must not be negative"))?;
            Ok((key, Some(stop)))
        }
        Some(StopAtOption::NoLimit(_)) | None => Ok((key, None)),
    }
}

pub(super) fn of_list(request: ListReq) -> Result<Option<Source>, Status> {
    use list_req::{options::ListOption, stream_option::StreamOption};
    let options = request.options.ok_or_else(|| missing("options"))?;
    match options.list_option.ok_or_else(|| missing("list_option"))? {
        ListOption::ListAllSubscriptions(_) => Ok(None),
        ListOption::ListForStream(of) => match of.stream_option.ok_or_else(|| missing("stream_option"))? {
            StreamOption::Stream(stream) => Ok(Some(Source::Stream(name_in(Some(&stream))?))),
            StreamOption::All(_) => Ok(Some(Source::All)),
        },
    }
}

/// Which group is to be read.
pub(super) fn of_read(options: &read_req::Options) -> Result<Key, Status> {
    use read_req::options::StreamOption;
    match options.stream_option.as_ref().ok_or_else(|| missing("stream_option"))? {
        StreamOption::StreamIdentifier(stream) => of_stream(Some(stream), options.group_name.clone()),
        StreamOption::All(proto::Empty {}) => {
            Ok(Key { source: Source::All, group: options.group_name.clone() })
        }
    }
}
