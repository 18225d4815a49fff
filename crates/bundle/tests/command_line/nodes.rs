//! Three processes of the bank over one database: one is killed in the middle of its work, another comes. Every event is
//! handled, by process managers and by an event handler, those of one transfer and of one stream in their order, and
//! every transfer takes effect once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
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
        let bank = Bank { engine: Engine::example("journal"), store };
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
        let partitions = |node: &Value, handler: &str| -> usize {
            let work = node["work"].as_array().into_iter().flatten();
            work.filter(|work| work["handler"] == json!(handler))
                .map(|work| work["partitions"].as_array().map_or(0, Vec::len))
                .sum()
        };
        // Timers are sent by one of them, which is no part of this.
        let is_shared = |handler: &str| {
            nodes.iter().all(|node| partitions(node, handler) > 0)
                && nodes.iter().map(|node| partitions(node, handler)).sum::<usize>() == 16
        };
        nodes.len() == count
            && nodes.iter().all(|node| node["state"] == json!("living"))
            && is_shared("transfers")
            && is_shared("journal")
    }
}

/// A line of the journal: which event of which stream, and who handled it.
#[derive(Debug)]
struct Line {
    stream: String,
    revision: u64,
    process: u32,
}

/// What was written down so far, by all processes. A line that is being written is left out.
fn journal(bank: &Bank) -> Vec<Line> {
    let text = fs::read_to_string(bank.engine.folder().join("journal")).unwrap_or_default();
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let parse = |line: &str| {
        let parts: Vec<_> = line.split(' ').collect();
        let [stream, revision, process] = parts[..] else { panic!("{line:?} is not a line of the journal") };
        Line {
            stream: stream.to_owned(),
            revision: revision.parse().unwrap(),
            process: process.parse().unwrap(),
        }
    };
    lines.map(parse).collect()
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
    until_handled_by(&bank, &second);
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
    let journal = journal_of(&bank, &events);
    assert_each_stream_was_written_down_in_its_order(&journal);
    assert!(wrote(&journal, &first) && wrote(&journal, &third), "each of them has handled some");
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

fn wrote(journal: &[Line], node: &Console) -> bool {
    journal.iter().any(|line| line.process == node.child.id())
}

/// Waits until a process has handled some of the events itself.
fn until_handled_by(bank: &Bank, node: &Console) {
    let begun = Instant::now();
    while !wrote(&journal(bank), node) {
        assert!(begun.elapsed() < PATIENCE, "it has handled nothing within {PATIENCE:?}");
    }
}

/// The journal, when every event of the bank stands in it.
fn journal_of(bank: &Bank, events: &[Value]) -> Vec<Line> {
    let begun = Instant::now();
    let happened: BTreeSet<_> = events
        .iter()
        .map(|event| (event["stream"].as_str().unwrap(), event["revision"].as_u64().unwrap()))
        .filter(|(stream, _)| stream.starts_with("account-") || stream.starts_with("transfer-"))
        .collect();
    loop {
        let journal = journal(bank);
        let handled: BTreeSet<_> = journal.iter().map(|line| (line.stream.as_str(), line.revision)).collect();
        if handled == happened {
            return journal;
        }
        let missing: Vec<_> = happened.difference(&handled).collect();
        assert!(begun.elapsed() < PATIENCE && handled.is_subset(&happened), "not handled: {missing:?}");
    }
}

/// Events are handled at least once: what was handled again after a take-over stands there again, and never is one that
/// comes later handled before one that comes earlier has been.
fn assert_each_stream_was_written_down_in_its_order(journal: &[Line]) {
    let mut next = BTreeMap::<&str, u64>::new();
    for line in journal {
        let next = next.entry(&line.stream).or_default();
        assert!(line.revision <= *next, "{line:?} was handled before {next}");
        *next = (*next).max(line.revision + 1);
    }
}
