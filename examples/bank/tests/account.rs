//! The account, as sentences.

use bank::account::{
    Account, AccountEvent, AccountEvent::*, AccountRejection::*, CloseAccount, CreateAccount, DepositMoney,
    Status, WithdrawMoney,
};
use engine::testing::{assert_pure, given};
use proptest::prelude::*;

fn id() -> String {
    "jsdf".to_owned()
}

fn create() -> CreateAccount {
    CreateAccount { id: id() }
}

fn deposit(amount: u64) -> DepositMoney {
    DepositMoney { id: id(), amount }
}

fn withdraw(amount: u64) -> WithdrawMoney {
    WithdrawMoney { id: id(), amount }
}

fn close() -> CloseAccount {
    CloseAccount { id: id() }
}

#[test]
fn an_account_is_created_with_nothing_in_it() {
    given::<Account>([])
        .when(create())
        .then([AccountCreated])
        .state(|account| assert_eq!(*account, Account { status: Status::Open, balance: 0 }));
}

#[test]
fn an_account_cannot_be_created_twice() {
    given::<Account>([AccountCreated]).when(create()).then_rejected(ExistsAlready { id: id() });
}

#[test]
fn a_deposit_raises_the_balance() {
    given::<Account>([AccountCreated, MoneyDeposited { amount: 20 }])
        .when(deposit(3))
        .then([MoneyDeposited { amount: 3 }])
        .state(|account| assert_eq!(account.balance, 23));
}

#[test]
fn a_withdrawal_of_the_whole_balance_leaves_nothing() {
    given::<Account>([AccountCreated, MoneyDeposited { amount: 23 }])
        .when(withdraw(23))
        .then([MoneyWithdrawn { amount: 23 }])
        .state(|account| assert_eq!(account.balance, 0));
}

#[test]
fn withdrawing_more_than_the_balance_is_declined_and_leaves_the_balance() {
    given::<Account>([AccountCreated, MoneyDeposited { amount: 23 }])
        .when(withdraw(40))
        .then([PaymentDeclined { amount: 40, balance: 23 }])
        .state(|account| assert_eq!(account.balance, 23));
}

#[test]
fn an_amount_of_zero_is_refused() {
    given::<Account>([AccountCreated]).when(deposit(0)).then_rejected(AmountIsZero);
    given::<Account>([AccountCreated]).when(withdraw(0)).then_rejected(AmountIsZero);
}

#[test]
fn a_balance_never_overflows() {
    given::<Account>([AccountCreated, MoneyDeposited { amount: u64::MAX }])
        .when(deposit(1))
        .then_rejected(TooMuchMoney { amount: 1, balance: u64::MAX });
}

#[test]
fn an_account_that_does_not_exist_cannot_be_used() {
    given::<Account>([]).when(deposit(1)).then_rejected(IsMissing { id: id() });
    given::<Account>([]).when(withdraw(1)).then_rejected(IsMissing { id: id() });
    given::<Account>([]).when(close()).then_rejected(IsMissing { id: id() });
}

#[test]
fn a_closed_account_cannot_be_used() {
    let closed = || given::<Account>([AccountCreated, AccountClosed]);
    closed().when(create()).then_rejected(IsClosed { id: id() });
    closed().when(deposit(1)).then_rejected(IsClosed { id: id() });
    closed().when(withdraw(1)).then_rejected(IsClosed { id: id() });
    closed().when(close()).then_rejected(IsClosed { id: id() });
}

#[test]
fn every_refusal_names_the_field_at_fault() {
    let refusals = [
        ExistsAlready { id: id() },
        IsMissing { id: id() },
        IsClosed { id: id() },
        AmountIsZero,
        TooMuchMoney { amount: 1, balance: 2 },
    ];
    for refusal in refusals {
        let message = refusal.to_string();
        assert!(message.contains("field `id`") || message.contains("field `amount`"), "{message}");
    }
}

#[test]
fn deciding_and_evolving_are_pure() {
    let past = [AccountCreated, MoneyDeposited { amount: 23 }];
    assert_pure::<Account, _>(&past, &create());
    assert_pure::<Account, _>(&past, &deposit(4));
    assert_pure::<Account, _>(&past, &withdraw(40));
    assert_pure::<Account, _>(&past, &close());
}

proptest! {
    #[test]
    fn the_balance_is_what_came_in_less_what_went_out(amounts in prop::collection::vec((any::<bool>(), 0_u64..100), 0..50)) {
        use engine::{Aggregate, Decide};
        let mut account = Account::default().evolve(&AccountCreated);
        let mut balance = 0_u64;
        for (comes_in, amount) in amounts {
            let answer = if comes_in { account.decide(&deposit(amount)) } else { account.decide(&withdraw(amount)) };
            match answer.as_deref() {
                Ok([MoneyDeposited { amount }]) => balance += amount,
                Ok([MoneyWithdrawn { amount }]) => balance -= amount,
                Ok([PaymentDeclined { .. }]) => prop_assert!(amount > balance),
                Ok(other) => prop_assert!(false, "{other:?}"),
                Err(_) => prop_assert_eq!(amount, 0),
            }
            account = answer.unwrap_or_default().iter().fold(account, |account: Account, event: &AccountEvent| account.evolve(event));
            prop_assert_eq!(account.balance, balance);
        }
    }
}
