//! What `#[derive(Event)]` writes and reads.

#![allow(missing_docs, clippy::unwrap_used, clippy::ref_option)]

use std::collections::BTreeMap;

use engine_macros::Event;
use engine_types::{
    Event, RawEvent, Upcasters,
    event::{DecodeError, Decoder, EventType},
    testing::assert_survives_storage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    street: String,
}

/// Nothing here derives serde's traits.
#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = engine_types)]
pub enum AccountEvent {
    /// The account exists
    /// from now on.
    AccountCreated,
    #[event(name = "MoneyPaidIn", version = 3)]
    MoneyDeposited {
        amount: u64,
        r#type: Option<String>,
    },
    AddressChanged(Address),
    LimitSet(u64),
    Empty {},
}

fn written(event: &impl Event) -> Value {
    serde_json::from_slice(&event.to_json().unwrap()).unwrap()
}

fn read<E: Event>(event_type: &str, data: &Value) -> Result<E, DecodeError> {
    E::from_json(event_type, data.to_string().as_bytes())
}

fn deposited(amount: u64) -> AccountEvent {
    AccountEvent::MoneyDeposited { amount, r#type: None }
}

#[test]
fn types_have_names_versions_and_docs_in_order() {
    let created = EventType { name: "AccountCreated", version: 1, doc: "The account exists from now on." };
    assert_eq!(AccountEvent::TYPES[0], created);
    let seen: Vec<_> = AccountEvent::TYPES.iter().map(|known| (known.name, known.version)).collect();
    let expected =
        [("AccountCreated", 1), ("MoneyPaidIn", 3), ("AddressChanged", 1), ("LimitSet", 1), ("Empty", 1)];
    assert_eq!(seen, expected);
    assert_eq!(deposited(1).event_type(), &AccountEvent::TYPES[1]);
    assert_eq!(AccountEvent::Empty {}.event_type().name, "Empty");
}

#[test]
fn data_is_the_fields_without_the_name() {
    let moved = AccountEvent::AddressChanged(Address { street: "Elm".into() });
    assert_eq!(written(&AccountEvent::AccountCreated), json!({}));
    assert_eq!(written(&AccountEvent::Empty {}), json!({}));
    assert_eq!(written(&deposited(5)), json!({ "amount": 5, "type": null }));
    assert_eq!(written(&moved), json!({ "street": "Elm" }));
    assert_eq!(written(&AccountEvent::LimitSet(9)), json!(9));
}

#[test]
fn every_form_survives_storage() {
    assert_survives_storage(&AccountEvent::AccountCreated);
    assert_survives_storage(&AccountEvent::MoneyDeposited { amount: 5, r#type: Some("cash".into()) });
    assert_survives_storage(&AccountEvent::AddressChanged(Address { street: "Elm".into() }));
    assert_survives_storage(&AccountEvent::LimitSet(u64::MAX));
    assert_survives_storage(&AccountEvent::Empty {});
}

#[test]
fn fields_that_came_later_are_ignored() {
    let later = json!({ "amount": 5, "currency": "EUR" });
    assert_eq!(read::<AccountEvent>("MoneyPaidIn", &later).unwrap(), deposited(5));
    let later = json!({ "by": { "name": [1, 2] } });
    assert_eq!(read::<AccountEvent>("AccountCreated", &later).unwrap(), AccountEvent::AccountCreated);
}

#[test]
fn an_event_without_fields_is_an_object_all_the_same() {
    for data in [json!(null), json!([]), json!("text"), json!(1)] {
        let fault = read::<AccountEvent>("AccountCreated", &data).unwrap_err();
        assert!(matches!(fault, DecodeError::Malformed { event_type, .. } if event_type == "AccountCreated"));
    }
    assert!(AccountEvent::from_json("AccountCreated", b"{} {}").is_err());
}

#[test]
fn fields_are_not_read_by_their_order() {
    assert!(read::<AccountEvent>("MoneyPaidIn", &json!([5, null])).is_err());
}

#[test]
fn a_fault_names_type_and_field() {
    let fault = read::<AccountEvent>("MoneyPaidIn", &json!({ "amount": "five" })).unwrap_err();
    let DecodeError::Malformed { event_type, source } = fault else { panic!("{fault}") };
    assert_eq!(event_type, "MoneyPaidIn");
    assert!(source.to_string().starts_with("field `amount`: invalid type: string \"five\""), "{source}");

    let fault = read::<AccountEvent>("MoneyPaidIn", &json!({})).unwrap_err();
    let DecodeError::Malformed { source, .. } = fault else { panic!("{fault}") };
    assert!(source.to_string().starts_with("missing field `amount`"), "{source}");
}

#[test]
fn the_identifier_of_a_renamed_variant_is_not_a_name_on_disk() {
    let fault = read::<AccountEvent>("MoneyDeposited", &json!({ "amount": 5 })).unwrap_err();
    assert!(matches!(fault, DecodeError::UnknownType { event_type, .. } if event_type == "MoneyDeposited"));
}

mod cents {
    use serde::{Deserialize, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(super) fn serialize<S: Serializer>(cents: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}.{:02}", cents / 100, cents % 100))
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?.replace('.', "");
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Takes exactly `&Option<String>`, so that a `&&Option<String>` would not compile.
fn is_boring(note: &Option<String>) -> bool {
    note.as_deref().is_none_or(str::is_empty)
}

fn usual() -> String {
    "EUR".into()
}

#[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
struct Extra {
    by: String,
}

/// Derives serde's traits too, which changes nothing.
#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(crate = engine_types)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
enum Ledger {
    PaidIn {
        #[serde(with = "cents")]
        amount_cents: u64,
        #[serde(default = "usual", skip_serializing_if = "str::is_empty")]
        currency_code: String,
        #[serde(default, skip_serializing_if = "is_boring")]
        note_text: Option<String>,
        #[serde(rename = "tags", alias = "labels", default, skip_serializing_if = "Vec::is_empty")]
        all_tags: Vec<String>,
        #[serde(skip)]
        cache: u64,
        #[serde(flatten)]
        extra: Extra,
    },
    #[serde(rename_all = "SCREAMING_SNAKE_CASE", rename = "never a name on disk")]
    PaidOut {
        amount_cents: u64,
    },
    Nothing,
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
#[serde(rename_all = "kebab-case")]
enum Charge {
    FeePaid { amount_cents: u64 },
    FeeSet(#[serde(with = "cents")] u64),
}

fn paid_in() -> Ledger {
    let extra = Extra { by: "ann".into() };
    Ledger::PaidIn {
        amount_cents: 1205,
        currency_code: "EUR".into(),
        note_text: None,
        all_tags: vec![],
        cache: 0,
        extra,
    }
}

#[test]
fn field_attributes_of_serde_are_followed_when_writing() {
    assert_eq!(written(&paid_in()), json!({ "amountCents": "12.05", "currencyCode": "EUR", "by": "ann" }));
}

#[test]
fn field_attributes_of_serde_are_followed_when_reading() {
    assert_eq!(read::<Ledger>("PaidIn", &json!({ "amountCents": "12.05", "by": "ann" })).unwrap(), paid_in());
    let data = json!({ "amountCents": "0.01", "labels": ["x"], "noteText": "hi", "by": "bob", "cache": 5 });
    let Ledger::PaidIn { amount_cents: 1, all_tags, note_text, cache: 0, .. } =
        read("PaidIn", &data).unwrap()
    else {
        panic!("other fields were read")
    };
    assert_eq!((all_tags, note_text), (vec!["x".to_owned()], Some("hi".to_owned())));
    assert_survives_storage(&paid_in());
}

#[test]
fn rename_all_of_the_variant_goes_before_that_of_the_enum() {
    assert_eq!(written(&Ledger::PaidOut { amount_cents: 1 }), json!({ "AMOUNT_CENTS": 1 }));
    assert_survives_storage(&Ledger::PaidOut { amount_cents: 1 });
    assert_eq!(written(&Charge::FeePaid { amount_cents: 1 }), json!({ "amount-cents": 1 }));
    assert_survives_storage(&Charge::FeePaid { amount_cents: 1 });
}

#[test]
fn names_on_disk_are_not_serdes() {
    let names: Vec<_> = Ledger::TYPES.iter().chain(Charge::TYPES).map(|known| known.name).collect();
    assert_eq!(names, ["PaidIn", "PaidOut", "Nothing", "FeePaid", "FeeSet"]);
}

#[test]
fn a_function_may_read_and_write_an_unnamed_field() {
    assert_eq!(written(&Charge::FeeSet(250)), json!("2.50"));
    assert_survives_storage(&Charge::FeeSet(250));
}

#[test]
fn serde_on_the_enum_itself_works_beside_the_derive() {
    let json = serde_json::to_value(Ledger::Nothing).unwrap();
    assert_eq!(json, json!({ "kind": "Nothing" }));
    assert_eq!(serde_json::from_value::<Ledger>(json).unwrap(), Ledger::Nothing);
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
enum Odd {
    Keyed { by_pair: BTreeMap<(u8, u8), u8> },
}

#[test]
fn what_json_cannot_hold_is_an_error_not_a_panic() {
    assert!(Odd::Keyed { by_pair: BTreeMap::from([((1, 2), 3)]) }.to_json().is_err());
}

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(crate = engine_types)]
enum Tree {
    Grown { from: Option<Box<Self>>, all: Vec<Self> },
    Planted,
}

#[test]
fn self_in_a_field_still_means_the_enum() {
    assert_survives_storage(&Tree::Grown { from: Some(Box::new(Tree::Planted)), all: vec![Tree::Planted] });
}

/// Helpers of the derive must not hide the user's own types, whatever they are called.
mod same_names {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Fields(pub(super) u8);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Data(pub(super) u8);

    #[derive(Debug, PartialEq, Event)]
    #[event(crate = engine_types)]
    pub(super) enum Event {
        EventType { event_type: Fields, data: Data, serializer: u8, fields: u8 },
        Inner(Fields),
    }
}

#[test]
fn the_users_names_are_free() {
    use same_names::{Data, Event, Fields};
    assert_survives_storage(&Event::EventType {
        event_type: Fields(1),
        data: Data(2),
        serializer: 3,
        fields: 4,
    });
    assert_survives_storage(&Event::Inner(Fields(1)));
}

#[derive(Debug, PartialEq, Event)]
#[event(upcasters = history::of_moved, crate = engine_types)]
enum Moved {
    #[event(version = 2)]
    Moved { to: String, country: String },
}

mod history {
    use super::*;

    pub(super) fn of_moved() -> Upcasters<'static> {
        Upcasters::new().rename("Relocated", "Moved").one("Moved", 1, |mut data| {
            data["country"] = json!("DE");
            data
        })
    }
}

#[test]
fn older_versions_and_names_are_read_through_the_upcasters() {
    let decoder = Decoder::<Moved>::default();
    let today = Moved::Moved { to: "Bonn".into(), country: "DE".into() };
    assert_eq!(decoder.decode("Relocated", 1, br#"{ "to": "Bonn" }"#).unwrap(), [today]);
    assert_eq!(decoder.unreadable_version(), None);
    let future = decoder.decode("Moved", 3, b"{}").unwrap_err();
    assert!(matches!(future, DecodeError::UnknownType { version: 3, .. }), "{future}");
    let raw = RawEvent::new("Moved", 1, json!({ "to": "Bonn" }));
    assert_eq!(Moved::upcasters().bring_up_to_date(raw).unwrap()[0].version, 2);
}

/// An event that is no longer written is still read, which the derive must not be blamed for.
#[deny(deprecated)]
mod retired {
    use engine_macros::Event;

    #[derive(Debug, PartialEq, Event)]
    #[event(crate = engine_types)]
    pub(super) enum Retired {
        #[deprecated = "nobody writes this any more"]
        Old,
        #[deprecated = "nobody writes this any more"]
        OldFields {
            #[deprecated = "never filled"]
            empty: u8,
        },
    }
}

#[test]
fn deprecated_events_are_read_without_a_warning() {
    use retired::Retired;
    assert_eq!(read::<Retired>("Old", &json!({})).unwrap().event_type().name, "Old");
    assert_eq!(read::<Retired>("OldFields", &json!({ "empty": 1 })).unwrap().event_type().name, "OldFields");
}
