//! Refused commands: told as messages, once, and in nobody's way.

use super::kit::{CloseBook, Desk, OpenBook, write};

#[tokio::test(start_paused = true)]
async fn a_refusal_is_answered_by_another_command_and_those_behind_it_go_out() {
    let desk = Desk::new().await;
    desk.bus.send_command(CloseBook { id: "x".into() }).await.unwrap();
    desk.tell("a", [write("x", "elsewhere"), write("y", "next")]).await;
    desk.settle().await;
    assert_eq!(desk.lines("x2").await, ["IsClosed"], "the code is the name of the variant");
    assert_eq!(desk.lines("y").await, ["next"]);
    assert_eq!(desk.clerk("a").await.value.unwrap()["refusals"], 1);
    let sent = &desk.clerk("a").await.history[0].commands;
    let outcomes: Vec<_> = sent.iter().map(|sent| (sent.outcome, sent.refusal.as_deref())).collect();
    assert_eq!(outcomes, [("refused", Some("the book is closed")), ("accepted", None)]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_is_tried_again_later_until_it_is_accepted() {
    let desk = Desk::new().await;
    desk.bus.send_command(CloseBook { id: "x".into() }).await.unwrap();
    desk.tell("a", [write("x", "again")]).await;
    desk.settle().await;
    let desk = desk.restart().await;
    desk.wait(15).await;
    assert_eq!(desk.clerk("a").await.value.unwrap()["refusals"], 2);
    desk.bus.send_command(OpenBook { id: "x".into() }).await.unwrap();
    desk.wait(10).await;
    assert_eq!(desk.lines("x").await, ["again"]);
    assert_eq!(desk.clerk("a").await.waiting.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn tries_are_counted_so_that_one_may_give_up() {
    let desk = Desk::new().await;
    desk.bus.send_command(CloseBook { id: "x".into() }).await.unwrap();
    desk.tell("a", [write("x", "again")]).await;
    desk.wait(100).await;
    let report = desk.clerk("a").await;
    assert_eq!(report.value.unwrap()["refusals"], 4);
    assert_eq!(report.summary.state.word(), "ended");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_cannot_be_addressed_is_refused_as_invalid() {
    let desk = Desk::new().await;
    desk.tell("a", [write("no/id", "ignore"), write("y", "next")]).await;
    desk.settle().await;
    assert_eq!(desk.lines("y").await, ["next"]);
    assert_eq!(desk.clerk("a").await.history[1].kind, "refused");
}
