//! What serde's own attributes say, as far as it changes how a command or an event looks in JSON.
//!
//! Malformed attributes are passed over in silence: serde's derive reports them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, LitStr, Token, meta::ParseNestedMeta, token::Paren};

use crate::attributes::skip_value;

/// The serde attributes of a struct.
#[derive(Default)]
pub(crate) struct Container {
    /// The rule by which fields are named when they are read.
    pub(crate) rename_all: Option<String>,
    /// Missing fields come from a default value of the whole.
    pub(crate) default: bool,
    /// The JSON is that of the only field.
    pub(crate) transparent: bool,
    /// The JSON is read through another type.
    pub(crate) from: bool,
    /// The JSON carries the type's name beside the fields.
    pub(crate) tag: bool,
}

/// The serde attributes of a field.
#[derive(Default)]
pub(crate) struct Field {
    /// The name under which the field is read.
    pub(crate) rename: Option<String>,
    /// It may be missing.
    pub(crate) default: bool,
    /// It is never read.
    pub(crate) skipped: bool,
    /// Its fields stand beside the others.
    pub(crate) flatten: bool,
    /// It has further names.
    pub(crate) alias: bool,
    /// It is read by a function, which makes even an `Option` required.
    pub(crate) read_by_function: bool,
}

impl Container {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let mut container = Container::default();
        each(attributes, |key, meta| {
            match key {
                "rename_all" => container.rename_all = reading_name(meta)?.or(container.rename_all.take()),
                "default" => container.default = true,
                "transparent" => container.transparent = true,
                "from" | "try_from" => container.from = true,
                "tag" => container.tag = true,
                _ => {}
            }
            Ok(())
        });
        container
    }
}

impl Field {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let mut field = Field::default();
        each(attributes, |key, meta| {
            match key {
                "rename" => field.rename = reading_name(meta)?.or(field.rename.take()),
                "default" => field.default = true,
                "skip" | "skip_deserializing" => field.skipped = true,
                "flatten" => field.flatten = true,
                "alias" => field.alias = true,
                "with" | "deserialize_with" => field.read_by_function = true,
                _ => {}
            }
            Ok(())
        });
        field
    }
}

/// The first of the given keys that the attributes have, with its value: `rename_all = "camelCase"`
/// without the key.
pub(crate) fn value_of(attributes: &[Attribute], wanted: &str) -> Option<TokenStream> {
    let mut value = None;
    each(attributes, |key, meta| {
        if key == wanted {
            value = Some(rest(meta)?);
        }
        Ok(())
    });
    value
}

/// Gives every key inside `#[serde(…)]` to `take`, and passes over what `take` leaves.
fn each(attributes: &[Attribute], mut take: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _reported_by_serde = attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            take(&key, &meta)?;
            skip_value(meta.input)
        });
    }
}

/// The tokens up to the next key.
fn rest(meta: &ParseNestedMeta<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        let token: proc_macro2::TokenTree = meta.input.parse()?;
        tokens.extend(quote!(#token));
    }
    Ok(tokens)
}

/// `= "x"`, or the part of `(serialize = "x", deserialize = "y")` that counts when reading.
fn reading_name(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<String>> {
    if !meta.input.peek(Paren) {
        return meta.value()?.parse::<LitStr>().map(|name| Some(name.value()));
    }
    let mut name = None;
    meta.parse_nested_meta(|side| {
        if side.path.is_ident("deserialize") {
            name = Some(side.value()?.parse::<LitStr>()?.value());
        }
        skip_value(side.input)
    })?;
    Ok(name)
}
