//! Persistent subscriptions: groups of consumers that share the events of a stream, or of all, whose place the node
//! keeps.
//!
//! `group` is pure: what arrives, who holds what, what is delivered to whom. `runner` is the one task of a group that
//! does what `group` decides. A group and how far it has come are documents of the store, so that a group that
//! follows all streams is not kept busy by its own checkpoints. Parked events are links in the stream
//! `$persistentsubscription-SOURCE::GROUP-parked`, as clients expect.

mod group;
mod groups;
mod handle;
mod ledger;
mod parked;
mod runner;
mod settings;
mod strategy;

pub(crate) use group::Verdict;
pub(crate) use groups::{GroupError, Groups};
pub(crate) use handle::{Delivery, Ended, Info, JoinError, Joined, Member};
pub(crate) use parked::{newest as newest_parked, stream as parked_stream};
pub(crate) use settings::{Definition, Key, Settings, Source, Start, Strategy};
