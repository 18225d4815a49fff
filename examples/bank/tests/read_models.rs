//! The read models of the bank, as sentences.

use bank::{
    account::{AccountEvent::*, Status},
    read_models::{AccountBalance, Balances, Kind, Line, Statement, StatementOf, Statements, TopBalances},
};
use engine::{RowKey, testing::given_events};

fn balance(account: &str, balance: u64, status: Status) -> AccountBalance {
    AccountBalance { account: account.to_owned(), balance, status }
}

fn line(number: u64, kind: Kind, amount: u64, balance: u64) -> Line {
    Line { number, at: "1970-01-01T00:00:00.000000Z".to_owned(), kind, amount, balance }
}

fn statement_of(account: &str) -> StatementOf {
    StatementOf { account: account.to_owned(), after: None, limit: None }
}

#[test]
fn a_balance_follows_what_comes_in_and_goes_out() {
    given_events([
        ("account-jsdf", AccountCreated),
        ("account-jsdf", MoneyDeposited { amount: 30 }),
        ("account-jsdf", MoneyWithdrawn { amount: 7 }),
        ("account-jsdf", PaymentDeclined { amount: 40, balance: 23 }),
    ])
    .project::<Balances>()
    .row("jsdf", balance("jsdf", 23, Status::Open))
    .no_row("anna");
}

#[test]
fn the_most_money_comes_first_and_equal_balances_by_name() {
    let projected = given_events([
        ("account-b", AccountCreated),
        ("account-a", AccountCreated),
        ("account-c", AccountCreated),
        ("account-c", MoneyDeposited { amount: 5 }),
        ("account-b", AccountClosed),
    ])
    .project::<Balances>();
    let (c, a, b) =
        (balance("c", 5, Status::Open), balance("a", 0, Status::Open), balance("b", 0, Status::Closed));
    projected
        .answers(TopBalances { limit: Some(1) }, vec![c.clone()])
        .answers(TopBalances { limit: None }, vec![c, a, b]);
}

#[test]
fn a_statement_has_each_movement_with_the_balance_after_it() {
    given_events([
        ("account-jsdf", AccountCreated),
        ("account-jsdf", MoneyDeposited { amount: 30 }),
        ("account-jsd", AccountCreated),
        ("account-jsdf", PaymentDeclined { amount: 40, balance: 30 }),
        ("account-jsdf", MoneyWithdrawn { amount: 7 }),
        ("account-jsdf", AccountClosed),
    ])
    .project::<Statements>()
    .keys(["jsd".into(), "jsdf".into(), RowKey::numbered("jsdf", 1), RowKey::numbered("jsdf", 3)])
    .row("jsdf", line(4, Kind::Closed, 0, 23))
    .answers(
        statement_of("jsdf"),
        Statement {
            account: "jsdf".to_owned(),
            balance: 23,
            movements: vec![line(1, Kind::Deposit, 30, 30), line(3, Kind::Withdrawal, 7, 23)],
        },
    )
    .answers(
        StatementOf { after: Some(1), ..statement_of("jsdf") },
        Statement {
            account: "jsdf".to_owned(),
            balance: 23,
            movements: vec![line(3, Kind::Withdrawal, 7, 23)],
        },
    )
    .answers(statement_of("jsd"), Statement { account: "jsd".to_owned(), balance: 0, movements: Vec::new() });
}

#[test]
fn an_account_that_does_not_exist_has_no_statement() {
    let projected = given_events([("account-a", AccountCreated)]).project::<Statements>();
    let refused = projected.ask(&statement_of("b")).unwrap_err();
    assert_eq!(refused.to_string(), "there is no account `b`; create it with CreateAccount");
}
