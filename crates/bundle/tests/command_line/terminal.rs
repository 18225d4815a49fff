//! The prompt at a pseudo terminal: typed lines, completion, history, Ctrl-C, Ctrl-D, SIGTERM.

use rexpect::{
    process::{Signal, WaitStatus},
    session::{PtySession, spawn_command},
};

use crate::kit::Engine;

const PATIENCE_MS: u64 = 20_000;

/// Starts the console at a terminal and waits for its prompt.
fn start(engine: &Engine, arguments: &[&str]) -> PtySession {
    let mut command = engine.command(arguments);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let mut session = spawn_command(command, Some(PATIENCE_MS)).unwrap();
    session.exp_string("engine> ").unwrap();
    session
}

/// Types a line and waits for a part of its answer, then for the next prompt.
fn ask(session: &mut PtySession, line: &str, answer: &str) {
    session.send(&format!("{line}\r")).unwrap();
    session.flush().unwrap();
    session.exp_string(answer).unwrap_or_else(|error| panic!("`{line}`: {error}"));
    session.exp_string("engine> ").unwrap();
}

fn typed(session: &mut PtySession, keys: &str) {
    session.send(keys).unwrap();
    session.flush().unwrap();
}

fn ends_well(session: &mut PtySession) {
    session.exp_eof().unwrap();
    assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, 0)));
}

#[test]
fn the_session_is_typed_and_a_restart_still_says_23() {
    let engine = Engine::new();
    let mut session = start(&engine, &[]);
    ask(&mut session, "send CreateAccount id=jsdf", "account-jsdf @0  AccountCreated {}");
    ask(
        &mut session,
        "send DepositMoney id=jsdf amount=23",
        "account-jsdf @1  MoneyDeposited {\"amount\":23}",
    );
    ask(&mut session, "show account jsdf", "\"balance\": 23");
    ask(&mut session, "read account-jsdf", "account-jsdf @1  MoneyDeposited");
    ask(&mut session, "send CreateAccount id=jsdf", "refused: ");
    ask(&mut session, "help DepositMoney", "amount  u64");
    typed(&mut session, "exit\r");
    ends_well(&mut session);

    let mut session = start(&engine, &[]);
    ask(&mut session, "show account jsdf", "\"balance\": 23");
    typed(&mut session, "\x04");
    ends_well(&mut session);
}

#[test]
fn the_greeting_names_the_application_and_warns_of_a_store_that_forgets() {
    let engine = Engine::new();
    let mut command = engine.command(&["--store", "memory:", "--app", "conference"]);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let mut session = spawn_command(command, Some(PATIENCE_MS)).unwrap();
    let greeting = session.exp_string("engine> ").unwrap();
    for part in ["conference on memory:", "Nothing outlives this process", "`help`"] {
        assert!(greeting.contains(part), "{greeting}");
    }
}

#[test]
fn tab_completes_commands_fields_ids_and_streams() {
    let engine = Engine::with_account();
    let mut session = start(&engine, &[]);
    // Each Tab fills in what is certain; the line that results is answered.
    ask(&mut session, "sen\tDep\tid=js\tam\t4", "account-jsdf @2  MoneyDeposited {\"amount\":4}");
    ask(&mut session, "sho\tacc\tjs\t", "\"balance\": 27");
    ask(&mut session, "rea\taccount-\t--lim\t1", "account-jsdf @0  AccountCreated");
    ask(&mut session, "rea\t$\t--back\t--limit 1", "account-jsdf @2  MoneyDeposited");
}

#[test]
fn the_history_outlives_the_process() {
    let engine = Engine::new();
    let mut session = start(&engine, &[]);
    ask(&mut session, "send CreateAccount id=a", "AccountCreated");
    ask(&mut session, "send DepositMoney id=a amount=5", "@1  MoneyDeposited");
    // Killed, so that nothing is left to do at the end.
    session.process_mut().kill(Signal::SIGKILL).unwrap();

    let mut session = start(&engine, &[]);
    ask(&mut session, "\x1b[A", "@2  MoneyDeposited {\"amount\":5}");
    drop(session);
    assert_eq!(engine.balance("a"), 10);
}

#[test]
fn ctrl_c_clears_the_line_and_ends_a_follower_but_not_the_console() {
    let engine = Engine::with_account();
    let mut session = start(&engine, &[]);
    typed(&mut session, "send CloseAccount id=jsdf\x03");
    session.exp_string("engine> ").unwrap();
    typed(&mut session, "read account-jsdf --follow\r");
    session.exp_string("@1  MoneyDeposited").unwrap();
    session.exp_string("\n").unwrap();
    typed(&mut session, "\x03");
    session.exp_string("engine> ").unwrap();
    ask(&mut session, "show account jsdf", "\"balance\": 23");
    typed(&mut session, "\x04");
    ends_well(&mut session);
}

#[test]
fn pasted_lines_are_answered_one_after_the_other() {
    let engine = Engine::new();
    let mut session = start(&engine, &["--store", "memory:"]);
    typed(&mut session, "\x1b[200~send CreateAccount id=a\nsend DepositMoney id=a amount=2\x1b[201~\r");
    session.exp_string("@0  AccountCreated").unwrap();
    session.exp_string("@1  MoneyDeposited").unwrap();
}

#[test]
fn sigterm_at_the_prompt_closes_the_store_and_ends_well() {
    let engine = Engine::new();
    let mut session = start(&engine, &[]);
    ask(&mut session, "send CreateAccount id=a", "AccountCreated");
    session.process_mut().signal(Signal::SIGTERM).unwrap();
    ends_well(&mut session);
    assert_eq!(engine.events(), 1);
}

#[test]
fn colours_are_for_terminals_without_no_color() {
    let engine = Engine::new();
    let coloured = |no_color: Option<&str>| {
        let mut command = engine.command(&["--store", "memory:"]);
        command.env("TERM", "xterm");
        no_color.map(|value| command.env("NO_COLOR", value));
        let mut session = spawn_command(command, Some(PATIENCE_MS)).unwrap();
        session.exp_string("engine> ").unwrap();
        typed(&mut session, "read nowhere\r");
        let before = session.exp_string("does not exist").unwrap();
        before.contains("\x1b[31m") || before.contains("\x1b[1m\x1b[31m")
    };
    assert!(coloured(None));
    assert!(!coloured(Some("1")));
}
