//! Timers: never early, once, over restarts.

use std::time::Duration;

use engine_runtime::{App, timers::TimersError};
use engine_store::{Clock, Timestamp};
use engine_types::process_manager::Timer;

use super::kit::{Act, CloseBook, Desk, Said, Write, later, write};
use crate::support::events_of;

fn line(book: &str, line: &str) -> Write {
    Write { id: book.into(), line: line.into() }
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_sent_when_it_is_due_and_not_before() {
    let desk = Desk::new().await;
    desk.tell("a", [later("t", 60, "x", "due")]).await;
    desk.wait(59).await;
    assert_eq!(desk.lines("x").await, [""; 0]);
    assert_eq!(desk.clerk("a").await.waiting[0].name, "t");
    desk.wait(2).await;
    assert_eq!(desk.lines("x").await, ["due"]);
    let (told, written) =
        (events_of(&desk.memory, "office-1").await, events_of(&desk.memory, "book-x").await);
    let waited = written[0].created.since(told[0].created);
    assert!((Duration::from_secs(60)..Duration::from_millis(61_100)).contains(&waited), "{waited:?}");
    assert_eq!(desk.entries("a").await, ["$ProcessHandled", "$ProcessTimer", "$ProcessHandled"]);
    assert_eq!(desk.bus.timers().list(None, 10).await.unwrap().timers.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_the_same_name_replaces_the_one_before_and_one_may_be_cancelled() {
    let desk = Desk::new().await;
    desk.tell("a", [later("t", 10, "x", "first"), later("u", 10, "x", "cancelled")]).await;
    desk.tell("a", [later("t", 20, "x", "second"), Act::Forget { name: "u".into() }]).await;
    desk.settle().await;
    assert_eq!(desk.bus.timers().list(None, 10).await.unwrap().timers.len(), 1);
    desk.wait(15).await;
    assert_eq!(desk.lines("x").await, [""; 0]);
    desk.wait(10).await;
    assert_eq!(desk.lines("x").await, ["second"]);
}

#[tokio::test(start_paused = true)]
async fn the_timers_of_an_instance_end_with_it() {
    let desk = Desk::new().await;
    desk.tell("a", [later("t", 10, "x", "never")]).await;
    desk.say(Said::Dismiss { clerk: "a".into() }).await;
    desk.settle().await;
    assert_eq!(desk.bus.timers().list(None, 10).await.unwrap().timers.len(), 0);
    desk.wait(20).await;
    assert_eq!(desk.lines("x").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_came_due_while_nothing_ran_is_sent_late_or_skipped_as_it_was_set() {
    let desk = Desk::new().await;
    let in_time = |book: &str| Act::WriteInTime {
        name: book.into(),
        after_ms: 10_000,
        book: book.into(),
        line: "in time".into(),
    };
    desk.tell("a", [later("t", 10, "x", "late"), in_time("y")]).await;
    desk.settle().await;
    let Desk { memory, clock, bus } = desk;
    drop(bus);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let desk = super::kit::reopen(memory, clock).await;
    desk.wait(2).await;
    assert_eq!((desk.lines("x").await, desk.lines("y").await.len()), (vec!["late".to_owned()], 0));
    assert_eq!(desk.clerk("a").await.history.iter().filter(|it| it.about == "y: too late").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timer_fires_although_the_instance_is_parked() {
    let desk = Desk::new().await;
    desk.bus.send_command(CloseBook { id: "x".into() }).await.unwrap();
    desk.tell("a", [later("t", 10, "y", "due"), write("x", "park")]).await;
    desk.wait(12).await;
    assert_eq!(desk.lines("y").await, ["due"]);
}

#[tokio::test(start_paused = true)]
async fn the_refusal_of_a_timers_command_is_told_to_the_instance() {
    let desk = Desk::new().await;
    desk.bus.send_command(CloseBook { id: "x".into() }).await.unwrap();
    desk.tell("a", [later("t", 10, "x", "elsewhere")]).await;
    desk.wait(12).await;
    assert_eq!(desk.lines("x2").await, ["IsClosed"]);
}

#[tokio::test(start_paused = true)]
async fn anybody_may_have_a_command_sent_at_a_time() {
    let desk = Desk::new().await;
    let at = desk.clock.now().after(Duration::from_secs(5));
    desk.bus.send_command_at(line("x", "at"), at).await.unwrap();
    desk.bus.send_command_at(line("x", "past"), Timestamp::from_micros(-7)).await.unwrap();
    let cancelled = desk.bus.send_command_at(line("x", "cancelled"), Duration::from_secs(5)).await.unwrap();
    desk.wait(2).await;
    assert_eq!(desk.lines("x").await, ["past"], "what is past is sent at once");
    let listed = desk.bus.timers().list(None, 10).await.unwrap().timers;
    assert_eq!(listed.iter().map(|timer| timer.due).collect::<Vec<_>>(), [at, cancelled.due()]);
    desk.bus.cancel(cancelled).await.unwrap();
    assert!(matches!(desk.bus.cancel(cancelled).await, Err(TimersError::NotWaiting(id)) if id == cancelled));
    let desk = desk.restart().await;
    desk.wait(10).await;
    assert_eq!(desk.lines("x").await, ["past", "at"]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_a_process_manager_is_cancelled_by_it_alone() {
    let desk = Desk::new().await;
    desk.tell("a", [later("t", 60, "x", "due")]).await;
    desk.settle().await;
    let timer = desk.bus.timers().list(None, 1).await.unwrap().timers.remove(0);
    assert_eq!((timer.process.as_deref(), timer.instance.as_deref()), (Some("clerk"), Some("a")));
    assert!(matches!(desk.bus.cancel(timer.id).await, Err(TimersError::OfProcess { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_late_timer_of_a_sender_is_given_up_where_it_says_so() {
    let desk = Desk::new().await;
    let timer = Timer::after("t", Duration::from_secs(5), line("x", "late"));
    desk.bus.timers().set(timer.skip_if_late_by(Duration::from_secs(10))).await.unwrap();
    let Desk { memory, clock, bus } = desk;
    drop(bus);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let desk = super::kit::reopen(memory, clock).await;
    desk.wait(2).await;
    assert_eq!(desk.lines("x").await.len(), 0);
    assert_eq!(desk.bus.timers().list(None, 10).await.unwrap().timers.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_process_managers_an_application_says_that_it_keeps_timers() {
    let app = || App::new("books").command::<Write>();
    let bus = app().start(std::sync::Arc::new(engine_store::memory::MemoryStore::new())).await.unwrap();
    let refused = bus.send_command_at(line("x", "?"), Duration::ZERO).await.unwrap_err();
    assert_eq!(refused.to_string(), "this application sends no timers: say `App::timers()`");
    let bus =
        app().timers().start(std::sync::Arc::new(engine_store::memory::MemoryStore::new())).await.unwrap();
    bus.send_command_at(line("x", "!"), Duration::ZERO).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(bus.state::<super::kit::Book>("x", None).await.unwrap().is_some());
}
