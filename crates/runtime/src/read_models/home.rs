//! Where the generations of one projection live: finding the one to go on with, beginning another, tidying up.
//!
//! There is no pointer to the generation that is shown: it is the newest that is *ready*, which each generation
//! says of itself in the same transaction as its rows. So a crash at any moment leaves one answer.

use std::{fmt, sync::Arc};

use engine_store::{
    AppendError, EventStore, ReadError,
    rows::{GenerationId, RowError, RowStore, RowStores, RowsState},
};
use engine_types::Position;

use super::{
    Projection,
    generation::{Basis, Batch, Generation},
    memory::MemoryRows,
    snapshot::Snapshots,
    stored::StoredRows,
};
use crate::listen::records;

/// How often it is looked for the generation that another process shows, before it is said that there is none.
const LOOKS: usize = 10;

/// Where read models are kept.
#[derive(Clone, Default)]
pub enum ReadModels {
    /// In the memory of this process; saved to the store now and then, if the store lasts.
    #[default]
    Memory,
    /// In a database.
    Stored(Arc<dyn RowStores>),
}

impl ReadModels {
    /// As one word.
    pub fn kind(&self) -> &'static str {
        match self {
            ReadModels::Memory => "memory",
            ReadModels::Stored(_) => "database",
        }
    }
}

impl fmt::Debug for ReadModels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind())
    }
}

impl ReadModels {
    /// Whether several processes share the rows.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, ReadModels::Stored(stores) if stores.is_shared())
    }
}

/// The place of one projection's generations.
pub(super) struct Home {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) place: ReadModels,
    snapshots: Snapshots,
}

impl Home {
    pub(super) fn new(store: Arc<dyn EventStore>, place: ReadModels) -> Self {
        let snapshots = Snapshots::new(store.clone());
        Home { store, place, snapshots }
    }

    /// The generation to go on with: the newest that is ready, or else the newest that was begun, or an empty one.
    ///
    /// What has seen more events than there are, or is damaged, is removed: it can be built anew.
    pub(super) async fn find<P: Projection>(&self) -> Result<Generation<P::Row>, RowError> {
        match &self.place {
            ReadModels::Memory => self.find_saved::<P>().await,
            ReadModels::Stored(stores) => self.find_stored::<P>(stores).await,
        }
    }

    async fn find_saved<P: Projection>(&self) -> Result<Generation<P::Row>, RowError> {
        let (number, kept) = self.snapshots.load(P::NAME, P::VERSION).await?;
        let head = self.store.head().await.map_err(unreachable_store)?;
        let is_ahead = kept.position > head;
        let (number, kept) =
            if is_ahead { (number + 1, super::memory::Kept::default()) } else { (number, kept) };
        Ok(Generation::Memory(MemoryRows::new(number, P::rank, kept)))
    }

    async fn find_stored<P: Projection>(
        &self,
        stores: &Arc<dyn RowStores>,
    ) -> Result<Generation<P::Row>, RowError> {
        let (looked_for, shown) = (stores.clone(), stores.clone());
        let found = blocking(move || found::<P>(&*looked_for)).await?;
        // Read after them: whoever shares them may have counted what was stored a moment ago.
        let head = self.store.head().await.map_err(unreachable_store)?;
        blocking(move || choose::<P>(&*shown, found, head)).await
    }

    /// The generation that is shown now, after another process has shown it in the place of the one that was shown here.
    pub(super) async fn find_shown<P: Projection>(&self) -> Result<Generation<P::Row>, RowError> {
        let ReadModels::Stored(stores) = &self.place else { return self.find::<P>().await };
        let stores = stores.clone();
        blocking(move || {
            // One may be shown in the place of another while they are gone through.
            for _ in 0..LOOKS {
                if let Some(shown) = shown::<P>(&*stores)? {
                    return Ok(shown);
                }
            }
            Err(RowError::unavailable(format!(
                "another process has removed its rows, and shows none of version {}: where it is of another version, \
                 start this one again when it is of that version, too",
                P::VERSION
            )))
        })
        .await
    }

    /// An empty generation: with this number in memory, and with one that none has in a database.
    pub(super) async fn begin<P: Projection>(&self, number: u64) -> Result<Generation<P::Row>, RowError> {
        match &self.place {
            ReadModels::Memory => {
                Ok(Generation::Memory(MemoryRows::new(number, P::rank, super::memory::Kept::default())))
            }
            ReadModels::Stored(stores) => {
                let (stores, is_shared) = (stores.clone(), stores.is_shared());
                let (id, rows) = blocking(move || stores.begin(P::NAME, P::VERSION)).await?;
                Ok(Generation::Stored(StoredRows::new(id.number, P::rank, rows, is_shared)))
            }
        }
    }

    /// Stores that a generation may be shown from now on, and makes it last.
    pub(super) async fn make_ready<P: Projection>(
        &self,
        generation: &Arc<Generation<P::Row>>,
    ) -> Result<(), RowError> {
        commit(generation, Batch { ready: true, durable: true, ..Batch::default() }).await?;
        self.save::<P>(generation).await
    }

    /// Makes everything that a generation has counted last through a power cut.
    pub(super) async fn secure<P: Projection>(
        &self,
        generation: &Arc<Generation<P::Row>>,
    ) -> Result<(), RowError> {
        if generation.may_wait() {
            commit(generation, Batch { durable: true, ..Batch::default() }).await
        } else {
            self.save::<P>(generation).await
        }
    }

    /// Saves rows that are in memory to a store that lasts.
    pub(super) async fn save<P: Projection>(&self, generation: &Generation<P::Row>) -> Result<(), RowError> {
        match generation {
            Generation::Memory(rows) => self.snapshots.save(P::NAME, P::VERSION, rows).await,
            Generation::Stored(_) => Ok(()),
        }
    }

    /// Removes everything but one generation, and what other processes may be building to take its place.
    pub(super) async fn tidy<P: Projection>(&self, keep: u64) -> Result<(), RowError> {
        let is_shared = self.place.is_shared();
        let is_over = move |number: u64| if is_shared { number < keep } else { number != keep };
        if let ReadModels::Stored(stores) = &self.place {
            let stores = stores.clone();
            blocking(move || {
                let mut others = stores.generations(P::NAME)?.into_iter().filter(|id| is_over(id.number));
                others.try_for_each(|id| stores.remove(P::NAME, id))
            })
            .await?;
        }
        self.forget_parked::<P>(is_over).await
    }

    /// Removes one generation.
    pub(super) async fn remove<P: Projection>(&self, number: u64) -> Result<(), RowError> {
        if let ReadModels::Stored(stores) = &self.place {
            let (stores, id) = (stores.clone(), GenerationId { version: P::VERSION, number });
            blocking(move || stores.remove(P::NAME, id)).await?;
        }
        self.forget_parked::<P>(|other| other == number).await
    }

    /// Forgets what was counted late where nothing is parked any more and the position has passed it.
    pub(super) async fn forget_late<P: Projection>(
        &self,
        generation: &Arc<Generation<P::Row>>,
    ) -> Result<(), RowError> {
        // There it is forgotten when a sequence is taken back.
        if self.place.is_shared() {
            return Ok(());
        }
        let (Basis { position, .. }, late) = on_generation(generation, Generation::counted).await?;
        if late.is_empty() {
            return Ok(());
        }
        let recorded = records::of_generation(P::NAME, generation.number());
        let parked = records::parked(&*self.store, &recorded).await.map_err(unreachable_store)?;
        let is_over = |(key, last): &(String, _)| {
            Some(*last) <= position && parked.iter().all(|sequence| sequence.key != *key)
        };
        let forget: Vec<_> = late.into_iter().filter(is_over).map(|(key, _)| key).collect();
        if forget.is_empty() {
            Ok(())
        } else {
            commit(generation, Batch { forget, ..Batch::default() }).await
        }
    }

    async fn forget_parked<P: Projection>(&self, concerns: impl Fn(u64) -> bool) -> Result<(), RowError> {
        let recorded =
            records::parked_of_generations(&*self.store, P::NAME).await.map_err(unreachable_store)?;
        for (number, key) in recorded {
            if concerns(number) {
                self.store.delete_document(&key).await.map_err(unwritable_store)?;
            }
        }
        Ok(())
    }
}

/// A generation and what is known of it.
type Opened = (Arc<dyn RowStore>, RowsState);

/// The generations that there are.
struct Found {
    /// The newest number of all.
    newest: u64,
    /// Those of this version, the newest first, each with what is known of it.
    own: Vec<(GenerationId, Result<Opened, RowError>)>,
}

fn found<P: Projection>(stores: &dyn RowStores) -> Result<Found, RowError> {
    let mut all = stores.generations(P::NAME)?;
    all.sort_by_key(|generation| std::cmp::Reverse(generation.number));
    let newest = all.first().map_or(0, |generation| generation.number);
    let open = |id: GenerationId| {
        let opened = stores.open(P::NAME, id).and_then(|rows| rows.state().map(|state| (rows, state)));
        (id, opened)
    };
    let own = all.into_iter().filter(|id| id.version == P::VERSION).map(open).collect();
    Ok(Found { newest, own })
}

/// The newest that is ready. One that cannot be reached may be that: then nothing is said of older ones.
fn shown<P: Projection>(stores: &dyn RowStores) -> Result<Option<Generation<P::Row>>, RowError> {
    for (id, opened) in found::<P>(stores)?.own {
        match opened {
            Ok((rows, state)) if state.ready => {
                let rows = StoredRows::new(id.number, P::rank, rows, stores.is_shared());
                return Ok(Some(Generation::Stored(rows)));
            }
            Ok(_) | Err(RowError::Outdated | RowError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The one to go on with. What has seen more events than there are, or is damaged, is removed.
fn choose<P: Projection>(
    stores: &dyn RowStores,
    Found { newest, own }: Found,
    head: Option<Position>,
) -> Result<Generation<P::Row>, RowError> {
    let is_shared = stores.is_shared();
    let mut begun: Option<(GenerationId, Arc<dyn RowStore>)> = None;
    for (id, opened) in own {
        match opened {
            Ok((_, state)) if state.position > head => stores.remove(P::NAME, id)?,
            Ok((rows, state)) if state.ready => {
                return Ok(Generation::Stored(StoredRows::new(id.number, P::rank, rows, is_shared)));
            }
            Ok((rows, _)) => begun = begun.or(Some((id, rows))),
            // Another was shown in its place, and then removed.
            Err(RowError::Outdated) => stores.remove(P::NAME, id)?,
            Err(RowError::Damaged(fault)) => {
                tracing::warn!(projection = P::NAME, generation = %id, %fault, "damaged, and removed");
                stores.remove(P::NAME, id)?;
            }
            Err(error) => return Err(error),
        }
    }
    let (id, rows) = match begun {
        Some(begun) => begun,
        // Others may begin it at the same moment, and then share it.
        None if is_shared => {
            let id = GenerationId { version: P::VERSION, number: newest + 1 };
            (id, stores.open(P::NAME, id)?)
        }
        None => begin_stored::<P>(stores, newest + 1)?,
    };
    Ok(Generation::Stored(StoredRows::new(id.number, P::rank, rows, is_shared)))
}

fn begin_stored<P: Projection>(
    stores: &dyn RowStores,
    number: u64,
) -> Result<(GenerationId, Arc<dyn RowStore>), RowError> {
    let id = GenerationId { version: P::VERSION, number };
    stores.remove(P::NAME, id)?;
    Ok((id, stores.open(P::NAME, id)?))
}

/// Stores a batch, off this thread where that may wait.
pub(super) async fn commit<R: super::Row>(
    generation: &Arc<Generation<R>>,
    batch: Batch<R>,
) -> Result<(), RowError> {
    on_generation(generation, move |generation| generation.commit(batch)).await
}

/// Works on a generation, off this thread where that may wait.
pub(super) async fn on_generation<R: super::Row, T: Send + 'static>(
    generation: &Arc<Generation<R>>,
    work: impl FnOnce(&Generation<R>) -> Result<T, RowError> + Send + 'static,
) -> Result<T, RowError> {
    if generation.may_wait() {
        let generation = generation.clone();
        blocking(move || work(&generation)).await
    } else {
        work(generation)
    }
}

/// Runs on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RowError> + Send + 'static,
) -> Result<T, RowError> {
    tokio::task::spawn_blocking(work).await.map_err(RowError::unavailable)?
}

pub(super) fn unreachable_store(error: ReadError) -> RowError {
    RowError::unavailable(error)
}

pub(super) fn unwritable_store(error: AppendError) -> RowError {
    RowError::unavailable(error)
}
