//! A node of this program behind the command line of another: the same session over the network, by the official client
//! of KurrentDB, and a node that is killed in the middle of it.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    kit::{Console, Engine, SESSION},
    processes::until_all_have_ended,
};

/// A node over a folder of its own.
struct Node {
    engine: Engine,
    serving: Console,
    address: String,
}

impl Node {
    fn start() -> Self {
        let engine = Engine::new();
        let (serving, address) = serve(&engine, "127.0.0.1:0");
        Node { engine, serving, address }
    }

    fn store(&self) -> String {
        format!("kurrentdb://admin:changeit@{}?tls=false&lease=1s", self.address)
    }

    /// Ends it as a power cut would, and starts it again where it was.
    fn kill_and_start(&mut self) {
        self.kill();
        self.start_again();
    }

    fn kill(&mut self) {
        self.serving.signal(Signal::KILL);
        self.serving.wait();
    }

    fn start_again(&mut self) {
        (self.serving, self.address) = serve(&self.engine, &self.address);
    }
}

fn serve(engine: &Engine, listen: &str) -> (Console, String) {
    let mut node = engine.console(&["--json", "serve", "--no-app", "--listen", listen]);
    let line = node.next_line().unwrap_or_else(|| panic!("{}", node.stderr()));
    let line: Value = serde_json::from_str(&line).unwrap();
    (node, line["listening"].as_str().unwrap().to_owned())
}

#[test]
fn the_session_of_the_bank_works_over_a_node_and_a_restart_still_says_23() {
    let (mut node, bank) = (Node::start(), Engine::new());
    let store = node.store();
    let ended = bank.piped(&["--store", &store, "console"], SESSION);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines[1], "account-jsdf @1  MoneyDeposited {\"amount\":23}");
    assert!(lines[2].contains("\"balance\":23"), "{}", lines[2]);
    node.kill_and_start();
    let (code, shown) = bank.answer(&["--store", &store, "show", "account", "jsdf"]);
    assert_eq!((code, &shown["state"]["balance"]), (Some(0), &json!(23)), "{shown}");
    let (code, events) = bank.json(&["--store", &store, "read", "$all"]);
    // The node keeps its users beside the events of the bank, in streams of the system.
    let of_the_bank = events.iter().filter(|event| !event["stream"].as_str().unwrap().starts_with('$'));
    assert_eq!((code, of_the_bank.count()), (Some(0), 2), "{events:?}");
    assert!(!bank.folder().join("engine-data").exists(), "nothing is kept in the folder");
}

/// Two transfers, one of which gives its money back, and one more after the node was killed.
#[test]
fn transfers_of_the_bank_end_over_a_node_that_is_killed() {
    let (mut node, bank) = (Node::start(), Engine::new());
    let store = node.store();
    let lines = "send CreateAccount id=a\nsend CreateAccount id=b\nsend DepositMoney id=a amount=100\n\
                 send TransferMoney id=t1 from=a to=b amount=40\nsend TransferMoney id=t2 from=a to=nobody amount=5\n";
    let ended = bank.piped(&["--store", &store], lines);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    node.kill_and_start();
    let sent =
        bank.answer(&["--store", &store, "send", "TransferMoney", "id=t3", "from=b", "to=a", "amount=15"]);
    assert_eq!(sent.0, Some(0), "{sent:?}");
    until_all_have_ended(&bank, &["--store", &store]);
    let balance = |id| bank.answer(&["--store", &store, "show", "account", id]).1["state"]["balance"].take();
    assert_eq!((balance("a"), balance("b")), (json!(75), json!(25)));
    let (_, failed) = bank.json(&["--store", &store, "processes", "transfers", "--state", "Failed"]);
    assert_eq!(failed.iter().map(|line| &line["id"]).collect::<Vec<_>>(), ["t2"]);
}

/// One order is paid, one is rejected, one waits to be paid, also after the node was killed.
#[test]
fn orders_of_the_conference_are_registered_over_a_node_that_is_killed() {
    let (mut node, conference) = (Node::start(), Engine::new());
    let arguments = ["--store", &node.store(), "--app", "conference"].map(str::to_owned);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let lines = "send AddSeats id=rustfest seats=3\nsend PlaceOrder id=o1 conference=rustfest seats=2\n\
                 send PlaceOrder id=o2 conference=rustfest seats=2\n\
                 send PlaceOrder id=o3 conference=rustfest seats=1\n";
    let ended = conference.piped(&arguments, lines);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    node.kill_and_start();
    let answers = |line: &[&str]| {
        let (code, answers) = conference.json(&[&arguments, line].concat());
        assert_eq!(code, Some(0), "{line:?}: {answers:?}");
        answers
    };
    answers(&["send", "ReceivePayment", "id=p1", "order=o1", "amount_cents=50000"]);
    let seats = answers(&["show", "seats", "rustfest"]).remove(0)["state"].take();
    assert_eq!(
        (&seats["available"], &seats["committed"], &seats["held"]),
        (&json!(0), &json!({"o1": 2}), &json!({"o3": 1}))
    );
    let stages: Vec<_> =
        answers(&["processes", "registration"]).iter().map(|line| line["stage"].clone()).collect();
    assert_eq!(stages, ["Completed", "Completed", "AwaitingPayment"]);
    let timers = answers(&["timers"]);
    assert_eq!(timers.iter().map(|timer| &timer["target"]).collect::<Vec<_>>(), ["order-o3"]);
}

#[test]
fn nothing_that_was_acknowledged_is_missing_when_the_node_is_killed_again_and_again() {
    let (mut node, bank) = (Node::start(), Engine::new());
    let store = node.store();
    let mut console = bank.console(&["--store", &store]);
    assert_eq!(console.ask("send CreateAccount id=a"), "account-a @0  AccountCreated {}");
    let mut sent = 0;
    for round in 0..3 {
        for _ in 0..20 {
            sent += 1;
            let deposited = format!("account-a @{sent}  MoneyDeposited {{\"amount\":1}}");
            assert_eq!(console.ask("send DepositMoney id=a amount=1"), deposited);
        }
        // The next command is under way while there is no node. A machine that is busy may start one so late that the
        // command is given up: then it is sent again under its id, which takes effect once.
        sent += 1;
        let command = format!("send DepositMoney id=a amount=1 --id 0190d7a3-0000-7000-8000-{round:012}");
        node.kill();
        console.write(&format!("{command}\n"));
        node.start_again();
        let mut answer = console.next_line().unwrap();
        for _ in 0..20 {
            if !answer.starts_with("error: ") {
                break;
            }
            answer = console.ask(&command);
        }
        let deposited = format!("account-a @{sent}  MoneyDeposited {{\"amount\":1}}");
        assert!(answer.starts_with(&deposited), "round {round}: {answer}");
    }
    let (_, shown) = bank.answer(&["--store", &store, "show", "account", "a"]);
    assert_eq!(shown["state"]["balance"], json!(sent), "nothing is missing and nothing is there twice");
}

#[test]
fn a_node_that_cannot_be_reached_is_told_without_the_password() {
    let nobody = "esdb://ann:s3cret@127.0.0.1:1?tls=false";
    let (code, answer) = Engine::new().answer(&["--store", nobody, "send", "CreateAccount", "id=a"]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(3), &json!("unavailable")), "{answer}");
    assert!(!answer.to_string().contains("s3cret"), "{answer}");
}
