//! One variant of an event enum.

use proc_macro2::TokenStream;
use syn::{Fields, LitInt, LitStr, Type, Variant, ext::IdentExt};

use super::options::Options;
use crate::{
    attributes::{each_key, parse_name, parse_value},
    doc::doc,
    serde_attributes::value_of,
};

/// A variant that was found in order.
pub(crate) struct EventVariant<'a> {
    pub(crate) variant: &'a Variant,
    pub(crate) form: Form<'a>,
    /// The value of the `rename_all` that holds for the fields.
    pub(crate) rename_all: Option<TokenStream>,
}

/// What a variant stands for.
pub(crate) enum Form<'a> {
    /// One type of event.
    Own { name: String, version: u32, doc: String },
    /// All the types of another event enum.
    Flattened(&'a Type),
}

#[derive(Default)]
struct Keys {
    name: Option<LitStr>,
    version: Option<u32>,
    flatten: bool,
}

impl<'a> EventVariant<'a> {
    pub(crate) fn of(variant: &'a Variant) -> syn::Result<Self> {
        let keys = keys(variant)?;
        refuse_tuples(variant)?;
        refuse_with(variant)?;
        let rename_all = value_of(&variant.attrs, "rename_all");
        if keys.flatten {
            return Ok(EventVariant {
                variant,
                form: Form::Flattened(flattened(variant, &keys)?),
                rename_all,
            });
        }
        let name = keys.name.map_or_else(|| variant.ident.unraw().to_string(), |name| name.value());
        let form = Form::Own { name, version: keys.version.unwrap_or(1), doc: doc(&variant.attrs) };
        Ok(EventVariant { variant, form, rename_all })
    }

    /// Takes over the rule of the enum, where the variant has none of its own.
    pub(crate) fn inherit_rename_all(&mut self, options: &Options) {
        if self.rename_all.is_none() {
            self.rename_all.clone_from(&options.rename_all);
        }
    }
}

fn keys(variant: &Variant) -> syn::Result<Keys> {
    let mut keys = Keys::default();
    each_key(&variant.attrs, "event", &["name", "version", "flatten"], |key, meta| {
        match key {
            "name" => keys.name = Some(parse_name(meta)?),
            "version" => keys.version = Some(version(&parse_value(meta)?)?),
            _ => keys.flatten = true,
        }
        Ok(())
    })?;
    Ok(keys)
}

fn version(literal: &LitInt) -> syn::Result<u32> {
    match literal.base10_parse::<u32>() {
        Ok(version) if version > 0 => Ok(version),
        _ => Err(syn::Error::new_spanned(literal, "a version is a whole number from 1 to 4294967295")),
    }
}

fn flattened<'a>(variant: &'a Variant, keys: &Keys) -> syn::Result<&'a Type> {
    if keys.name.is_some() || keys.version.is_some() {
        let fault =
            "a flattened variant has no name and no version of its own: those of the inner events stay";
        return Err(syn::Error::new_spanned(&variant.ident, fault));
    }
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Ok(&fields.unnamed[0].ty),
        _ => {
            let fault =
                format!("`flatten` needs a variant around one event enum: `{}(Events)`", variant.ident);
            Err(syn::Error::new_spanned(&variant.ident, fault))
        }
    }
}

fn refuse_tuples(variant: &Variant) -> syn::Result<()> {
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.is_empty() => {
            let fault =
                format!("an event without fields is written without parentheses: `{}`", variant.ident);
            Err(syn::Error::new_spanned(variant, fault))
        }
        Fields::Unnamed(fields) if fields.unnamed.len() > 1 => {
            let fault = format!(
                "an event's fields have names, so that they can be read years later: write `{} {{ … }}`",
                variant.ident
            );
            Err(syn::Error::new_spanned(variant, fault))
        }
        _ => Ok(()),
    }
}

fn refuse_with(variant: &Variant) -> syn::Result<()> {
    match ["with", "serialize_with", "deserialize_with"]
        .into_iter()
        .find(|key| value_of(&variant.attrs, key).is_some())
    {
        Some(key) => {
            let fault = format!("`#[serde({key} = …)]` is not followed on a variant: move it to a field");
            Err(syn::Error::new_spanned(&variant.ident, fault))
        }
        None => Ok(()),
    }
}
