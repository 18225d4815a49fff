//! One event enum that gathers the events of several others.

#![allow(missing_docs)]

use engine_macros::Event;
use engine_types::{
    Event, Upcasters,
    event::{DecodeError, Decoder},
    testing::assert_survives_storage,
};

#[derive(Debug, PartialEq, Event)]
#[event(upcasters = account_history, crate = engine_types)]
enum AccountEvent {
    Opened,
    #[event(version = 2)]
    Deposited {
        cents: u64,
    },
}

fn account_history() -> Upcasters<'static> {
    Upcasters::new().one(
        "Deposited",
        1,
        |data| serde_json::json!({ "cents": data["euros"].as_u64().map(|n| n * 100) }),
    )
}

#[derive(Debug, PartialEq, Event)]
#[event(upcasters = loan_history, crate = engine_types)]
enum LoanEvent {
    /// Money was lent.
    Granted(u64),
}

fn loan_history() -> Upcasters<'static> {
    Upcasters::new().rename("Lent", "Granted")
}

#[derive(Debug, PartialEq, Event)]
#[event(upcasters = own_history, crate = engine_types)]
enum Everything {
    DayBegan,
    #[event(flatten)]
    Account(AccountEvent),
    DayEnded {
        day: u32,
    },
    #[event(flatten)]
    Loan(LoanEvent),
}

fn own_history() -> Upcasters<'static> {
    Upcasters::new().drop("Noon")
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
enum Wider {
    #[event(flatten)]
    Everything(Everything),
}

#[test]
fn types_stand_in_the_place_of_their_variant() {
    let names: Vec<_> = Everything::TYPES.iter().map(|known| (known.name, known.version)).collect();
    assert_eq!(names, [("DayBegan", 1), ("Opened", 1), ("Deposited", 2), ("DayEnded", 1), ("Granted", 1)]);
    assert_eq!(Everything::TYPES[4].doc, "Money was lent.");
    assert_eq!(Wider::TYPES, Everything::TYPES);
}

#[test]
fn inner_events_are_written_and_read_as_they_are_alone() {
    let gathered = Everything::Account(AccountEvent::Deposited { cents: 5 });
    assert_eq!(gathered.event_type(), &AccountEvent::TYPES[1]);
    assert_eq!(gathered.to_json().unwrap(), AccountEvent::Deposited { cents: 5 }.to_json().unwrap());
    assert_survives_storage(&gathered);
    assert_survives_storage(&Everything::Loan(LoanEvent::Granted(3)));
    assert_survives_storage(&Everything::DayBegan);
    assert_survives_storage(&Everything::DayEnded { day: 1 });
    assert_survives_storage(&Wider::Everything(Everything::Loan(LoanEvent::Granted(3))));
}

#[test]
fn a_name_of_none_of_them_is_unknown() {
    let fault = Everything::from_json("Account", b"{}").unwrap_err();
    assert!(matches!(fault, DecodeError::UnknownType { .. }));
}

#[test]
fn the_upcasters_of_all_of_them_apply() {
    let decoder = Decoder::<Wider>::default();
    let deposited = Everything::Account(AccountEvent::Deposited { cents: 700 });
    assert_eq!(decoder.decode("Deposited", 1, br#"{ "euros": 7 }"#).unwrap(), [Wider::Everything(deposited)]);
    let granted = Everything::Loan(LoanEvent::Granted(9));
    assert_eq!(decoder.decode("Lent", 1, b"9").unwrap(), [Wider::Everything(granted)]);
    assert_eq!(decoder.decode("Noon", 1, b"{}").unwrap(), []);
    assert_eq!(decoder.unreadable_version(), None);
}
