//! Several processes over one store: each partition is one process's work, and nothing is lost when one is killed,
//! sleeps, joins or leaves.

mod nodes;
mod seeds;

use std::time::Duration;

use engine_runtime::{Consistency, listen::HandlersError};
use tokio::time::Instant;

use super::kit::{self, LONG, count};
use nodes::{LEASE, Nodes};

#[tokio::test(start_paused = true)]
async fn nodes_divide_the_partitions_and_handle_each_event_once() {
    let mut nodes = Nodes::new(8);
    for _ in 0..3 {
        nodes.join().await;
    }
    nodes.until_owned_by(3).await;
    nodes.append(0..300).await;
    nodes.until_handled(300).await;
    nodes.check_each_once();
    let by_node: Vec<_> = (0..3).map(|node| nodes.handled_by(node)).collect();
    assert!(by_node.iter().all(|handled| *handled > 0), "{by_node:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_node_owned_is_taken_over_within_two_leases() {
    for killed_after in [0, 3, 7, 9] {
        let mut nodes = Nodes::new(6);
        nodes.join().await;
        nodes.join().await;
        nodes.until_owned_by(2).await;
        tokio::time::sleep(LEASE * killed_after / 10).await;
        nodes.kill(0);
        let begun = Instant::now();
        nodes.append(0..100).await;
        nodes.until_handled(100).await;
        let took = begun.elapsed();
        assert!(took <= LEASE * 2, "{took:?} after {killed_after} tenths");
        assert_eq!(nodes.handled_by(1), 100);
        nodes.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_sleeps_is_replaced_and_does_no_harm_when_it_wakes() {
    let mut nodes = Nodes::new(6);
    nodes.join().await;
    nodes.join().await;
    nodes.until_owned_by(2).await;
    nodes.append(0..50).await;
    nodes.until_handled(50).await;
    nodes.sleep(0);
    nodes.append(50..100).await;
    nodes.until_handled(100).await;
    nodes.wake(0);
    nodes.append(100..150).await;
    nodes.until_handled(150).await;
    nodes.until_owned_by(2).await;
    nodes.append(150..250).await;
    nodes.until_handled(250).await;
    assert!(nodes.handled_by(0) > 20, "it works again: {}", nodes.handled_by(0));
    nodes.check();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_joins_gets_its_share_and_nothing_is_handled_twice() {
    let mut nodes = Nodes::new(8);
    nodes.join().await;
    nodes.until_owned_by(1).await;
    for round in 0..4 {
        nodes.append(round * 100..round * 100 + 100).await;
        let begun = Instant::now();
        nodes.join().await;
        let owners = usize::try_from(round + 2).unwrap();
        nodes.until_owned_by(owners.min(4)).await;
        assert!(begun.elapsed() <= LEASE * 2);
        nodes.until_handled(round * 100 + 100).await;
    }
    nodes.check_each_once();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_leaves_is_not_waited_for() {
    let mut nodes = Nodes::new(8);
    nodes.join().await;
    nodes.join().await;
    nodes.until_owned_by(2).await;
    nodes.append(0..100).await;
    let begun = Instant::now();
    nodes.leave(0).await;
    nodes.append(100..200).await;
    nodes.until_handled(200).await;
    assert!(begun.elapsed() <= LEASE / 2, "{:?}", begun.elapsed());
    nodes.check_each_once();
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_speak_to_any_of_the_nodes() {
    let mut nodes = Nodes::new(8);
    nodes.join().await;
    nodes.join().await;
    nodes.until_owned_by(2).await;
    nodes.handlers(0).pause("probe").await.unwrap();
    kit::until("a pause everywhere", async || nodes.states().await == ["paused", "paused"]).await;
    nodes.append(0..20).await;
    assert_eq!(nodes.handled(), 0);
    nodes.handlers(1).resume("probe").await.unwrap();
    nodes.until_handled(20).await;
    nodes.check_each_once();
    nodes.handlers(0).reset("probe", None).await.unwrap();
    kit::until("a replay", async || nodes.handled() >= 40).await;
}

#[tokio::test(start_paused = true)]
async fn one_waits_for_what_another_handles() {
    let mut nodes = Nodes::new(8);
    nodes.join().await;
    nodes.join().await;
    nodes.until_owned_by(2).await;
    for number in 0..20 {
        let command = count(&format!("k{number}"), number);
        let receipt = nodes.bus(0).send_command(command).consistency(Consistency::Strong).await.unwrap();
        assert_eq!(nodes.handled(), number + 1);
        nodes.handlers(1).wait_for("probe", receipt.position.unwrap(), LONG).await.unwrap();
    }
    let report = nodes.handlers(0).report("probe").await.unwrap();
    assert_eq!((report.lag_events, report.owners.len()), (0, 8));
}

#[tokio::test(start_paused = true)]
async fn a_node_without_work_says_whose_it_is() {
    let mut nodes = Nodes::new(1);
    nodes.join().await;
    nodes.until_owned_by(1).await;
    let others = [nodes.join().await, nodes.join().await];
    kit::until("a settlement", async || {
        nodes.states().await.iter().filter(|state| **state == "elsewhere").count() == 2
    })
    .await;
    let last = nodes.append(0..10).await;
    for other in others {
        nodes.handlers(other).wait_for("probe", last, LEASE).await.unwrap();
    }
    let refused =
        nodes.handlers(0).wait_for("probe", engine_types::Position(99), Duration::from_secs(1)).await;
    assert!(matches!(refused, Err(HandlersError::Timeout { .. })), "{refused:?}");
}
