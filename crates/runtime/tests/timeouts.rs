//! Commands that take longer than they may.

use std::time::Duration;

use engine_runtime::{RuntimeOptions, SendError, SendOptions};
use engine_types::Revision;

use crate::support::{
    account::{self, Account},
    bus_on, bus_with, command_id,
    faulty::{Call, Fault, FaultyStore, Gate},
};

#[tokio::test(start_paused = true)]
async fn a_command_that_takes_too_long_is_told_so_with_what_to_do() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    store.next(Call::Append, [Fault::Held(Gate::closed())]);
    let began = tokio::time::Instant::now();
    let sent = bus.send_command(account::create("a")).command_id(command_id(1));
    let error = sent.timeout(Duration::from_millis(70)).await.unwrap_err();
    assert_eq!(error.kind(), "timeout");
    assert_eq!(
        error.to_string(),
        format!(
            "no answer within 70 ms; the command may still take effect: send it again with the same command \
             id, {}",
            command_id(1)
        )
    );
    assert_eq!(began.elapsed(), Duration::from_millis(70));
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_that_of_the_options_where_a_command_has_none() {
    let store = FaultyStore::new();
    let options = RuntimeOptions { command_timeout: Duration::from_millis(30), ..Default::default() };
    let bus = bus_with(&store, options).await;
    store.next(Call::Read, [Fault::Held(Gate::closed())]);
    let began = tokio::time::Instant::now();
    bus.send_command(account::create("a")).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_millis(30));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_given_up_may_take_effect_and_the_next_one_sees_it() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.next(Call::Append, [Fault::Late(Duration::from_secs(10))]);
    let error = bus.send_command(account::deposit("a", 5)).await.unwrap_err();
    let SendError::Timeout { command_id, .. } = error else { panic!("{error}") };
    tokio::time::sleep(Duration::from_secs(10)).await;

    let receipt = bus.send_command(account::withdraw("a", 5)).await.unwrap();
    assert_eq!(receipt.events, [account::MoneyWithdrawn { amount: 5 }]);
    let again = bus.send_command(account::deposit("a", 5)).command_id(command_id).await.unwrap();
    assert!(again.duplicate, "the error names the id, whoever made it");
    assert_eq!(again.revision.revision(), Some(Revision(1)));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_given_up_and_sent_again_before_it_was_written_takes_effect_once() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.next(Call::Append, [Fault::Late(Duration::from_secs(6))]);
    let send = || bus.send_command(account::deposit("a", 5)).command_id(command_id(1));
    send().await.unwrap_err();
    assert!(!send().await.unwrap().duplicate);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!((state.state.balance, state.revision), (5, Revision(1)));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_others_counts_and_does_not_stop_them() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.next(Call::Append, [Fault::Late(Duration::from_secs(4))]);
    let task_bus = bus.clone();
    let first = tokio::spawn(async move { task_bus.send_command(account::deposit("a", 5)).await });
    tokio::task::yield_now().await;
    let second = bus.send_command(account::deposit("a", 5)).timeout(Duration::from_secs(1)).await;
    assert_eq!(second.unwrap_err().kind(), "timeout");
    first.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_that_takes_too_long_is_told_so() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    store.next(Call::Read, [Fault::Held(Gate::closed())]);
    let options = SendOptions { timeout: Some(Duration::from_millis(5)), ..SendOptions::default() };
    let error = bus.dry_run(&account::create("a"), options).await.unwrap_err();
    assert_eq!(error.kind(), "timeout");
}
