//! Instances: routes, order, parking, operators.

use engine_runtime::{Consistency, ProcessOptions, processes::InstanceState};
use engine_types::Position;

use super::kit::{Act, Desk, Said, app_with, write};

#[tokio::test(start_paused = true)]
async fn an_event_may_concern_several_instances_and_each_handles_it_for_itself() {
    let desk = Desk::new().await;
    let clerks = ["a", "b", "c"].map(str::to_owned).to_vec();
    desk.say(Said::Tell { clerks, acts: vec![write("x", "hello")] }).await;
    desk.settle().await;
    assert_eq!(desk.lines("x").await, ["hello"; 3]);
    for id in ["a", "b", "c"] {
        assert_eq!(desk.entries(id).await, ["$ProcessHandled"; 2], "what was told, and the answer");
        assert_eq!(desk.clerk(id).await.value.unwrap()["answers"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_instance_that_cannot_go_on_is_parked_alone_and_goes_on_in_order_when_it_is_retried() {
    let desk = Desk::new().await;
    desk.bus.send_command(super::kit::CloseBook { id: "x".into() }).await.unwrap();
    let clerks = ["a", "b"].map(str::to_owned).to_vec();
    desk.tell("a", [write("x", "first")]).await;
    desk.say(Said::Tell { clerks, acts: vec![write("y", "second")] }).await;
    desk.tell("a", [write("y", "third")]).await;
    desk.settle().await;
    assert_eq!(desk.lines("y").await, ["second"], "b goes on, a waits");
    let parked = desk.bus.processes().list("clerk", Some("parked"), None, 10).await.unwrap();
    assert_eq!(parked.instances.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(parked.instances[0].error.as_ref().unwrap().contains("the book is closed"));
    let desk = desk.restart().await;
    assert!(desk.bus.processes().retry("clerk", "a").await.unwrap_err().to_string().contains("closed"));
    desk.bus.send_command(super::kit::OpenBook { id: "x".into() }).await.unwrap();
    assert_eq!(desk.bus.processes().retry("clerk", "a").await.unwrap(), 3);
    desk.settle().await;
    assert_eq!(
        (desk.lines("x").await, desk.lines("y").await),
        (vec!["first".into()], ["second", "second", "third"].map(String::from).to_vec())
    );
    assert_eq!(desk.clerk("a").await.summary.state, InstanceState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_strict_beginning_of_what_runs_and_a_strict_continuation_of_what_does_not_are_parked() {
    let desk = Desk::new().await;
    let hire = || Said::Hire { clerk: "a".into() };
    desk.say(hire()).await;
    desk.say(hire()).await;
    desk.say(Said::Ask { clerk: "b".into(), acts: Vec::new() }).await;
    desk.settle().await;
    let parked = desk.bus.handlers().parked("clerk").await.unwrap();
    let told: Vec<_> = parked.iter().map(|it| (it.key.as_str(), it.error.as_str())).collect();
    assert!(told.contains(&("a", "`clerk`: `Hired` begins an instance that runs already")), "{told:?}");
    assert!(told.contains(&("b", "`clerk`: `Asked` continues an instance that does not run")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_was_dismissed_begins_anew() {
    let desk = Desk::new().await;
    for what in [Said::Hire { clerk: "a".into() }, Said::Dismiss { clerk: "a".into() }] {
        desk.say(what).await;
    }
    desk.settle().await;
    assert_eq!(desk.clerk("a").await.summary.state, InstanceState::Ended);
    let desk = desk.restart().await;
    desk.say(Said::Hire { clerk: "a".into() }).await;
    desk.settle().await;
    let report = desk.clerk("a").await;
    assert_eq!((report.summary.state, &report.value.unwrap()["heard"]), (InstanceState::Running, &1.into()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_parks_the_instance() {
    let desk = Desk::new().await;
    desk.tell("a", [Act::Panic]).await;
    desk.tell("b", [write("x", "b")]).await;
    desk.settle().await;
    assert_eq!(desk.lines("x").await, ["b"]);
    assert!(desk.bus.handlers().parked("clerk").await.unwrap()[0].error.contains("panicked: told to"));
}

#[tokio::test(start_paused = true)]
async fn an_operator_ends_an_instance_that_is_parked() {
    let desk = Desk::new().await;
    desk.tell("a", [write("x", "1")]).await;
    desk.tell("a", [Act::Park]).await;
    desk.tell("a", [write("x", "2")]).await;
    desk.settle().await;
    desk.bus.processes().stop("clerk", "a", "by hand").await.unwrap();
    desk.settle().await;
    let report = desk.clerk("a").await;
    assert_eq!((report.summary.state, report.parked), (InstanceState::Ended, None));
    assert_eq!(report.history.last().unwrap().about, "by hand");
    assert_eq!(desk.lines("x").await, ["1"], "what it was parked at is discarded");
    let again = desk.bus.processes().stop("clerk", "a", "by hand").await.unwrap_err();
    assert_eq!(again.to_string(), "`clerk` has no instance `a` that runs");
}

#[tokio::test(start_paused = true)]
async fn a_reset_hears_everything_again_and_sends_nothing_twice() {
    let desk = Desk::new().await;
    for line in ["1", "2", "3", "4"] {
        desk.tell("a", [write("x", line)]).await;
    }
    desk.settle().await;
    let entries = desk.entries("a").await.len();
    let desk = desk.restart().await;
    desk.bus.handlers().reset("clerk", None).await.unwrap();
    desk.settle().await;
    assert_eq!(desk.lines("x").await, ["1", "2", "3", "4"]);
    assert_eq!(desk.entries("a").await.len(), entries);
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_built_again_from_its_entries_and_nothing_is_sent() {
    let desk = Desk::new().await;
    desk.bus.send_command(super::kit::CloseBook { id: "x".into() }).await.unwrap();
    desk.tell("a", [write("x", "ignore"), write("y", "1"), super::kit::later("t", 60, "y", "late")]).await;
    desk.tell("a", [write("y", "2")]).await;
    desk.settle().await;
    let (before, lines) = (desk.clerk("a").await, desk.lines("y").await);
    assert_eq!(before.value.as_ref().unwrap(), &serde_json::json!({"heard": 2, "answers": 2, "refusals": 1}));
    let after = desk.bus.processes().rebuild("clerk", "a").await.unwrap();
    assert_eq!(serde_json::to_value(&after).unwrap(), serde_json::to_value(&before).unwrap());
    desk.settle().await;
    assert_eq!(desk.lines("y").await, lines);
}

#[tokio::test(start_paused = true)]
async fn instances_are_listed_in_pages_by_state() {
    let desk = Desk::new().await;
    for number in 0..7 {
        desk.tell(&format!("c{number}"), if number % 2 == 0 { vec![Act::Stop] } else { vec![] }).await;
    }
    desk.settle().await;
    let processes = desk.bus.processes();
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = processes.list("clerk", Some("ended"), after.as_deref(), 2).await.unwrap();
        assert!(page.instances.len() <= 2);
        seen.extend(page.instances.into_iter().map(|it| it.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["c0", "c2", "c4", "c6"]);
    let unknown = processes.list("clerks", None, None, 2).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no process manager `clerks`; did you mean `clerk`?");
}

#[tokio::test(start_paused = true)]
async fn one_that_begins_no_more_finishes_what_it_has_begun() {
    let desk =
        Desk::with(app_with(ProcessOptions { begins_until: Some(Position(0)), ..ProcessOptions::default() }))
            .await;
    desk.tell("a", [write("x", "a")]).await;
    desk.tell("b", [write("x", "b")]).await;
    desk.tell("a", [write("x", "a")]).await;
    desk.settle().await;
    assert_eq!(desk.lines("x").await, ["a", "a"]);
}

#[test]
fn a_process_manager_that_would_wait_for_itself_is_refused_when_it_is_registered() {
    for (sends, strong) in [(Consistency::Strong, true), (Consistency::Handlers(vec!["clerk".into()]), false)]
    {
        let refused =
            app_with(ProcessOptions { sends, strong, ..ProcessOptions::default() }).check().unwrap_err();
        assert!(refused.to_string().contains("`clerk` would wait for itself"), "{refused}");
    }
    let fine = ProcessOptions { sends: Consistency::Strong, ..ProcessOptions::default() };
    app_with(fine).check().unwrap();
}
