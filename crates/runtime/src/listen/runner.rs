//! The runner: one task that reads for a handler, hands events to its workers, and keeps its checkpoint.
//!
//! A *session* lasts from a stored checkpoint until the handler is paused, reset, stopped, its share of the work
//! changes, or something below it fails. It owns its workers: none of them outlives it, but one that blocks its
//! thread.

mod orders;
mod session;

use std::{
    collections::BTreeSet,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};

use engine_store::{Clock, EventStore, Filter};
use engine_types::Position;
use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};
use uuid::Uuid;

use super::{
    ErrorPolicy, HANDLING,
    listener::Listener,
    options::HandlerOptions,
    ownership::{Share, Sharing},
    progress::Progress,
    records::{self, checkpoints},
    retry,
    status::{HandlerState, Status},
};
use session::Session;

/// How long a runner waits before it goes on after a failure, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// How many orders about parked sequences wait for a start at most.
const MAX_WAITING: usize = 100;

/// What an operator tells a handler.
#[derive(Debug)]
pub(super) enum Control {
    Pause(oneshot::Sender<Result<(), String>>),
    Resume(oneshot::Sender<Result<(), String>>),
    /// Goes on after this position, or from the beginning.
    Reset(Option<Position>, oneshot::Sender<Result<(), String>>),
    Sequence(retry::Order),
    /// Rests, tells that it does, and goes on when the other side is dropped.
    Rest(oneshot::Sender<()>, oneshot::Receiver<()>),
}

/// Everything that a runner works with.
pub(super) struct Runner<L> {
    pub(super) listener: Arc<L>,
    pub(super) store: Arc<dyn EventStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: Arc<HandlerOptions>,
    pub(super) policy: ErrorPolicy,
    /// The events that the handler hears.
    pub(super) filter: Filter,
    pub(super) progress: Arc<Progress>,
    pub(super) status: watch::Sender<Status>,
    /// Who moves checkpoints here.
    pub(super) owner: Uuid,
    /// The version of the orders that were carried out last.
    pub(super) orders_version: AtomicU64,
}

/// What reaches a runner from outside.
pub(super) struct Outside {
    pub(super) controls: mpsc::Receiver<Control>,
    pub(super) share: Share,
}

/// Why a session ended, or none began.
#[derive(Debug)]
enum End {
    /// Nobody controls the handler any more.
    Closed,
    /// To begin another.
    Again,
    /// An operator has paused the handler.
    Paused,
    /// All partitions are others' work.
    Elsewhere,
    /// The handler stops, before this event.
    Stopped { position: Position, error: String },
    /// Somebody else moves the checkpoint.
    TakenOver(String),
    /// Something below failed.
    Failed(String),
}

impl<L: Listener> Runner<L> {
    /// Runs until nobody controls the handler any more.
    pub(super) async fn run(self, outside: Outside) {
        HANDLING.scope(self.listener.name().to_owned(), self.run_sessions(outside)).await;
    }

    async fn run_sessions(&self, mut outside: Outside) {
        let mut pause = PAUSE.0;
        loop {
            let begun = Instant::now();
            let end = AssertUnwindSafe(self.run_session(&mut outside)).catch_unwind().await;
            outside.share.end();
            let end = end.unwrap_or_else(|panic| {
                End::Failed(format!("the runner panicked: {}", crate::panics::message(&*panic)))
            });
            let limit = match &end {
                End::Closed => break,
                End::Again => continue,
                End::Failed(_) => {
                    pause = if begun.elapsed() > pause { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
                    Some(pause)
                }
                _ => None,
            };
            self.tell_end(end);
            if !self.rest(&mut outside, limit).await {
                break;
            }
        }
        self.set_state(HandlerState::Ended);
    }

    /// Says why nothing is handled at the moment.
    fn tell_end(&self, end: End) {
        let handler = self.listener.name();
        let state = match end {
            End::Closed | End::Again => return,
            End::Paused => HandlerState::Paused,
            End::Elsewhere => HandlerState::Elsewhere,
            End::Stopped { position, error } => {
                tracing::error!(handler, %position, error, "stopped");
                HandlerState::Stopped { position, error }
            }
            End::TakenOver(error) => {
                tracing::error!(handler, error, "somebody else moves the checkpoint");
                HandlerState::TakenOver { error }
            }
            End::Failed(error) => {
                tracing::warn!(handler, error, "will try again");
                HandlerState::Failing { error }
            }
        };
        self.set_state(state);
    }

    async fn run_session(&self, outside: &mut Outside) -> End {
        let mut waiting = Vec::new();
        match self.begin_or_obey(outside, &mut waiting).await {
            Ok(session) => session.run(self, outside, waiting).await,
            Err(end) => {
                for order in waiting {
                    self.obey(Control::Sequence(order)).await;
                }
                end
            }
        }
    }

    /// Begins a session, but does what an operator says first: a start may hang. Orders about parked sequences
    /// wait for the start.
    async fn begin_or_obey(
        &self,
        outside: &mut Outside,
        waiting: &mut Vec<retry::Order>,
    ) -> Result<Session, End> {
        let mut begin = pin!(self.begin(&mut outside.share));
        loop {
            let control = tokio::select! {
                biased;
                control = outside.controls.recv() => control,
                session = &mut begin => return session,
            };
            match control {
                None => return Err(End::Closed),
                Some(Control::Sequence(order)) if waiting.len() < MAX_WAITING => waiting.push(order),
                Some(control) => {
                    self.obey(control).await;
                    return Err(if self.is_paused() { End::Paused } else { End::Again });
                }
            }
        }
    }

    /// Begins a session, unless the handler is paused or the work is others'.
    async fn begin(&self, share: &mut Share) -> Result<Session, End> {
        let name = self.listener.name();
        let granted = share.begin();
        let orders = records::orders(&*self.store, name).await.map_err(failed)?;
        self.orders_version.store(orders.version, Ordering::Relaxed);
        if let Some(reset) = orders.value.reset {
            self.finish_reset(reset.after).await.map_err(End::Failed)?;
        }
        if orders.value.paused {
            self.look_on().await.map_err(End::Failed)?;
            return Err(End::Paused);
        }
        if granted.is_empty() || !share.validity().holds() {
            self.look_on().await.map_err(End::Failed)?;
            return Err(End::Elsewhere);
        }
        self.set_state(HandlerState::CatchingUp);
        self.listener.init().await.map_err(failed)?;
        let session = Session::begin(self, &granted, share).await.map_err(End::Failed)?;
        self.listener.started().await.map_err(failed)?;
        Ok(session)
    }

    /// Learns how far the handler has come although nothing is handled here.
    async fn look_on(&self) -> Result<(), String> {
        let name = self.listener.name();
        if self.listener.keeps_own() {
            let own = self.listener.own_checkpoint().await.map_err(text)?;
            self.progress.begin(&[own.position], &BTreeSet::from([0]));
        } else {
            let known = checkpoints::look(&*self.store, name, self.options.partitions).await.map_err(text)?;
            let positions: Vec<_> = known.iter().map(|checkpoint| checkpoint.value.position).collect();
            self.progress.begin(&positions, &BTreeSet::new());
        }
        let parked_keys = records::parked(&*self.store, &self.listener.records()).await.map_err(text)?.len();
        self.status.send_modify(|status| status.parked_keys = parked_keys);
        Ok(())
    }

    /// Waits, while no session runs, until the handler is to go on, for this long at most. Says whether it is.
    async fn rest(&self, outside: &mut Outside, limit: Option<Duration>) -> bool {
        let until = limit.map(|limit| Instant::now() + limit);
        let mut look = look(outside.share.sharing);
        loop {
            let is_elsewhere = matches!(self.status.borrow().state, HandlerState::Elsewhere);
            let control = tokio::select! {
                biased;
                control = outside.controls.recv() => control,
                () = outside.share.granted(), if is_elsewhere => return true,
                () = sleep_until(until) => return true,
                () = self.other_orders(&mut look) => return true,
            };
            let Some(control) = control else { return false };
            if self.obey(control).await {
                return true;
            }
        }
    }

    /// Waits until an operator has said something to another process. Cancel-safe.
    async fn other_orders(&self, look: &mut Option<Interval>) {
        let Some(look) = look else { return std::future::pending().await };
        loop {
            look.tick().await;
            if let Ok(orders) = records::orders(&*self.store, self.listener.name()).await
                && orders.version != self.orders_version.load(Ordering::Relaxed)
            {
                return;
            }
        }
    }

    pub(super) fn set_state(&self, state: HandlerState) {
        self.status.send_modify(|status| status.state = state);
    }

    fn is_paused(&self) -> bool {
        matches!(self.status.borrow().state, HandlerState::Paused)
    }
}

/// When to look whether something was said to another process.
fn look(sharing: Option<Sharing>) -> Option<Interval> {
    let every = sharing?.look_every;
    let mut look = interval_at(Instant::now() + every, every);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(look)
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn failed(error: impl std::fmt::Display) -> End {
    End::Failed(error.to_string())
}
