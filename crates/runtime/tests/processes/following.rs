//! Following a command: what comes of it is done when the wait ends, or it is told why it is not.

use std::time::Duration;

use engine_runtime::{
    listen::NotHandled,
    processes::{InstanceState, NotFollowed},
};
use tokio::time::Instant;

use super::kit::{Act, Desk, Said, Say, later, write};

const PATIENCE: Duration = Duration::from_secs(60);

fn tell(clerk: &str, acts: Vec<Act>) -> Say {
    Say { id: "1".into(), what: Said::Tell { clerks: vec![clerk.into()], acts } }
}

async fn follow(desk: &Desk, say: Say) -> Result<(), NotFollowed> {
    let receipt = desk.bus.send_command(say).await.unwrap();
    desk.bus.processes().follow(&receipt, PATIENCE).await
}

fn reason(followed: Result<(), NotFollowed>) -> NotHandled {
    match followed {
        Err(NotFollowed::NotHandled { process, reason, .. }) if process == "clerk" => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_is_followed_through_the_commands_that_it_led_to() {
    let desk = Desk::new().await;
    for number in 1..=50 {
        follow(&desk, tell("a", vec![write("x", "one"), write("y", "two")])).await.unwrap();
        assert_eq!((desk.lines("x").await.len(), desk.lines("y").await.len()), (number, number));
        let answers = &desk.clerk("a").await.value.unwrap()["answers"];
        assert_eq!(answers, 2 * number, "the answers of the books were heard too");
    }
}

#[tokio::test(start_paused = true)]
async fn timers_are_not_waited_for() {
    let desk = Desk::new().await;
    let begun = Instant::now();
    follow(&desk, tell("a", vec![later("t", 600, "x", "much later")])).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(600));
    assert_eq!(desk.lines("x").await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_process_manager_that_is_parked_or_paused_is_told_and_not_waited_for() {
    let desk = Desk::new().await;
    assert_eq!(reason(follow(&desk, tell("a", vec![Act::Park])).await), NotHandled::Parked);
    follow(&desk, tell("b", vec![write("x", "the others go on")])).await.unwrap();
    desk.bus.handlers().pause("clerk").await.unwrap();
    let begun = Instant::now();
    let rests = reason(follow(&desk, tell("b", vec![write("x", "later")])).await);
    assert!(matches!(rests, NotHandled::AtRest(_)), "{rests:?}");
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_parked_at_its_first_event_is_listed_and_shown_among_the_others() {
    let desk = Desk::new().await;
    for (clerk, act) in [("b", Act::Park), ("a", write("x", "1")), ("c", write("x", "2")), ("d", Act::Park)] {
        desk.tell(clerk, [act]).await;
    }
    desk.settle().await;
    let processes = desk.bus.processes();
    let ids = async |state: Option<&str>, after: Option<&str>, limit| {
        let page = processes.list("clerk", state, after, limit).await.unwrap();
        (page.instances.into_iter().map(|it| it.id).collect::<Vec<_>>().concat(), page.next)
    };
    assert_eq!(ids(None, None, 10).await, ("abcd".into(), None));
    assert_eq!(ids(Some("parked"), None, 10).await, ("bd".into(), None));
    assert_eq!(ids(Some("running"), None, 10).await, ("ac".into(), None));
    assert_eq!(ids(None, None, 2).await, ("ab".into(), Some("b".into())));
    assert_eq!(ids(None, Some("b"), 2).await, ("cd".into(), Some("d".into())));
    let shown = processes.show("clerk", "d").await.unwrap();
    assert_eq!(
        (shown.process, shown.summary.state, shown.history.len()),
        ("clerk", InstanceState::Parked, 0)
    );
    assert!(shown.summary.error.unwrap().contains("told to"));
    assert!(processes.show("clerk", "e").await.is_err());
}
