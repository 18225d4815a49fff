//! Three processes of the bank over one database: one is killed in the middle of its work, another comes. Every event is
//! handled, those of one transfer in their order, and every transfer takes effect once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use engine_postgres_server::fresh_schema;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::kit::{Console, Engine};

/// How long a process may be silent before others take over.
const LEASE: Duration = Duration::from_secs(2);

/// How long the test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(90);

struct Bank {
    engine: Engine,
    store: String,
}

impl Bank {
    fn new() -> Self {
        let store = format!("{}&lease={}s", fresh_schema(), LEASE.as_secs());
        let bank = Bank { engine: Engine::new(), store };
        let open = "send CreateAccount id=a\nsend DepositMoney id=a amount=1000\nsend CreateAccount id=b\n";
        let ended = bank.engine.piped(&["--store", &bank.store], open);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        bank
    }

    fn node(&self) -> Console {
        self.engine.console(&["--store", &self.store])
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let (code, lines) = self.engine.json(&[&["--store", &self.store], arguments].concat());
        assert_eq!(code, Some(0), "{lines:?}");
        lines
    }

    /// Waits until the nodes are as they should be; how long that took.
    fn until_nodes(&self, what: &str, are_right: impl Fn(&[Value]) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let nodes = self.json(&["nodes"]);
            if are_right(&nodes) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "{what} within {PATIENCE:?}: {nodes:?}");
        }
    }
}

/// So many nodes live, each of them with some of the work, and nobody else has any.
fn shared_by(count: usize) -> impl Fn(&[Value]) -> bool {
    move |nodes| {
        let partitions = |node: &Value| -> usize {
            let work = node["work"].as_array().into_iter().flatten();
            // Timers are sent by one of them, which is no part of this.
            work.filter(|work| work["handler"] == json!("transfers"))
                .map(|work| work["partitions"].as_array().map_or(0, Vec::len))
                .sum()
        };
        nodes.len() == count
            && nodes.iter().all(|node| node["state"] == json!("living") && partitions(node) > 0)
            && nodes.iter().map(partitions).sum::<usize>() == 16
    }
}

fn transfer(number: u32) -> String {
    format!("send TransferMoney id=t{number} from=a to=b amount=1")
}

/// Asks for transfers and reads the answers: that they are asked for, or were before.
fn ask(console: &mut Console, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let answer = console.ask(&transfer(number));
        assert!(answer.contains("MoneyTransferRequested") || answer.contains("exists already"), "{answer}");
    }
}

#[test]
fn a_process_that_is_killed_is_replaced_by_the_others_and_every_transfer_takes_effect_once() {
    let bank = Bank::new();
    let (mut first, mut second, mut third) = (bank.node(), bank.node(), bank.node());
    for (console, numbers) in [(&mut first, 0..10), (&mut second, 10..20), (&mut third, 20..30)] {
        ask(console, numbers);
    }
    bank.until_nodes("three nodes share the work", shared_by(3));

    let in_flight: String = (30..50).map(|number| transfer(number) + "\n").collect();
    second.write(&in_flight);
    ask(&mut first, 50..55);
    second.signal(Signal::KILL);
    let took = bank.until_nodes("the others take over", shared_by(2));
    // And as long as it takes to look, on a machine that is busy.
    assert!(took <= LEASE * 2 + LEASE, "taking over took {took:?}");

    let mut fourth = bank.node();
    ask(&mut fourth, 30..60);
    bank.until_nodes("the new node has its share", shared_by(3));
    ask(&mut third, 60..70);

    let begun = Instant::now();
    let completed = |events: &[Value]| {
        events.iter().filter(|event| event["type"] == json!("MoneyTransferCompleted")).count()
    };
    let events = loop {
        let events = bank.json(&["read", "$all"]);
        if completed(&events) == 70 {
            break events;
        }
        assert!(begun.elapsed() < PATIENCE, "{} of 70 are completed", completed(&events));
    };
    assert_each_transfer_took_effect_once(&events);
    assert_each_event_was_handled_in_its_order(&bank, &events);
    let answer = first.ask("show account b");
    assert!(answer.contains("\"balance\":70"), "{answer}");
}

/// Each transfer took 1 from `a` once, then gave 1 to `b` once, and then was completed once.
fn assert_each_transfer_took_effect_once(events: &[Value]) {
    let mut steps: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for event in events {
        let (stream, event_type) = (event["stream"].as_str().unwrap(), event["type"].as_str().unwrap());
        let transfer = match stream.split_once('-') {
            Some(("transfer", id)) => id,
            Some(("account", _)) => event["metadata"]["$correlationId"].as_str().unwrap_or_default(),
            _ => continue,
        };
        steps.entry(transfer.to_owned()).or_default().push(event_type);
    }
    let of_accounts: usize = events
        .iter()
        .filter(|event| event["type"] == json!("MoneyWithdrawn") || event["type"] == json!("MoneyDeposited"))
        .count();
    assert_eq!(of_accounts, 2 * 70 + 1, "one withdrawal and one deposit each, beside the first deposit");
    for number in 0..70 {
        let own = &steps[&format!("t{number}")];
        let once = |wanted: &str| own.iter().filter(|step| **step == wanted).count() == 1;
        assert!(once("MoneyTransferRequested") && once("MoneyTransferCompleted"), "t{number}: {own:?}");
    }
}

/// What the transfers' process manager has noted of each transfer is what happened to it, event by event, in the order in
/// which it happened: whichever process handled each of them, none was passed over, none came twice or too early.
fn assert_each_event_was_handled_in_its_order(bank: &Bank, events: &[Value]) {
    for number in 0..70 {
        let transfer = format!("t{number}");
        let own = format!("transfer-{transfer}");
        let correlation = |event: &Value| event["metadata"]["$correlationId"].clone();
        let asked_for = events.iter().find(|event| event["stream"] == json!(own)).unwrap();
        let happened: Vec<_> = events
            .iter()
            .filter(|event| correlation(event) == correlation(asked_for))
            .filter(|event| !event["stream"].as_str().unwrap().starts_with("transfers-"))
            .map(|event| (event["type"].clone(), event["position"].clone()))
            .collect();
        let noted = bank.json(&["read", &format!("transfers-{transfer}")]);
        let handled: Vec<_> = noted
            .iter()
            .filter(|entry| entry["type"] == json!("$ProcessHandled"))
            .map(|entry| (entry["data"]["event"]["type"].clone(), entry["data"]["event"]["position"].clone()))
            .collect();
        assert_eq!(handled, happened, "{transfer}");
        assert_eq!(happened.len(), 4, "{transfer}: {happened:?}");
    }
}
