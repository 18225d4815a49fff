//! Derive macros: what can be known of a command or an event from its declaration.
//!
//! Generated code names only `<crate>::__private`, so that the façade is free to arrange its modules.

mod attributes;
mod case;
mod command;
mod doc;
mod errors;
mod event;
mod nearest;
mod query;
mod rust_type;
mod serde_attributes;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Command` for a struct with named fields.
///
/// ```
/// # use {engine_macros::{Command, Event}, engine_types::{self as engine, Aggregate, Command as _, Decide}};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event)] #[event(crate = engine)] enum AccountEvent {}
/// # #[derive(Debug, thiserror::Error)] #[error("never")] struct Never;
/// # #[derive(Default, Clone, Serialize, Deserialize)] struct Account;
/// # impl Aggregate for Account {
/// #     const CATEGORY: &str = "account"; type Event = AccountEvent; type Rejection = Never;
/// #     fn evolve(self, _: &AccountEvent) -> Self { self }
/// # }
/// # impl Decide<DepositMoney> for Account {
/// #     fn decide(&self, _: &DepositMoney) -> Result<Vec<AccountEvent>, Never> { Ok(vec![]) }
/// # }
/// /// Pays money into an account.
/// #[derive(Command, Serialize, Deserialize)]
/// #[command(aggregate = Account, id = id, crate = engine)]
/// struct DepositMoney {
///     /// The account.
///     id: String,
///     amount: u64,
/// }
/// assert_eq!(DepositMoney::DOC, "Pays money into an account.");
/// assert_eq!(DepositMoney::FIELDS[1].rust_type, "u64");
/// ```
///
/// `#[command(…)]` takes
/// - `aggregate = Account`: the one aggregate that answers this command. It must implement
///   `Decide<DepositMoney>`, which is checked where the command is declared.
/// - `id = id`: the field that addresses the instance; a `String`, or anything with `Display`.
/// - `name = "DepositMoney"`: the stable name; by default the struct's own.
/// - `crate = engine`: where the engine is found, if not under `::engine`.
///
/// The list of fields follows serde's attributes: `rename`, `rename_all`, `skip`, `default`, `flatten`.
/// Names outside the list are refused, unless the list cannot be complete: with `flatten`, `alias`,
/// `tag`, `from` and `try_from`.
#[proc_macro_derive(Command, attributes(command, serde))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    command::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives `Query` for a struct with named fields.
///
/// ```
/// # use {engine_macros::Query, engine_types::{self as engine, Query as _}, serde::{Deserialize, Serialize}};
/// # struct Balances;
/// /// The accounts with the most money.
/// #[derive(Query, Serialize, Deserialize)]
/// #[query(projection = Balances, crate = engine)]
/// struct TopBalances {
///     /// How many.
///     limit: Option<usize>,
/// }
/// assert_eq!(TopBalances::NAME, "TopBalances");
/// assert!(!TopBalances::FIELDS[0].required);
/// ```
///
/// `#[query(…)]` takes
/// - `projection = Balances`: the one projection whose rows answer this query.
/// - `name = "balances"`: the stable name; by default the struct's own.
/// - `crate = engine`: where the engine is found, if not under `::engine`.
///
/// Fields are as those of a command.
#[proc_macro_derive(Query, attributes(query, serde))]
pub fn derive_query(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    query::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives `Event` for an enum with one variant per event.
///
/// ```
/// # use {engine_macros::Event, engine_types::{self as engine, Event as _, Upcasters}, serde_json::json};
/// #[derive(Event)]
/// #[event(upcasters = history, crate = engine)]
/// enum AccountEvent {
///     /// The account exists from now on.
///     AccountCreated,
///     #[event(name = "MoneyPaidIn", version = 2)]
///     MoneyDeposited { amount: u64, currency: String },
/// }
///
/// fn history() -> Upcasters<'static> {
///     Upcasters::new().one("MoneyPaidIn", 1, |mut data| {
///         data["currency"] = json!("EUR");
///         data
///     })
/// }
///
/// let paid_in = AccountEvent::MoneyDeposited { amount: 5, currency: "EUR".into() };
/// assert_eq!(paid_in.event_type().name, "MoneyPaidIn");
/// assert_eq!(paid_in.to_json().unwrap(), br#"{"amount":5,"currency":"EUR"}"#);
/// ```
///
/// `#[event(…)]` takes, on the enum,
/// - `upcasters = path`: a function that returns the `Upcasters<'static>` of older versions and names.
/// - `crate = engine`: where the engine is found, if not under `::engine`.
///
/// and on a variant
/// - `name = "…"`: the name on disk; by default the variant's own.
/// - `version = 2`: the version of the form written today; by default 1.
/// - `flatten`: the variant holds another event enum, and takes part with all of its types, unchanged.
///
/// A unit variant is written as `{}`, a struct variant as an object of its fields, a variant with one
/// unnamed field as that field. Serde's field attributes are followed; `rename_all_fields` on the enum and
/// `rename_all` on a variant or the enum rename *fields*. Fields that are not known are ignored when
/// reading: events may gain some. Deriving serde's traits on the enum itself is neither needed nor
/// disturbed.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
