//! Decisions of several steps.

#![allow(missing_docs)]

mod bank;

use bank::{Account, AccountEvent, NotEnough, withdrawn};
use engine_types::Multi;

fn withdraw_all(account: &Account, amounts: &[u64]) -> Result<Vec<AccountEvent>, NotEnough> {
    Multi::on(account).each(amounts, |account, amount| account.withdraw(*amount))?.done()
}

#[test]
fn each_step_sees_the_state_after_the_steps_before_it() {
    let account = Account { balance: 10 };
    assert_eq!(withdraw_all(&account, &[6, 4]), Ok(vec![withdrawn(6), withdrawn(4)]));
    assert_eq!(withdraw_all(&account, &[6, 5]), Err(NotEnough { missing: 1 }));
    assert_eq!(account, Account { balance: 10 });
}

#[test]
fn no_steps_are_no_events() {
    assert_eq!(withdraw_all(&Account::default(), &[]), Ok(vec![]));
}

#[test]
fn the_state_so_far_can_be_looked_at() {
    let multi = Multi::on(&Account { balance: 10 }).step(|account| account.withdraw(3)).unwrap();
    assert_eq!(multi.state(), &Account { balance: 7 });
}
