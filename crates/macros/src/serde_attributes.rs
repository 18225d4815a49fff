//! What serde's own attributes say, as far as it changes how a command or an event looks in JSON.
//!
//! Malformed attributes are passed over in silence: serde's derive reports them.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, LitStr, Token, meta::ParseNestedMeta, parse::ParseStream, token::Paren};

/// The `#[serde(…)]` attributes of a struct or of a field, as they count when reading.
#[derive(Default)]
pub(crate) struct SerdeAttributes {
    /// The name of a field.
    pub(crate) rename: Option<String>,
    /// The rule by which the fields of a struct are named.
    pub(crate) rename_all: Option<String>,
    keys: Vec<String>,
}

impl SerdeAttributes {
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let mut serde = SerdeAttributes::default();
        each(attributes, |key, meta| {
            serde.keys.push(key.to_owned());
            match key {
                "rename" => serde.rename = reading_name(meta)?.or(serde.rename.take()),
                "rename_all" => serde.rename_all = reading_name(meta)?.or(serde.rename_all.take()),
                _ => {}
            }
            Ok(())
        });
        serde
    }

    /// Whether one of these keys is there, with or without a value.
    pub(crate) fn has(&self, keys: &[&str]) -> bool {
        self.keys.iter().any(|key| keys.contains(&key.as_str()))
    }
}

/// What follows the key: `= "camelCase"`, or `(deserialize = "camelCase")`.
pub(crate) fn value_of(attributes: &[Attribute], wanted: &str) -> Option<TokenStream> {
    let mut value = None;
    each(attributes, |key, meta| {
        if key == wanted {
            value = Some(rest(meta.input)?);
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
            rest(meta.input).map(drop)
        });
    }
}

/// The tokens up to the next key.
fn rest(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = Vec::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.push(input.parse::<TokenTree>()?);
    }
    Ok(tokens.into_iter().collect())
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
        rest(side.input).map(drop)
    })?;
    Ok(name)
}
