//! What an operator says to a handler while none of its events are at hand.

use std::sync::atomic::Ordering;

use engine_types::Position;

use super::{Control, Runner, text};
use crate::listen::{
    handlers::nothing_at,
    listener::Listener,
    records::{self, Orders, Reset, checkpoints},
    status::HandlerState,
};

impl<L: Listener> Runner<L> {
    /// Does what it is told while no session runs, and tells the state before it answers. Says whether the
    /// handler is to go on.
    pub(super) async fn obey(&self, control: Control) -> bool {
        match control {
            Control::Pause(done) => {
                let paused = self.order(|orders| orders.paused = true).await;
                if paused.is_ok() {
                    self.set_state(HandlerState::Paused);
                }
                let _ = done.send(paused);
                false
            }
            Control::Resume(done) => {
                let resumed = self.order(|orders| orders.paused = false).await;
                let go_on = resumed.is_ok();
                if go_on && self.status.borrow().state.is_at_rest() {
                    self.set_state(HandlerState::CatchingUp);
                }
                let _ = done.send(resumed);
                go_on
            }
            Control::Reset(after, done) => {
                let (outcome, has_begun) = self.reset(after).await;
                let _ = done.send(outcome);
                has_begun
            }
            Control::Rest(rests, done) => {
                let _ = rests.send(());
                let _ = done.await;
                let go_on = !self.is_paused();
                if !go_on && let Err(fault) = self.look_on().await {
                    tracing::warn!(handler = self.listener.name(), fault, "how far it is now cannot be read");
                }
                go_on
            }
            Control::Sequence(order) => {
                let _ = order.done.send(Err("the handler does not run: resume it first".to_owned()));
                false
            }
        }
    }

    /// Notes in the store what an operator says.
    async fn order(&self, change: impl Fn(&mut Orders) + Send) -> Result<(), String> {
        let version =
            records::change_orders(&*self.store, self.listener.name(), change).await.map_err(text)?;
        self.orders_version.store(version, Ordering::Relaxed);
        Ok(())
    }

    /// Resets the handler; says how that ended, and whether it has begun. What has begun is finished before
    /// anything else is handled, now or after a restart.
    async fn reset(&self, after: Option<Position>) -> (Result<(), String>, bool) {
        let head = match self.store.head().await {
            Ok(head) => head,
            Err(error) => return (Err(text(error)), false),
        };
        if let Some(position) = after.filter(|after| head < Some(*after)) {
            return (Err(nothing_at(position)), false);
        }
        if let Err(fault) = self.order(|orders| orders.reset = Some(Reset { after })).await {
            return (Err(fault), false);
        }
        if let Err(error) = self.listener.before_reset().await {
            let withdrawn = self.order(|orders| orders.reset = None).await;
            return (Err(text(error)), withdrawn.is_err());
        }
        let finished = self.replace_checkpoints(after).await;
        (finished.map_err(|fault| format!("{fault}; the reset goes on by itself")), true)
    }

    /// Goes on with a reset that has begun before.
    pub(super) async fn finish_reset(&self, after: Option<Position>) -> Result<(), String> {
        self.listener.before_reset().await.map_err(text)?;
        self.replace_checkpoints(after).await
    }

    async fn replace_checkpoints(&self, after: Option<Position>) -> Result<(), String> {
        let (store, name, partitions) = (&*self.store, self.listener.name(), self.options.partitions);
        checkpoints::reset(store, name, partitions, after).await.map_err(text)?;
        records::forget_parked(store, &self.listener.records()).await.map_err(text)?;
        self.progress.begin(&vec![after; partitions], &std::collections::BTreeSet::new());
        self.status.send_modify(|status| status.parked_keys = 0);
        self.order(|orders| orders.reset = None).await
    }
}
