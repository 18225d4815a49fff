//! Money is neither made nor lost: a property of any deposits, withdrawals, closings and transfers, in any order, many
//! transfers under way at once.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bank::{
    account::{Account, AccountEvent, CloseAccount, CreateAccount, DepositMoney, WithdrawMoney},
    transfer::{Transfer, TransferMoney, TransferStatus},
};
use engine::{Bus, store::memory::MemoryStore};
use proptest::prelude::*;

/// The accounts, of which the last is never opened.
const ACCOUNTS: [&str; 5] = ["a", "b", "c", "d", "missing"];

/// Something that somebody asks for.
#[derive(Debug, Clone)]
enum Step {
    Deposit(usize, u64),
    Withdraw(usize, u64),
    Close(usize),
    Transfer {
        from: usize,
        to: usize,
        amount: u64,
    },
    /// Waits until all that was asked for has come about.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let account = || 0..ACCOUNTS.len();
    prop_oneof![
        3 => (account(), 1..100_u64).prop_map(|(account, amount)| Step::Deposit(account, amount)),
        1 => (account(), 1..100_u64).prop_map(|(account, amount)| Step::Withdraw(account, amount)),
        1 => account().prop_map(Step::Close),
        9 => (account(), account(), 1..80_u64)
            .prop_map(|(from, to, amount)| Step::Transfer { from, to, amount }),
        1 => Just(Step::Settle),
    ]
}

/// What came of the steps.
#[derive(Debug, Default)]
struct Told {
    paid_in: u64,
    paid_out: u64,
    /// The transfers that were accepted, each with what it is to move.
    transfers: BTreeMap<String, (usize, usize, u64)>,
}

/// Lets somebody ask for something; a refusal by the domain is an answer like any other.
async fn ask(bus: &Bus, number: usize, step: &Step, told: &mut Told) {
    let id = |account: usize| ACCOUNTS[account].to_owned();
    match *step {
        Step::Deposit(account, amount) => {
            let paid = bus.send_command(DepositMoney { id: id(account), amount }).await.is_ok();
            told.paid_in += if paid { amount } else { 0 };
        }
        Step::Withdraw(account, amount) => {
            let answer = bus.send_command(WithdrawMoney { id: id(account), amount }).await;
            let paid = answer.is_ok_and(|receipt| {
                receipt.events.iter().any(|event| matches!(event, AccountEvent::MoneyWithdrawn { .. }))
            });
            told.paid_out += if paid { amount } else { 0 };
        }
        Step::Close(account) => drop(bus.send_command(CloseAccount { id: id(account) }).await),
        Step::Transfer { from, to, amount } => {
            let transfer = format!("t{number}");
            let command = TransferMoney { id: transfer.clone(), from: id(from), to: id(to), amount };
            let accepted = bus.send_command(command).await.is_ok();
            assert_eq!(accepted, from != to);
            if accepted {
                told.transfers.insert(transfer, (from, to, amount));
            }
        }
        Step::Settle => bus.processes().settle(Duration::from_secs(60)).await,
    }
}

async fn balances(bus: &Bus) -> BTreeMap<&'static str, u64> {
    let mut balances = BTreeMap::new();
    for account in ACCOUNTS {
        let state = bus.state::<Account>(account, None).await.unwrap();
        balances.insert(account, state.map_or(0, |state| state.state.balance));
    }
    balances
}

async fn play(steps: Vec<Step>) {
    let bus = bank::app().start(Arc::new(MemoryStore::new())).await.unwrap();
    for account in &ACCOUNTS[..4] {
        bus.send_command(CreateAccount { id: (*account).to_owned() }).await.unwrap();
    }
    let mut told = Told::default();
    for (number, step) in steps.iter().enumerate() {
        ask(&bus, number, step, &mut told).await;
    }
    bus.processes().settle(Duration::from_secs(60)).await;
    let balances = balances(&bus).await;
    assert_eq!(balances.values().sum::<u64>(), told.paid_in - told.paid_out, "{told:?} {balances:?}");
    assert_eq!(balances["missing"], 0);
    for transfer in told.transfers.keys() {
        let status = bus.state::<Transfer>(transfer, None).await.unwrap().unwrap().state.status;
        assert!(
            matches!(status, TransferStatus::Completed | TransferStatus::Failed),
            "{transfer}: {status:?}"
        );
    }
    let running = bus.processes().list("transfers", Some("running"), None, 10).await.unwrap();
    let parked = bus.processes().list("transfers", Some("parked"), None, 10).await.unwrap();
    assert_eq!((running.instances, parked.instances), (vec![], vec![]), "all have ended");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_sum_of_the_balances_is_what_was_paid_in_and_not_paid_out(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(play(steps));
    }
}
