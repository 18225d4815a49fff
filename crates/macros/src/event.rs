//! `#[derive(Event)]`.

mod expand;
mod options;
mod reading;
mod variant;
mod writing;

use std::collections::HashMap;

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput};

use crate::errors::Errors;
use options::Options;
use variant::{EventVariant, Form};

/// The implementation of `Event`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        let fault = "events are an enum with one variant per event";
        return Err(syn::Error::new_spanned(&input.ident, fault));
    };
    let mut errors = Errors::default();
    if !input.generics.params.is_empty() {
        let fault = "an event enum has no generic parameters: its names on disk stand for one type each";
        errors.push(syn::Error::new_spanned(&input.generics, fault));
    }
    let options = errors.take(Options::of(&input.attrs));
    let mut variants: Vec<EventVariant<'_>> =
        data.variants.iter().filter_map(|variant| errors.take(EventVariant::of(variant))).collect();
    refuse_shared_names(&variants, &mut errors);
    errors.finish()?;
    let Some(options) = options else { unreachable!("whatever is missing left an error") };
    for variant in &mut variants {
        variant.inherit_rename_all(&options);
    }
    Ok(expand::expand(&input.ident, &options, &variants))
}

fn refuse_shared_names(variants: &[EventVariant<'_>], errors: &mut Errors) {
    let mut seen: HashMap<&str, &EventVariant<'_>> = HashMap::new();
    for variant in variants {
        let Form::Own { name, .. } = &variant.form else { continue };
        if let Some(first) = seen.insert(name, variant) {
            let fault =
                format!("the name `{name}` on disk is already that of the variant `{}`", first.variant.ident);
            errors.push(syn::Error::new_spanned(&variant.variant.ident, fault));
        }
    }
}
