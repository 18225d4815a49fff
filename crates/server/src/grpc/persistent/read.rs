//! A consumer of a group: events go one way, answers the other.

use std::sync::Arc;

use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use tonic::{Request, Status, Streaming};

use super::{refusal, reply, request};
use crate::{
    auth::{self, Action, Caller},
    core::Core,
    grpc::{
        convert::{IdForm, id_in},
        status,
    },
    persistent::{Delivery, Ended, GroupError, JoinError, Joined, Key, Member, Source, Verdict},
    proto::persistent_subscriptions::{
        ReadReq, ReadResp,
        read_req::{self, Content, nack::Action as NackAction},
    },
};

/// Joins a group for as long as the call lasts.
pub(super) async fn read(
    core: Arc<Core>,
    caller: Caller,
    request: Request<Streaming<ReadReq>>,
) -> Result<impl Stream<Item = Result<ReadResp, Status>> + Send + 'static, Status> {
    let header =
        |name: &str| request.metadata().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let connection = header("connection-name").unwrap_or_default();
    let mut messages = request.into_inner();
    let Some(Content::Options(options)) = messages.message().await?.and_then(|message| message.content)
    else {
        return Err(Status::invalid_argument("the first message to a group must be its options"));
    };
    let key = request::of_read(&options)?;
    match &key.source {
        Source::Stream(stream) => auth::check(&*core.store, &caller, stream, Action::Read).await?,
        Source::All => auth::check_all(&*core.store, &caller).await?,
    }
    let ids = IdForm::of(options.uuid_option.as_ref()).unwrap_or(IdForm::Structured);
    let group = core.groups.get(&core, &key).await.map_err(|error| refusal(&key, error))?;
    let member = member(&options, &caller, connection);
    let joined = group.join(member).await.map_err(|error| match error {
        JoinError::Full => status::group_full(&key.source.to_string(), &key.group),
        JoinError::Gone => refusal(&key, GroupError::Missing),
    })?;
    let Joined { id, deliveries } = joined;
    let resolve_links = group.definition.settings.resolve_links;
    tokio::spawn(async move {
        // The call ends when the client ends it, or is gone.
        while let Ok(Some(message)) = messages.message().await {
            match message.content {
                Some(Content::Ack(ack)) => group.ack(id, known(&ack.ids)).await,
                Some(Content::Nack(nack)) => {
                    let verdict = verdict(nack.action());
                    group.nack(id, known(&nack.ids), verdict, nack.reason).await;
                }
                Some(Content::Options(_)) | None => {}
            }
        }
        group.leave(id).await;
    });
    let to = Consumer { core, caller, key, resolve_links, ids, deliveries: Some(deliveries), begun: false };
    Ok(stream::unfold(to, |mut to| async move { to.next().await.map(|message| (message, to)) }))
}

fn member(options: &read_req::Options, caller: &Caller, connection: String) -> Member {
    Member {
        from: String::new(),
        user: caller.name().unwrap_or_default().to_owned(),
        connection,
        room: usize::try_from(options.buffer_size).unwrap_or_default().max(1),
    }
}

fn known(ids: &[crate::proto::Uuid]) -> Vec<uuid::Uuid> {
    ids.iter().filter_map(|id| id_in(Some(id)).ok()).collect()
}

fn verdict(action: NackAction) -> Verdict {
    match action {
        NackAction::Unknown | NackAction::Retry => Verdict::Retry,
        NackAction::Park => Verdict::Park,
        NackAction::Skip => Verdict::Skip,
        NackAction::Stop => Verdict::Stop,
    }
}

struct Consumer {
    core: Arc<Core>,
    caller: Caller,
    key: Key,
    resolve_links: bool,
    ids: IdForm,
    /// Absent when the end was told.
    deliveries: Option<mpsc::UnboundedReceiver<Result<Delivery, Ended>>>,
    begun: bool,
}

impl Consumer {
    async fn next(&mut self) -> Option<Result<ReadResp, Status>> {
        if !self.begun {
            self.begun = true;
            return Some(Ok(reply::confirmation(self.key.to_string())));
        }
        let delivery = self.deliveries.as_mut()?.recv().await.unwrap_or(Err(Ended::Stopping));
        let message = match delivery {
            Ok(delivery) => {
                reply::event(&self.core, &self.caller, delivery, self.resolve_links, self.ids).await
            }
            Err(ended) => Err(self.end(ended)),
        };
        if message.is_err() {
            self.deliveries = None;
        }
        Some(message)
    }

    fn end(&self, ended: Ended) -> Status {
        let (stream, group) = (self.key.source.to_string(), &self.key.group);
        match ended {
            Ended::Dropped => status::group_dropped(&stream, group),
            Ended::Deleted => status::group_missing(&stream, group),
            Ended::StreamDeleted(stream) => status::stream_deleted(&stream),
            Ended::Stopping => status::stopping(),
        }
    }
}
