//! The runner: one task that reads for a handler, hands events to its workers, and keeps its checkpoint.
//!
//! A *session* lasts from a stored checkpoint until the handler is paused, reset, stopped, or something below it
//! fails. It owns its workers: none of them outlives it.

mod session;

use std::{sync::Arc, time::Duration};

use engine_store::{Clock, EventStore, Filter};
use engine_types::Position;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    ErrorPolicy,
    listener::Listener,
    options::HandlerOptions,
    progress::Progress,
    records::{self, Orders},
    retry,
    status::{HandlerState, Status},
};
use session::{End, Session};

/// How long a runner waits before it goes on after the store has failed, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// What an operator tells a handler.
#[derive(Debug)]
pub(super) enum Control {
    Pause(oneshot::Sender<Result<(), String>>),
    Resume(oneshot::Sender<Result<(), String>>),
    /// Goes on after this position, or from the beginning.
    Reset(Option<Position>, oneshot::Sender<Result<(), String>>),
    Sequence(retry::Order),
}

/// Everything that a runner works with.
pub(super) struct Runner<L> {
    pub(super) listener: Arc<L>,
    pub(super) store: Arc<dyn EventStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: Arc<HandlerOptions>,
    pub(super) policy: ErrorPolicy,
    pub(super) progress: Arc<Progress>,
    pub(super) status: watch::Sender<Status>,
    pub(super) controls: mpsc::Receiver<Control>,
}

impl<L: Listener> Runner<L> {
    /// Runs until nobody controls the handler any more.
    pub(super) async fn run(mut self) {
        let mut pause = PAUSE.0;
        loop {
            let end = match self.begin().await {
                Ok(Some(session)) => {
                    pause = PAUSE.0;
                    session.run(&mut self).await
                }
                Ok(None) => End::Paused,
                Err(fault) => End::Failed(fault),
            };
            let go_on = match end {
                End::Closed => return,
                End::Again => true,
                End::Paused => {
                    self.set_state(HandlerState::Paused);
                    self.wait_for_control().await
                }
                End::Stopped { position, error } => {
                    tracing::error!(handler = self.listener.name(), %position, error, "stopped");
                    self.set_state(HandlerState::Stopped { position, error });
                    self.wait_for_control().await
                }
                End::Failed(fault) => {
                    tracing::warn!(handler = self.listener.name(), fault, "will try again");
                    self.set_state(HandlerState::Failing { error: fault });
                    let waited = pause;
                    pause = (pause * 2).min(PAUSE.1);
                    self.wait_or_control(waited).await
                }
            };
            if !go_on {
                return;
            }
        }
    }

    /// Begins a session, unless the handler is paused.
    async fn begin(&mut self) -> Result<Option<Session>, String> {
        let orders = records::orders_key(self.listener.name()).map_err(text)?;
        let orders: Orders = records::load(&*self.store, &orders).await.map_err(text)?.value;
        if orders.paused {
            return Ok(None);
        }
        self.set_state(HandlerState::CatchingUp);
        self.listener.init().await.map_err(text)?;
        Session::begin(self).await.map(Some)
    }

    /// Waits, while no session runs, for a control that makes the handler go on. Says whether there is one.
    async fn wait_for_control(&mut self) -> bool {
        while let Some(control) = self.controls.recv().await {
            if self.obey(control).await {
                return true;
            }
        }
        false
    }

    async fn wait_or_control(&mut self, pause: Duration) -> bool {
        tokio::time::timeout(pause, self.wait_for_control()).await.unwrap_or(true)
    }

    /// Does what it is told while no session runs. Says whether the handler is to go on.
    async fn obey(&self, control: Control) -> bool {
        match control {
            Control::Pause(done) => {
                let _ = done.send(self.order(true).await);
                false
            }
            Control::Resume(done) => {
                let resumed = self.order(false).await;
                let go_on = resumed.is_ok();
                let _ = done.send(resumed);
                go_on
            }
            Control::Reset(position, done) => {
                let paused = matches!(self.status.borrow().state, HandlerState::Paused);
                let _ = done.send(self.reset(position).await);
                !paused
            }
            Control::Sequence(order) => {
                let _ = order.done.send(Err("the handler does not run: resume it first".to_owned()));
                false
            }
        }
    }

    async fn order(&self, paused: bool) -> Result<(), String> {
        let key = records::orders_key(self.listener.name()).map_err(text)?;
        records::save(&*self.store, &key, &Orders { paused }, None).await.map(drop).map_err(text)
    }

    async fn reset(&self, position: Option<Position>) -> Result<(), String> {
        let name = self.listener.name();
        self.listener.before_reset().await.map_err(text)?;
        for sequence in records::parked(&*self.store, name).await.map_err(text)? {
            let key = records::parked_key(name, &sequence.key).map_err(text)?;
            self.store.delete_document(&key).await.map_err(text)?;
        }
        records::reset_checkpoints(&*self.store, name, self.options.partitions, position).await.map_err(text)
    }

    /// The events that the handler hears.
    fn filter(&self) -> Filter {
        self.options.filter.clone().unwrap_or_else(|| self.listener.filter())
    }

    pub(super) fn set_state(&self, state: HandlerState) {
        self.status.send_modify(|status| status.state = state);
    }
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
