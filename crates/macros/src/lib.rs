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
mod rust_type;
mod serde_attributes;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `Command` for a struct with named fields.
///
/// ```ignore
/// /// Pays money into an account.
/// #[derive(Command, Serialize, Deserialize)]
/// #[command(aggregate = Account, id = id)]
/// struct DepositMoney {
///     /// The account.
///     id: String,
///     amount: u64,
/// }
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

/// Derives `Event` for an enum with one variant per event.
///
/// ```ignore
/// #[derive(Event)]
/// #[event(upcasters = history)]
/// enum AccountEvent {
///     /// The account exists from now on.
///     AccountCreated,
///     #[event(name = "MoneyPaidIn", version = 2)]
///     MoneyDeposited { amount: u64, #[serde(default)] currency: String },
/// }
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
