//! A node of this program behind the command line of another: the same session over the network, by the official client
//! of KurrentDB, and a node that is killed in the middle of it.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::kit::{Console, Engine};

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

const SESSION: &str = "\
send CreateAccount id=jsdf
send DepositMoney id=jsdf amount=23
show account jsdf
query balances
read account-jsdf
streams
exit
";

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
