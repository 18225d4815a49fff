//! Transfers: the pure machine, and money that only ever moves.

#![allow(missing_docs, clippy::unwrap_used)]

use bank::{
    account::{Account, AccountEvent, CloseAccount, CreateAccount, DepositMoney, RefundMoney, WithdrawMoney},
    transfer::{
        CompleteMoneyTransfer, FailMoneyTransfer, Transfer, TransferEvent, TransferMoney, TransferRejection,
        TransferStatus,
    },
    transfer_process::{
        Stage, TransferProcess,
        TransferProcessEvent::{self, Account as OfAccount, Transfer as OfTransfer},
    },
};
use engine::{
    Bus, Reaction, Route,
    testing::{given, given_process},
};

const AMOUNT: u64 = 40;

fn requested() -> TransferProcessEvent {
    OfTransfer(TransferEvent::MoneyTransferRequested { from: "a".into(), to: "b".into(), amount: AMOUNT })
}

fn withdrawn() -> TransferProcessEvent {
    OfAccount(AccountEvent::MoneyWithdrawn { amount: AMOUNT })
}

fn deposited() -> TransferProcessEvent {
    OfAccount(AccountEvent::MoneyDeposited { amount: AMOUNT })
}

fn transfer() -> TransferMoney {
    TransferMoney { id: "t".into(), from: "a".into(), to: "b".into(), amount: AMOUNT }
}

fn deposit(id: &str) -> DepositMoney {
    DepositMoney { id: id.into(), amount: AMOUNT }
}

#[test]
fn a_transfer_begins_by_taking_the_money_out() {
    given_process::<TransferProcess>([])
        .in_stream("transfer-t")
        .routes(requested(), Route::Start("t".into()))
        .when(requested())
        .then_sends([WithdrawMoney { id: "a".into(), amount: AMOUNT }])
        .state(|process| assert_eq!((process.stage, process.id.as_str()), (Stage::Withdrawing, "t")));
}

#[test]
fn an_account_answers_to_the_transfer_that_asked_it() {
    given_process::<TransferProcess>([requested()])
        .answering("t")
        .routes(withdrawn(), Route::ContinueIfRunning("t".into()));
    given_process::<TransferProcess>([requested()]).routes(withdrawn(), Route::Ignore);
}

#[test]
fn what_was_taken_out_is_put_in_and_the_transfer_completed() {
    given_process::<TransferProcess>([requested()]).when(withdrawn()).then(Reaction::send(deposit("b")));
    given_process::<TransferProcess>([requested(), withdrawn()])
        .when(deposited())
        .then_sends([CompleteMoneyTransfer { id: "1".into() }])
        .goes_on();
    given_process::<TransferProcess>([requested(), withdrawn(), deposited()])
        .when(OfTransfer(TransferEvent::MoneyTransferCompleted))
        .then_nothing()
        .state(|process| assert_eq!(process.stage, Stage::Completed))
        .has_ended();
}

#[test]
fn where_there_is_too_little_the_transfer_fails() {
    given_process::<TransferProcess>([requested()])
        .when(OfAccount(AccountEvent::PaymentDeclined { amount: AMOUNT, balance: 3 }))
        .then_sends([FailMoneyTransfer {
            id: "1".into(),
            reason: "40 cannot be taken from a balance of 3".into(),
        }])
        .state(|process| assert_eq!(process.stage, Stage::Failing));
}

#[test]
fn where_the_target_does_not_take_the_money_it_goes_back() {
    given_process::<TransferProcess>([requested(), withdrawn()])
        .when_rejected(deposit("b"), "IsClosed")
        .then_sends([RefundMoney { id: "a".into(), amount: AMOUNT }])
        .state(|process| assert_eq!(process.stage, Stage::Refunding));
}

#[test]
fn where_there_is_no_source_the_transfer_fails() {
    given_process::<TransferProcess>([requested()])
        .when_rejected(WithdrawMoney { id: "a".into(), amount: AMOUNT }, "IsMissing")
        .then_sends([FailMoneyTransfer { id: "1".into(), reason: "IsMissing".into() }]);
}

#[test]
fn a_message_that_a_state_does_not_know_waits_for_an_operator() {
    given_process::<TransferProcess>([requested()])
        .when(deposited())
        .then_parked("`MoneyDeposited` is not valid in state Withdrawing");
}

#[test]
fn a_refund_that_is_refused_waits_for_an_operator() {
    given_process::<TransferProcess>([requested(), withdrawn()])
        .when_rejected(RefundMoney { id: "a".into(), amount: AMOUNT }, "TooMuchMoney")
        .then_parked("TooMuchMoney");
}

#[test]
fn a_transfer_is_asked_for_once_for_some_money_and_to_another_account() {
    given::<Transfer>([])
        .when(TransferMoney { amount: 0, ..transfer() })
        .then_rejected(TransferRejection::AmountIsZero);
    given::<Transfer>([])
        .when(TransferMoney { to: "a".into(), ..transfer() })
        .then_rejected(TransferRejection::SameAccount);
    given::<Transfer>([TransferEvent::MoneyTransferRequested {
        from: "a".into(),
        to: "b".into(),
        amount: 1,
    }])
    .when(transfer())
    .then_rejected(TransferRejection::ExistsAlready { id: "t".into() });
}

#[test]
fn a_closed_account_takes_its_own_money_back_and_no_other() {
    let closed = || [AccountEvent::AccountCreated, AccountEvent::AccountClosed];
    given::<Account>(closed())
        .when(RefundMoney { id: "a".into(), amount: 4 })
        .then([AccountEvent::MoneyDeposited { amount: 4 }]);
}

/// Waits until a transfer has ended.
async fn ended(bus: &Bus, id: &str) -> TransferStatus {
    tokio::time::timeout(std::time::Duration::from_secs(20), async {
        loop {
            let head = bus.store().head().await.unwrap().unwrap();
            bus.handlers().wait_for("transfers", head, std::time::Duration::from_secs(20)).await.unwrap();
            let state = bus.state::<Transfer>(id, None).await.unwrap();
            match state.map(|state| state.state.status) {
                Some(status @ (TransferStatus::Completed | TransferStatus::Failed)) => break status,
                _ => tokio::task::yield_now().await,
            }
        }
    })
    .await
    .unwrap()
}

async fn balance(bus: &Bus, id: &str) -> u64 {
    bus.state::<Account>(id, None).await.unwrap().map_or(0, |state| state.state.balance)
}

async fn bank() -> Bus {
    let bus = bank::app().start(engine::stores::open("memory:").await.unwrap()).await.unwrap();
    for id in ["a", "b", "closed"] {
        bus.send_command(CreateAccount { id: id.into() }).await.unwrap();
    }
    bus.send_command(DepositMoney { id: "a".into(), amount: 100 }).await.unwrap();
    bus.send_command(CloseAccount { id: "closed".into() }).await.unwrap();
    bus
}

#[tokio::test]
async fn money_moves_from_one_account_to_the_other() {
    let bus = bank().await;
    bus.send_command(transfer()).await.unwrap();
    assert_eq!(ended(&bus, "t").await, TransferStatus::Completed);
    assert_eq!((balance(&bus, "a").await, balance(&bus, "b").await), (60, 40));
}

#[tokio::test]
async fn a_transfer_to_an_account_that_cannot_take_it_leaves_the_money_where_it_was() {
    let bus = bank().await;
    for to in ["closed", "missing"] {
        bus.send_command(TransferMoney { id: to.into(), to: to.into(), ..transfer() }).await.unwrap();
        assert_eq!(ended(&bus, to).await, TransferStatus::Failed);
        assert_eq!(balance(&bus, "a").await, 100);
    }
    let report = bus.processes().show("transfers", "closed").await.unwrap();
    let told: Vec<_> = report.history.iter().map(|entry| entry.kind).collect();
    assert_eq!(told, ["handled", "handled", "refused", "handled", "handled"]);
    assert_eq!(report.summary.stage, Some("Failed"));
}

#[tokio::test]
async fn a_transfer_of_more_than_there_is_fails() {
    let bus = bank().await;
    bus.send_command(TransferMoney { amount: 101, ..transfer() }).await.unwrap();
    assert_eq!(ended(&bus, "t").await, TransferStatus::Failed);
    assert_eq!((balance(&bus, "a").await, balance(&bus, "b").await), (100, 0));
}

#[tokio::test]
async fn any_transfers_leave_the_sum_of_the_balances_as_it_was() {
    let bus = bank().await;
    let accounts = ["a", "b", "closed", "missing"];
    for number in 0..60_u64 {
        let (from, to) = (accounts[(number % 4) as usize], accounts[(number / 4 % 4) as usize]);
        let asked = TransferMoney {
            id: format!("t{number}"),
            from: from.into(),
            to: to.into(),
            amount: 1 + number * 7 % 50,
        };
        let is_possible = from != to;
        assert_eq!(bus.send_command(asked).await.is_ok(), is_possible);
    }
    for number in (0..60_u64).filter(|number| number % 4 != number / 4 % 4) {
        ended(&bus, &format!("t{number}")).await;
    }
    assert_eq!(balance(&bus, "a").await + balance(&bus, "b").await, 100);
    let page = bus.processes().list("transfers", Some("running"), None, 100).await.unwrap();
    assert_eq!(page.instances, [], "all have ended");
}
