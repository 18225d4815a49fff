//! A store in PostgreSQL behind the command line: the same session, and what only several processes can show.

use engine_postgres_server::{fresh_schema, in_schema, url};
use serde_json::{Value, json};

use crate::kit::{Ended, Engine, SESSION};

/// Calls `engine` over one schema.
struct Bank {
    engine: Engine,
    store: String,
}

impl Bank {
    fn new() -> Self {
        Bank { engine: Engine::new(), store: format!("{}&lease=1s", fresh_schema()) }
    }

    fn call(&self, arguments: &[&str]) -> Ended {
        self.engine.call(&[&["--store", &self.store], arguments].concat())
    }

    fn answer(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        self.engine.answer(&[&["--store", &self.store], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
        self.engine.json(&[&["--store", &self.store], arguments].concat())
    }
}

#[test]
fn the_session_of_the_bank_works_and_a_restart_still_says_23() {
    let bank = Bank::new();
    let ended = bank.engine.piped(&["--store", &bank.store, "console"], SESSION);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines[1], "account-jsdf @1  MoneyDeposited {\"amount\":23}");
    assert!(lines[2].contains("\"balance\":23"), "{}", lines[2]);
    assert!(ended.stdout.contains("account-jsdf @0  AccountCreated {}  20"), "{}", ended.stdout);

    let (code, shown) = bank.answer(&["show", "account", "jsdf"]);
    assert_eq!((code, &shown["state"]["balance"]), (Some(0), &json!(23)));
    let (code, balances) = bank.answer(&["query", "balances"]);
    assert_eq!(code, Some(0), "{balances}");
    assert!(balances["answer"].to_string().contains("23"), "{balances}");
    let (code, events) = bank.json(&["read", "$all"]);
    assert_eq!((code, events.len()), (Some(0), 2));
    assert!(!bank.engine.folder().join("engine-data").exists(), "nothing is kept in the folder");
}

#[test]
fn a_command_is_sent_once_by_its_id_and_refused_by_the_domain_as_over_any_store() {
    let bank = Bank::new();
    let deposit =
        ["send", "DepositMoney", "id=a", "amount=7", "--id", "0190d7a3-0000-7000-8000-000000000001"];
    assert_eq!(bank.answer(&["send", "CreateAccount", "id=a"]).0, Some(0));
    assert_eq!(bank.answer(&deposit).1["duplicate"], json!(false));
    assert_eq!(bank.answer(&deposit).1["duplicate"], json!(true));
    let (code, refused) = bank.answer(&["send", "CreateAccount", "id=a"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(1), &json!("rejected")));
    let (code, conflict) = bank.answer(&["send", "DepositMoney", "id=a", "amount=1", "--expect", "0"]);
    assert_eq!((code, &conflict["error"]["kind"]), (Some(1), &json!("conflict")));
    let (code, report) = bank.answer(&["verify"]);
    assert_eq!((code, &report["events"]), (Some(0), &json!(2)), "{report}");
}

#[test]
fn a_schema_is_made_by_the_first_command_that_writes_or_by_migrate() {
    let bank = Bank::new();
    let (code, missing) = bank.answer(&["streams"]);
    assert_eq!((code, &missing["error"]["kind"]), (Some(1), &json!("not_found")), "{missing}");
    let (code, made) = bank.answer(&["store", "migrate"]);
    assert_eq!((code, &made["ok"], &made["from"]), (Some(0), &json!(true), &json!(0)), "{made}");
    assert_eq!(bank.call(&["store", "migrate"]).stdout, "the schema is of version 3 already\n");
    assert_eq!(bank.json(&["streams"]), (Some(0), vec![]));
    let (code, refused) = bank.engine.answer(&["--store", "memory:", "store", "migrate"]);
    assert_eq!((code, &refused["error"]["kind"]), (Some(3), &json!("unsupported")));
}

#[test]
fn a_server_that_cannot_be_reached_is_told_without_the_password() {
    let engine = Engine::new();
    let nobody = "postgres://ann:s3cret@127.0.0.1:1/bank";
    let (code, answer) = engine.answer(&["--store", nobody, "send", "CreateAccount", "id=a"]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(3), &json!("unavailable")), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("postgres://ann@127.0.0.1:1/bank"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
    let (code, answer) = engine.answer(&["--store", &in_schema(&url(), "No"), "streams"]);
    assert_eq!((code, &answer["error"]["kind"]), (Some(2), &json!("usage")), "{answer}");
}

#[test]
fn two_consoles_on_one_store_see_what_the_other_has_done() {
    let bank = Bank::new();
    let mut first = bank.engine.console(&["--store", &bank.store]);
    let mut second = bank.engine.console(&["--store", &bank.store]);
    assert_eq!(first.ask("send CreateAccount id=a"), "account-a @0  AccountCreated {}");
    for round in 1..6 {
        let (one, other) = if round % 2 == 0 { (&mut first, &mut second) } else { (&mut second, &mut first) };
        let deposited = format!("account-a @{round}  MoneyDeposited {{\"amount\":2}}");
        assert_eq!(one.ask("send DepositMoney id=a amount=2"), deposited);
        let shown = other.ask("show account a");
        assert!(shown.contains(&format!("\"balance\":{}", 2 * round)), "{shown}");
    }
    let (code, nodes) = bank.json(&["nodes"]);
    let names: Vec<_> = nodes.iter().map(|node| node["name"].as_str().unwrap()).collect();
    let own = [first.child.id(), second.child.id()].map(|id| format!("/{id}"));
    assert_eq!((code, names.len()), (Some(0), 2), "{nodes:?}");
    assert!(own.iter().all(|own| names.iter().any(|name| name.ends_with(own))), "{names:?}");
    let human = bank.call(&["nodes"]).stdout;
    assert!(human.starts_with("node ") && human.contains("living"), "{human}");
}
