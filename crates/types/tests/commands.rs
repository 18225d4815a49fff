//! Reading commands: whatever is wrong with a body, the message names the field.

#![allow(missing_docs, clippy::unwrap_used)]

mod bank;

use bank::{DepositMoney, deposit};
use engine_macros::Command;
use engine_types::{
    Decide,
    command::{InvalidCommand, from_json, from_texts},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn refused(body: Value) -> InvalidCommand {
    from_json::<DepositMoney>(body).unwrap_err()
}

fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_complete_body_is_read() {
    assert_eq!(from_json::<DepositMoney>(json!({ "id": "jsdf", "amount": 23 })).unwrap(), deposit(23));
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    let fault = refused(json!({ "id": "jsdf", "amout": 23 }));
    assert_eq!(fault.field.as_deref(), Some("amout"));
    assert_eq!(
        fault.message,
        "field `amout`: is not known to DepositMoney, which takes id: String, amount: u64, \
         note: Option<String>, urgent: bool, labels: Vec<u8>; did you mean `amount`?"
    );
}

#[test]
fn an_unknown_field_that_resembles_none_gets_no_hint() {
    let fault = refused(json!({ "id": "jsdf", "amount": 23, "zzz": 1 }));
    assert_eq!(fault.field.as_deref(), Some("zzz"));
    assert!(!fault.message.contains("did you mean"), "{fault}");
}

#[test]
fn a_missing_field_is_named_with_what_the_command_takes() {
    let fault = refused(json!({ "id": "jsdf" }));
    assert_eq!(fault.field.as_deref(), Some("amount"));
    assert!(
        fault.message.starts_with("field `amount`: is missing; DepositMoney takes id: String"),
        "{fault}"
    );
}

#[test]
fn an_amount_that_is_not_a_whole_number_in_range_is_refused_by_name() {
    let numbers = [json!(2.5), json!(-1), json!("23"), json!(null), json!(1e30), json!(true)];
    for amount in numbers {
        let fault = refused(json!({ "id": "jsdf", "amount": amount }));
        assert_eq!(fault.field.as_deref(), Some("amount"), "{amount}");
        assert!(
            fault
                .message
                .starts_with("field `amount`: must be a whole number from 0 to 18446744073709551615 ("),
            "{amount}: {fault}"
        );
    }
}

#[test]
fn an_amount_past_the_largest_is_refused_not_rounded() {
    let body = serde_json::from_str(r#"{ "id": "jsdf", "amount": 18446744073709551616 }"#).unwrap();
    assert_eq!(refused(body).field.as_deref(), Some("amount"));
    let body = serde_json::from_str(r#"{ "id": "jsdf", "amount": 18446744073709551615 }"#).unwrap();
    assert_eq!(from_json::<DepositMoney>(body).unwrap().amount, u64::MAX);
}

#[test]
fn a_value_of_the_wrong_type_names_its_field_and_its_place_within() {
    assert_eq!(refused(json!({ "id": 7, "amount": 1 })).field.as_deref(), Some("id"));
    assert_eq!(refused(json!({ "id": "a", "amount": 1, "urgent": "no" })).field.as_deref(), Some("urgent"));
    assert_eq!(refused(json!({ "id": "a", "amount": 1, "note": 5 })).field.as_deref(), Some("note"));
    let fault = refused(json!({ "id": "a", "amount": 1, "labels": [1, 300] }));
    assert_eq!(fault.field.as_deref(), Some("labels[1]"));
}

#[test]
fn a_body_that_is_no_object_is_told_what_the_fields_are() {
    for body in [json!(null), json!([]), json!("jsdf"), json!(23)] {
        let fault = refused(body);
        assert_eq!(fault.field, None);
        assert!(
            fault.message.starts_with("the body of DepositMoney must be a JSON object of its fields: id:")
        );
    }
}

#[test]
fn texts_are_read_as_the_kind_of_their_field() {
    let read = from_texts::<DepositMoney>(&texts(&[("id", "007"), ("amount", "23"), ("urgent", "true")]));
    assert_eq!(read.unwrap(), DepositMoney { id: "007".into(), urgent: true, ..deposit(23) });
    let read = from_texts::<DepositMoney>(&texts(&[("id", "a"), ("amount", "1"), ("labels", "[1,2]")]));
    assert_eq!(read.unwrap().labels, [1, 2]);
    let fault = from_texts::<DepositMoney>(&texts(&[("id", "a"), ("amount", "lots")])).unwrap_err();
    assert_eq!(fault.field.as_deref(), Some("amount"));
}

#[test]
fn a_field_that_is_given_twice_is_refused() {
    let fault = from_texts::<DepositMoney>(&texts(&[("id", "a"), ("id", "b")])).unwrap_err();
    assert_eq!(fault.message, "field `id`: is given twice");
}

#[derive(Debug, PartialEq, Command, Serialize, Deserialize)]
#[command(aggregate = bank::Account, id = id, crate = engine_types)]
struct Label {
    id: Name,
    payload: Value,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Name(String);

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Decide<Label> for bank::Account {
    fn decide(&self, _: &Label) -> Result<Vec<bank::AccountEvent>, bank::NotEnough> {
        Ok(vec![])
    }
}

#[test]
fn text_that_reads_as_json_stays_text_where_the_field_wants_text() {
    let label: Label = from_texts(&texts(&[("id", "123"), ("payload", "[1]")])).unwrap();
    assert_eq!(label, Label { id: Name("123".into()), payload: json!([1]) });
}
