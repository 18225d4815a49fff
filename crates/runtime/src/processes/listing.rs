//! Listing the instances of a process manager, page by page.

use std::{collections::BTreeMap, sync::Arc};

use engine_store::StreamQuery;
use engine_types::StreamName;
use futures_util::future::try_join_all;

use super::{InstanceState, InstancesPage, Processes, ProcessesError, Summary, registered::AnyManager};

/// How many instances a page looks at where few of them are in the state that is asked for: this many, or 20 for each
/// that it may hold.
const LOOKED_AT: usize = 1_000;

/// How many instances are looked at at the same time.
const AT_ONCE: usize = 16;

/// How many names of instances are read at a time at most.
const NAMES: usize = 1_000;

impl Processes {
    /// The instances of a process manager, by id, a page of at most `limit` at a time, after this id; those in this
    /// state, where one is named: `running`, `ended`, `parked`, or a state of its machine.
    ///
    /// One event is read for each instance, however long its history. Where few are in the state that is asked for, a
    /// page may end before it is full, so that none takes for ever: the last is the one without `next`.
    ///
    /// # Errors
    /// An unknown name, and the failures of the store.
    pub async fn list(
        &self,
        name: &str,
        state: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<InstancesPage, ProcessesError> {
        let (manager, limit) = (self.find(name)?, limit.max(1));
        let parked = self.parked(name).await?;
        let mut page = InstancesPage { instances: Vec::new(), next: None };
        let mut left = LOOKED_AT.max(limit.saturating_mul(20));
        let mut last = match after {
            Some(id) => Some(StreamName::of_instance(name, id).map_err(ProcessesError::id)?),
            None => None,
        };
        let mut unlisted = never_begun_behind(&parked, after).into_iter().peekable();
        loop {
            let query = StreamQuery {
                prefix: format!("{name}-"),
                category: Some(name.to_owned()),
                after: last.clone(),
                limit: limit.clamp(AT_ONCE, NAMES),
            };
            let streams = self.store.streams(query).await?;
            let ids: Vec<_> = streams.streams.iter().filter_map(|info| info.stream.id()).collect();
            for ids in ids.chunks(AT_ONCE) {
                for (id, summary) in ids.iter().zip(look_at(manager, ids).await?) {
                    while let Some(summary) = unlisted.next_if(|summary| summary.id.as_str() <= *id) {
                        if summary.id != *id && page.take(summary, state, limit) {
                            return Ok(page);
                        }
                    }
                    let Some(mut summary) = summary else { continue };
                    note_parked(&mut summary, parked.get(*id));
                    if page.take(summary, state, limit) {
                        return Ok(page);
                    }
                    left -= 1;
                    if left == 0 {
                        page.next = Some((*id).to_owned());
                        return Ok(page);
                    }
                }
            }
            last = streams.streams.last().map(|info| info.stream.clone()).or(last);
            if !streams.more {
                break;
            }
        }
        for summary in unlisted {
            if page.take(summary, state, limit) {
                return Ok(page);
            }
        }
        Ok(page)
    }

    /// Why instances are parked, by id.
    pub(super) async fn parked(&self, name: &str) -> Result<BTreeMap<String, String>, ProcessesError> {
        let parked = self.handlers.parked(name).await?;
        Ok(parked.into_iter().map(|sequence| (sequence.key, sequence.error)).collect())
    }
}

/// What is known in short of these instances; each for itself none where it has no entries.
async fn look_at(
    manager: &Arc<dyn AnyManager>,
    ids: &[&str],
) -> Result<Vec<Option<Summary>>, ProcessesError> {
    // In a list first: an iterator with a closure would keep this from being awaited by a task that may move.
    let mut looks = Vec::with_capacity(ids.len());
    for id in ids {
        looks.push(manager.summary(id));
    }
    try_join_all(looks).await
}

/// Instances behind an id that are parked, perhaps at their first event.
fn never_begun_behind(parked: &BTreeMap<String, String>, after: Option<&str>) -> Vec<Summary> {
    let is_behind = |id: &str| after.is_none_or(|after| id > after);
    let behind = parked.iter().filter(|(id, _)| is_behind(id));
    behind.map(|(id, error)| never_begun(id, error)).collect()
}

pub(super) fn note_parked(summary: &mut Summary, error: Option<&String>) {
    if let Some(error) = error {
        summary.state = InstanceState::Parked;
        summary.error = Some(error.clone());
    }
}

/// An instance that is parked at its first event, so that nothing is stored of it yet.
pub(super) fn never_begun(id: &str, error: &str) -> Summary {
    Summary {
        id: id.to_owned(),
        state: InstanceState::Parked,
        stage: None,
        revision: None,
        timers: 0,
        error: Some(error.to_owned()),
    }
}
