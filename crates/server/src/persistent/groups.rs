//! All groups of a node: made, changed, removed, found.

use std::{collections::BTreeMap, sync::Arc};

use engine_store::{AppendError, DocumentKey, ExpectedVersion, ReadError};
use tokio::sync::Mutex;

use super::{
    Definition, Key, Source, Start,
    handle::{Ended, Handle},
    runner::checkpoint_key,
};
use crate::core::Core;

/// Where the definitions of groups are kept.
const DEFINITIONS: &str = "$persistent/group/";

/// How many definitions are listed at once.
const PAGE: usize = 256;

/// Why something cannot be done with a group.
#[derive(Debug)]
pub(crate) enum GroupError {
    Exists,
    Missing,
    /// The settings, or the names, cannot be used.
    Unusable(String),
    Read(ReadError),
    Write(AppendError),
}

impl From<ReadError> for GroupError {
    fn from(error: ReadError) -> Self {
        GroupError::Read(error)
    }
}

impl From<AppendError> for GroupError {
    fn from(error: AppendError) -> Self {
        GroupError::Write(error)
    }
}

/// The groups that are at work. Those of the store are started when groups are first asked for.
#[derive(Debug, Default)]
pub(crate) struct Groups(Mutex<Option<BTreeMap<Key, Handle>>>);

type Running<'a> = tokio::sync::MappedMutexGuard<'a, BTreeMap<Key, Handle>>;

impl Groups {
    async fn running(&self, core: &Arc<Core>) -> Result<Running<'_>, GroupError> {
        let mut groups = self.0.lock().await;
        if groups.is_none() {
            let handles = load(core).await?.into_iter();
            let started = handles.map(|found| (found.key.clone(), Handle::start(core.clone(), found)));
            *groups = Some(started.collect());
        }
        Ok(tokio::sync::MutexGuard::map(groups, |groups| groups.get_or_insert_default()))
    }

    pub(crate) async fn create(
        &self,
        core: &Arc<Core>,
        mut definition: Definition,
    ) -> Result<(), GroupError> {
        check(&definition)?;
        let mut groups = self.running(core).await?;
        if groups.contains_key(&definition.key) {
            return Err(GroupError::Exists);
        }
        settle_end(core, &mut definition).await?;
        keep(core, &definition).await?;
        groups.insert(definition.key.clone(), Handle::start(core.clone(), definition));
        Ok(())
    }

    /// Changes a group: its consumers are dropped, and it goes on where it was, or, where the start is another, there.
    pub(crate) async fn update(
        &self,
        core: &Arc<Core>,
        mut definition: Definition,
    ) -> Result<(), GroupError> {
        let mut groups = self.running(core).await?;
        let handle = groups.get(&definition.key).ok_or(GroupError::Missing)?.clone();
        let before = &handle.definition;
        definition.filter.clone_from(&before.filter);
        check(&definition)?;
        let moved = definition.start != before.start;
        if moved {
            settle_end(core, &mut definition).await?;
        } else {
            definition.end = before.end;
        }
        handle.end(Ended::Dropped).await;
        if moved {
            core.store.delete_document(&checkpoint_key(&definition.key)?).await?;
        }
        keep(core, &definition).await?;
        groups.insert(definition.key.clone(), Handle::start(core.clone(), definition));
        Ok(())
    }

    pub(crate) async fn delete(&self, core: &Arc<Core>, key: &Key) -> Result<(), GroupError> {
        let mut groups = self.running(core).await?;
        let handle = groups.get(key).ok_or(GroupError::Missing)?.clone();
        core.store.delete_document(&definition_key(key)?).await?;
        handle.end(Ended::Deleted).await;
        core.store.delete_document(&checkpoint_key(key)?).await?;
        groups.remove(key);
        Ok(())
    }

    pub(crate) async fn get(&self, core: &Arc<Core>, key: &Key) -> Result<Handle, GroupError> {
        self.running(core).await?.get(key).cloned().ok_or(GroupError::Missing)
    }

    /// All groups, or those of one source.
    pub(crate) async fn list(
        &self,
        core: &Arc<Core>,
        of: Option<&Source>,
    ) -> Result<Vec<Handle>, GroupError> {
        let groups = self.running(core).await?;
        let wanted =
            groups.values().filter(|group| of.is_none_or(|source| group.definition.key.source == *source));
        Ok(wanted.cloned().collect())
    }

    /// Ends all groups, when they have kept their places.
    pub(crate) async fn end(&self) {
        for handle in self.0.lock().await.take().unwrap_or_default().values() {
            handle.end(Ended::Stopping).await;
        }
    }

    /// Starts all groups anew; their consumers are dropped.
    pub(crate) async fn restart(&self, core: &Arc<Core>) -> Result<(), GroupError> {
        let mut groups = self.running(core).await?;
        for handle in groups.values_mut() {
            handle.end(Ended::Dropped).await;
            *handle = Handle::start(core.clone(), (*handle.definition).clone());
        }
        Ok(())
    }
}

fn check(definition: &Definition) -> Result<(), GroupError> {
    match definition.settings.fault() {
        Some(fault) => Err(GroupError::Unusable(fault.to_owned())),
        None => definition_key(&definition.key).map(drop),
    }
}

fn definition_key(key: &Key) -> Result<DocumentKey, GroupError> {
    DocumentKey::new(format!("{DEFINITIONS}{key}")).map_err(|fault| GroupError::Unusable(fault.to_string()))
}

/// Where the end is now, for a group that begins there.
async fn settle_end(core: &Core, definition: &mut Definition) -> Result<(), GroupError> {
    definition.end = match (&definition.start, &definition.key.source) {
        (Start::End, Source::All) => core.store.head().await?.map(|position| position.0),
        (Start::End, Source::Stream(stream)) => {
            core.store.current_revision(stream).await?.revision().map(|revision| revision.0)
        }
        _ => None,
    };
    Ok(())
}

async fn keep(core: &Core, definition: &Definition) -> Result<(), GroupError> {
    let content = serde_json::to_vec(definition).map_err(|fault| GroupError::Unusable(fault.to_string()))?;
    let key = definition_key(&definition.key)?;
    core.store.save_document(&key, ExpectedVersion::Any, content.into()).await?;
    Ok(())
}

async fn load(core: &Core) -> Result<Vec<Definition>, GroupError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let keys = core.store.documents(DEFINITIONS, after.as_ref(), PAGE).await?;
        for key in &keys {
            let Some(document) = core.store.load_document(key).await? else { continue };
            match serde_json::from_slice(&document.content) {
                Ok(definition) => found.push(definition),
                Err(error) => tracing::error!(%key, %error, "a group cannot be read, and is left as it is"),
            }
        }
        match keys.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(found),
        }
    }
}
