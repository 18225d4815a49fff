//! A process that was given up for dead: it can move no checkpoint any more, stops, and says so.

use engine_runtime::listen::HandlerOptions;

use super::kit::{self, Probe};
use crate::support::faulty::FaultyStore;

#[tokio::test(start_paused = true)]
async fn the_former_owner_stops_and_says_so_until_it_is_resumed() {
    let (store, old, new) = (FaultyStore::new(), Probe::new(), Probe::new());
    let other = FaultyStore::over(store.healthy().clone());
    let options = HandlerOptions { partitions: 2, ..HandlerOptions::default() };
    let former = kit::start(&store, &old, options.clone()).await;
    let last = kit::append(&store, "a", [1]).await;
    kit::wait(&former, last).await;

    let latter = kit::start(&other, &new, options).await;
    kit::until("a live handler", async || kit::state(&latter).await == "live").await;
    let last = kit::append(&store, "a", [2]).await;
    kit::until("a fence", async || kit::state(&former).await == "taken_over").await;
    kit::wait(&latter, last).await;
    let refused = former.handlers().wait_for("probe", engine_types::Position(100), kit::LONG).await;
    assert!(refused.unwrap_err().to_string().contains("another process has taken it over"));
    assert_eq!(kit::state(&latter).await, "live", "the new owner does not notice");

    former.handlers().resume("probe").await.unwrap();
    let last = kit::append(&store, "a", [3]).await;
    kit::until("the other fence", async || kit::state(&latter).await == "taken_over").await;
    kit::wait(&former, last).await;
}
