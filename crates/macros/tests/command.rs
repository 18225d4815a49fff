//! What `#[derive(Command)]` makes of a declaration.

#![allow(missing_docs, clippy::unwrap_used, clippy::ref_option)]

use std::{borrow::Cow, collections::BTreeMap, num::NonZeroU8};

use engine_macros::{Command, Event};
use engine_types::{
    Aggregate, Command, Decide,
    command::{Field, FieldKind, from_json, from_texts},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
enum BankEvent {}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Bank;

impl Aggregate for Bank {
    const CATEGORY: &'static str = "bank";
    type Event = BankEvent;
    type Rejection = Never;
    fn evolve(self, event: &BankEvent) -> Self {
        match *event {}
    }
}

impl<C: Command<Aggregate = Bank>> Decide<C> for Bank {
    fn decide(&self, _: &C) -> Result<Vec<BankEvent>, Never> {
        Ok(Vec::new())
    }
}

/// Pays money into an account
/// of this bank.
///
/// Refused when the account is closed.
#[derive(Debug, PartialEq, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = id, crate = engine_types)]
struct DepositMoney {
    /// The account.
    id: String,
    amount: u64,
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Bank, crate = engine_types)]
#[command(id = number, name = "CloseAccount")]
struct Close {
    number: u32,
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = text, crate = engine_types)]
struct AllKinds {
    text: String,
    letter: char,
    lent: Cow<'static, str>,
    small: i8,
    positive: NonZeroU8,
    ratio: f64,
    flag: bool,
    maybe: Option<String>,
    maybe_count: Option<u16>,
    tags: Vec<String>,
    by_name: BTreeMap<String, Vec<u64>>,
}

mod money {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(cents: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}", cents.unwrap_or_default()))
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = account_id, crate = engine_types)]
#[serde(rename_all = "camelCase")]
struct SerdeAttributes {
    account_id: String,
    #[serde(rename = "why", default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(rename(serialize = "written", deserialize = "read"))]
    two_names: u8,
    #[serde(with = "money")]
    fee_cents: Option<u64>,
    #[serde(skip)]
    _cache: u64,
    #[serde(skip_deserializing)]
    written_only: u64,
    r#type: Option<String>,
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = id, crate = engine_types)]
struct Flattened {
    id: String,
    #[serde(flatten)]
    rest: BTreeMap<String, u64>,
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = id, crate = engine_types)]
struct Aliased {
    #[serde(alias = "account")]
    id: String,
    amount: u64,
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = id, crate = engine_types)]
#[serde(default)]
struct AllDefault {
    id: String,
    amount: u64,
}

impl Default for AllDefault {
    fn default() -> Self {
        AllDefault { id: "main".into(), amount: 1 }
    }
}

#[derive(Debug, Deserialize)]
struct RawTransfer {
    id: String,
    amount: u64,
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = id, crate = engine_types)]
#[serde(try_from = "RawTransfer")]
struct Transfer {
    id: String,
    amount: u64,
}

impl TryFrom<RawTransfer> for Transfer {
    type Error = String;
    fn try_from(raw: RawTransfer) -> Result<Self, String> {
        if raw.amount == 0 {
            Err("nothing to transfer".into())
        } else {
            Ok(Transfer { id: raw.id, amount: raw.amount })
        }
    }
}

#[derive(Debug, Command, Serialize, Deserialize)]
#[command(aggregate = Bank, id = id, crate = engine_types)]
#[serde(tag = "type")]
struct Tagged {
    id: String,
}

macro_rules! each_case {
    ($($rule:literal $name:ident)*) => { $(
        #[derive(Debug, Command, Serialize, Deserialize)]
        #[command(aggregate = Bank, id = account_id_2, crate = engine_types)]
        #[serde(rename_all = $rule)]
        struct $name {
            account_id_2: String,
            _led: u8,
            name: u8,
        }
    )* };
}

each_case! {
    "lowercase" Lower
    "UPPERCASE" Upper
    "PascalCase" Pascal
    "camelCase" Camel
    "snake_case" Snake
    "SCREAMING_SNAKE_CASE" ScreamingSnake
    "kebab-case" Kebab
    "SCREAMING-KEBAB-CASE" ScreamingKebab
}

fn names<C: Command>() -> Vec<&'static str> {
    C::FIELDS.iter().map(|field| field.name).collect()
}

fn field<C: Command>(name: &str) -> &'static Field {
    C::FIELDS.iter().find(|field| field.name == name).unwrap()
}

#[test]
fn a_command_is_named_after_its_struct_or_as_it_says() {
    assert_eq!(DepositMoney::NAME, "DepositMoney");
    assert_eq!(Close::NAME, "CloseAccount");
}

#[test]
fn docs_are_paragraphs_on_one_line_each() {
    assert_eq!(
        DepositMoney::DOC,
        "Pays money into an account of this bank.\n\nRefused when the account is closed."
    );
    assert_eq!(field::<DepositMoney>("id").doc, "The account.");
    assert_eq!(field::<DepositMoney>("amount").doc, "");
    assert_eq!(Close::DOC, "");
}

#[test]
fn fields_are_listed_in_order_with_type_and_kind() {
    let seen: Vec<_> = AllKinds::FIELDS
        .iter()
        .map(|field| (field.name, field.rust_type, field.kind, field.required))
        .collect();
    assert_eq!(
        seen,
        [
            ("text", "String", FieldKind::Text, true),
            ("letter", "char", FieldKind::Text, true),
            ("lent", "Cow<'static, str>", FieldKind::Text, true),
            ("small", "i8", FieldKind::Integer, true),
            ("positive", "NonZeroU8", FieldKind::Integer, true),
            ("ratio", "f64", FieldKind::Number, true),
            ("flag", "bool", FieldKind::Boolean, true),
            ("maybe", "Option<String>", FieldKind::Text, false),
            ("maybe_count", "Option<u16>", FieldKind::Integer, false),
            ("tags", "Vec<String>", FieldKind::Json, true),
            ("by_name", "BTreeMap<String, Vec<u64>>", FieldKind::Json, true),
        ]
    );
}

#[test]
fn a_string_id_is_lent_and_another_is_printed() {
    let deposit = DepositMoney { id: "jsdf".into(), amount: 1 };
    assert!(matches!(deposit.aggregate_id(), Cow::Borrowed("jsdf")));
    assert_eq!(Close { number: 7 }.aggregate_id(), "7");
    assert_eq!(Close::ID_FIELD, "number");
}

#[test]
fn serde_names_are_the_names() {
    assert_eq!(names::<SerdeAttributes>(), ["accountId", "why", "read", "feeCents", "type"]);
    assert_eq!(SerdeAttributes::ID_FIELD, "accountId");
}

#[test]
fn a_default_or_an_option_may_be_missing_but_not_an_option_that_a_function_reads() {
    assert!(field::<SerdeAttributes>("accountId").required);
    assert!(!field::<SerdeAttributes>("why").required);
    assert!(!field::<SerdeAttributes>("type").required);
    assert!(field::<SerdeAttributes>("feeCents").required);
    assert!(AllDefault::FIELDS.iter().all(|field| !field.required));
    assert_eq!(from_json::<AllDefault>(json!({})).unwrap().aggregate_id(), "main");
}

/// What the derive thinks the names are, serde must agree with: it reads a body made of them.
#[test]
fn every_rename_rule_names_fields_as_serde_does() {
    fn check<C: Command>(expected: [&str; 3]) {
        assert_eq!(names::<C>(), expected);
        let body = json!({ expected[0]: "jsdf", expected[1]: 1, expected[2]: 2 });
        let command: C = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&command).unwrap(), body);
        assert_eq!(C::ID_FIELD, expected[0]);
    }
    check::<Lower>(["account_id_2", "_led", "name"]);
    check::<Upper>(["ACCOUNT_ID_2", "_LED", "NAME"]);
    check::<Pascal>(["AccountId2", "Led", "Name"]);
    check::<Camel>(["accountId2", "led", "name"]);
    check::<Snake>(["account_id_2", "_led", "name"]);
    check::<ScreamingSnake>(["ACCOUNT_ID_2", "_LED", "NAME"]);
    check::<Kebab>(["account-id-2", "-led", "name"]);
    check::<ScreamingKebab>(["ACCOUNT-ID-2", "-LED", "NAME"]);
}

#[test]
fn a_list_that_cannot_be_complete_refuses_no_name() {
    const { assert!(DepositMoney::CLOSED && SerdeAttributes::CLOSED) };
    const { assert!(!Flattened::CLOSED && !Aliased::CLOSED && !Transfer::CLOSED && !Tagged::CLOSED) };
    assert_eq!(names::<Flattened>(), ["id"]);
    let flattened: Flattened = from_json(json!({ "id": "a", "extra": 1 })).unwrap();
    assert_eq!(flattened.rest["extra"], 1);
    let aliased: Aliased = from_json(json!({ "account": "a", "amount": 1 })).unwrap();
    assert_eq!(aliased.aggregate_id(), "a");
    from_json::<Tagged>(serde_json::to_value(Tagged { id: "a".into() }).unwrap()).unwrap();
}

#[test]
fn a_command_read_through_another_type_is_checked_by_it() {
    let fault = from_json::<Transfer>(json!({ "id": "a", "amount": 0 })).unwrap_err();
    assert_eq!(fault.message, "nothing to transfer");
    let fault = from_json::<Transfer>(json!({ "id": "a" })).unwrap_err();
    assert!(fault.message.contains("amount"), "{fault}");
}

#[test]
fn texts_are_read_by_kind() {
    let texts = [("id".to_owned(), "007".to_owned()), ("amount".to_owned(), "23".to_owned())];
    assert_eq!(from_texts::<DepositMoney>(&texts).unwrap(), DepositMoney { id: "007".into(), amount: 23 });
}
