//! The watcher: finds out that other nodes have appended, so that subscriptions read on.
//!
//! It is told by the server while it listens, and looks by itself now and then, whether or not it is told: a connection
//! that is lost makes subscriptions later, never silent.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use engine_types::Position;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_postgres::AsyncMessage;

use crate::{catalog, error::Trouble, shared::Shared};

/// The longest pause before it is listened again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Watches for as long as it is not aborted.
pub(crate) async fn watch(shared: Arc<Shared>) {
    if shared.options.listen {
        tokio::join!(listen_on(&shared), look(&shared));
    } else {
        look(&shared).await;
    }
}

/// Looks now and then where the events end, if anybody wants to know.
async fn look(shared: &Shared) {
    let mut tick = interval(shared.options.look_every.max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if shared.is_closed() {
            return;
        }
        if shared.end.receiver_count() > 0
            && let Err(trouble) = catalog::head(shared).await
        {
            tracing::debug!(?trouble, "it could not be looked for new events");
        }
    }
}

async fn listen_on(shared: &Shared) {
    let mut pause = Duration::from_millis(100);
    while !shared.is_closed() {
        let begun = Instant::now();
        if let Err(trouble) = listen(shared).await {
            tracing::debug!(?trouble, "nothing is listened to for now");
        }
        pause = if begun.elapsed() > LONGEST_PAUSE { Duration::from_millis(100) } else { pause * 2 };
        pause = pause.min(LONGEST_PAUSE);
        sleep(pause).await;
    }
}

/// Listens until the connection ends.
async fn listen(shared: &Shared) -> Result<(), Trouble> {
    let (client, mut connection) = shared.pool.connector().connect().await?;
    let statement = format!("LISTEN {}", shared.schema().channel());
    let mut listening = pin!(async move {
        client.batch_execute(&statement).await?;
        // The connection ends with the client.
        std::future::pending::<Result<(), tokio_postgres::Error>>().await
    });
    loop {
        let message = tokio::select! {
            message = poll_fn(|context| connection.poll_message(context)) => message,
            failed = &mut listening => return Ok(failed?),
        };
        match message {
            Some(Ok(AsyncMessage::Notification(told))) => {
                if let Ok(last) = told.payload().parse() {
                    shared.seen(Position(last).next());
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => return Ok(()),
        }
    }
}
