//! The persistent subscriptions of the node, as the console sees them.

use std::sync::Arc;

use async_trait::async_trait;
use engine_types::StreamName;
use engine_web::groups::{
    GroupConsumer, GroupDefinition, GroupKey, GroupReport, GroupSettings, GroupStart, Groups, GroupsError,
    ParkedMessage,
};
use serde_json::Value;

use crate::{
    core::Core,
    persistent::{
        Definition, GroupError, Info, Key, Settings, Source, Start, Strategy, newest_parked, parked_stream,
    },
};

pub(super) struct NodeGroups(pub(super) Arc<Core>);

/// The key of a group, as the node has it.
fn key(key: &GroupKey) -> Result<Key, GroupsError> {
    let source = if key.source == "$all" {
        Source::All
    } else {
        let stream = StreamName::new(key.source.as_str());
        Source::Stream(
            stream.map_err(|fault| GroupsError::Refused(format!("the name of the stream {fault}")))?,
        )
    };
    Ok(Key { source, group: key.group.clone() })
}

fn refusal(key: &GroupKey) -> impl Fn(GroupError) -> GroupsError {
    move |error| match error {
        GroupError::Exists => GroupsError::Refused(format!(
            "there is a persistent subscription `{key}` already: choose another name"
        )),
        GroupError::Missing => GroupsError::Unknown(key.clone()),
        GroupError::Unusable(fault) => GroupsError::Refused(fault),
        GroupError::Read(error) => GroupsError::Unavailable(error.to_string()),
        GroupError::Write(error) => GroupsError::Unavailable(error.to_string()),
    }
}

fn definition(wanted: GroupDefinition) -> Result<Definition, GroupsError> {
    let strategy = Strategy::named(&wanted.settings.strategy).ok_or_else(|| {
        GroupsError::Refused(format!("there is no way `{}` to hand events out", wanted.settings.strategy))
    })?;
    let start = match wanted.start {
        GroupStart::First => Start::First,
        GroupStart::At(place) => Start::At(place),
        GroupStart::End => Start::End,
    };
    let of = wanted.settings;
    let settings = Settings {
        resolve_links: of.resolve_links,
        extra_statistics: of.extra_statistics,
        message_timeout_ms: of.message_timeout_ms,
        max_retry_count: of.max_retry_count,
        checkpoint_after_ms: of.checkpoint_after_ms,
        min_checkpoint_count: of.min_checkpoint_count,
        max_checkpoint_count: of.max_checkpoint_count,
        max_subscriber_count: of.max_subscriber_count,
        live_buffer_size: of.live_buffer_size,
        read_batch_size: of.read_batch_size,
        history_buffer_size: of.history_buffer_size,
        strategy,
    };
    Ok(Definition { key: key(&wanted.key)?, settings, start, end: None, filter: None })
}

fn report(definition: &Definition, info: Info) -> GroupReport {
    let start = match definition.start {
        Start::First => GroupStart::First,
        Start::At(place) => GroupStart::At(place),
        Start::End => GroupStart::End,
    };
    let key = GroupKey { source: definition.key.source.to_string(), group: definition.key.group.clone() };
    let consumers = info.members.into_iter().map(|(member, delivered, free, held)| GroupConsumer {
        from: member.from,
        user: member.user,
        connection: member.connection,
        delivered,
        free,
        held,
    });
    GroupReport {
        definition: GroupDefinition { key, start, settings: settings(&definition.settings) },
        live: info.live,
        checkpoint: info.checkpoint,
        known: info.known,
        done: info.done,
        waiting: info.waiting,
        again: info.again,
        held: info.held,
        parked: info.parked,
        consumers: consumers.collect(),
    }
}

fn settings(of: &Settings) -> GroupSettings {
    GroupSettings {
        resolve_links: of.resolve_links,
        extra_statistics: of.extra_statistics,
        message_timeout_ms: of.message_timeout_ms,
        max_retry_count: of.max_retry_count,
        checkpoint_after_ms: of.checkpoint_after_ms,
        min_checkpoint_count: of.min_checkpoint_count,
        max_checkpoint_count: of.max_checkpoint_count,
        max_subscriber_count: of.max_subscriber_count,
        live_buffer_size: of.live_buffer_size,
        read_batch_size: of.read_batch_size,
        history_buffer_size: of.history_buffer_size,
        strategy: of.strategy.name().to_owned(),
    }
}

#[async_trait]
impl Groups for NodeGroups {
    fn defaults(&self) -> GroupSettings {
        settings(&Settings::default())
    }

    async fn list(&self) -> Result<Vec<GroupReport>, GroupsError> {
        let none = GroupKey { source: "$all".to_owned(), group: String::new() };
        let handles = self.0.groups.list(&self.0, None).await.map_err(refusal(&none))?;
        let mut reports = Vec::with_capacity(handles.len());
        for handle in handles {
            reports.push(report(&handle.definition, handle.info().await));
        }
        Ok(reports)
    }

    async fn report(&self, group: &GroupKey) -> Result<GroupReport, GroupsError> {
        let handle = self.0.groups.get(&self.0, &key(group)?).await.map_err(refusal(group))?;
        Ok(report(&handle.definition, handle.info().await))
    }

    async fn parked(&self, group: &GroupKey, limit: usize) -> Result<Vec<ParkedMessage>, GroupsError> {
        let key = key(group)?;
        let handle = self.0.groups.get(&self.0, &key).await.map_err(refusal(group))?;
        // Those that are being delivered again stand before the ones that are counted.
        let count = usize::try_from(handle.info().await.parked).unwrap_or(usize::MAX);
        let Some(stream) = parked_stream(&key) else { return Ok(Vec::new()) };
        let parked = newest_parked(&*self.0.store, &stream, count.min(limit)).await;
        let parked = parked.map_err(|error| GroupsError::Unavailable(error.to_string()))?;
        let message = |(link, event): (engine_store::RecordedEvent, _)| {
            let metadata: Value = serde_json::from_slice(&link.metadata).unwrap_or_default();
            let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
            let (reason, added) = (text("reason"), text("added"));
            ParkedMessage { event, link: String::from_utf8_lossy(&link.data).into_owned(), reason, added }
        };
        Ok(parked.into_iter().map(message).collect())
    }

    async fn create(&self, wanted: GroupDefinition) -> Result<(), GroupsError> {
        let group = wanted.key.clone();
        self.0.groups.create(&self.0, definition(wanted)?).await.map_err(refusal(&group))
    }

    async fn update(&self, wanted: GroupDefinition) -> Result<(), GroupsError> {
        let group = wanted.key.clone();
        self.0.groups.update(&self.0, definition(wanted)?).await.map_err(refusal(&group))
    }

    async fn delete(&self, group: &GroupKey) -> Result<(), GroupsError> {
        self.0.groups.delete(&self.0, &key(group)?).await.map_err(refusal(group))
    }

    async fn replay(&self, group: &GroupKey, limit: Option<u64>) -> Result<(), GroupsError> {
        let handle = self.0.groups.get(&self.0, &key(group)?).await.map_err(refusal(group))?;
        handle.replay(limit).await.map_err(|error| GroupsError::Unavailable(error.to_string()))
    }
}
