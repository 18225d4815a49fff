//! The other nodes: who lives, and who is dead.

use engine_store::{AppendError, EventStore};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Beat, Keeping, NODES, Node};
use crate::listen::records::{self, Versioned};

/// After how many leases the document of a dead node is removed.
const KEPT: u32 = 10;

/// Whether there are other nodes that nobody has found dead. A store that does not answer is asked again later.
pub(super) async fn any(store: &dyn EventStore) -> bool {
    let Ok(keys) = records::all_documents(store, NODES).await else { return true };
    for key in keys {
        match records::load::<Beat>(store, &key).await {
            Ok(beat) if beat.value.is_dead => {}
            _ => return true,
        }
    }
    false
}

impl Keeping {
    /// Looks who lives; declares dead who has not moved for a whole lease.
    pub(super) async fn look_around(&mut self, node: &Node) -> Result<(), AppendError> {
        let mut living = std::collections::BTreeSet::from([self.id]);
        let mut others = std::collections::BTreeMap::new();
        for key in records::all_documents(&*node.store, NODES).await? {
            let Some(id) = key.as_str().strip_prefix(NODES).and_then(|id| Uuid::parse_str(id).ok()) else {
                continue;
            };
            if id == self.id {
                continue;
            }
            let there: Versioned<Beat> = records::load(&*node.store, &key).await?;
            let now = Instant::now();
            let since = match self.others.get(&id) {
                Some((version, since)) if *version == there.version => *since,
                _ => now,
            };
            let unchanged = now - since;
            let mut version = there.version;
            if there.value.is_dead {
                if unchanged >= node.lease * KEPT {
                    node.store.delete_document(&key).await?;
                }
            } else if there.version > 0 && unchanged < node.lease {
                living.insert(id);
            } else if there.version > 0 {
                let dead = Beat { is_dead: true, ..there.value };
                match records::replace(&*node.store, &key, &dead, there.version).await {
                    Ok(declared) => version = declared,
                    // It moved at the last moment, or another was first.
                    Err(AppendError::DocumentConflict { .. }) => {
                        living.insert(id);
                    }
                    Err(error) => return Err(error),
                }
            }
            others.insert(id, (version, since));
        }
        self.living = living;
        self.others = others;
        Ok(())
    }
}
