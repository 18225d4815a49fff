//! What a failed expectation says.

#![allow(missing_docs)]

mod bank;

use bank::{Account, NotEnough, deposit, deposited, withdraw, withdrawn};
use engine_types::testing::given;

#[test]
fn a_test_of_pure_code_reads_as_a_sentence() {
    given::<Account>([deposited(23)])
        .state(|account| assert_eq!(account.balance, 23))
        .when(withdraw(20))
        .then([withdrawn(20)])
        .state(|account| assert_eq!(account.balance, 3));
    given::<Account>([]).when(deposit(0)).then_nothing();
    given::<Account>([deposited(23)]).when(withdraw(40)).then_rejected(NotEnough { missing: 17 });
}

#[test]
#[should_panic(expected = "the command was refused (17 cents are missing); expected events")]
fn a_refusal_instead_of_events_is_quoted() {
    given::<Account>([deposited(23)]).when(withdraw(40)).then([withdrawn(40)]);
}

#[test]
#[should_panic(expected = "events\n  expected: [\n    Withdrawn {\n        amount: 2,")]
fn other_events_are_shown_beside_the_expected_ones() {
    given::<Account>([deposited(23)]).when(withdraw(1)).then([withdrawn(2)]);
}

#[test]
#[should_panic(expected = "events\n  expected: []")]
fn events_where_nothing_should_happen_are_shown() {
    given::<Account>([]).when(deposit(1)).then_nothing();
}

#[test]
#[should_panic(expected = "the command was accepted")]
fn events_instead_of_a_refusal_are_shown() {
    given::<Account>([deposited(23)]).when(withdraw(1)).then_rejected(NotEnough { missing: 1 });
}

#[test]
#[should_panic(
    expected = "refusal\n  expected: NotEnough { missing: 1 }\n  actual:   NotEnough { missing: 17 }"
)]
fn another_refusal_is_shown_beside_the_expected_one() {
    given::<Account>([deposited(23)]).when(withdraw(40)).then_rejected(NotEnough { missing: 1 });
}
