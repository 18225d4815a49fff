//! `#[derive(Query)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, LitStr, Path, Type, ext::IdentExt};

use crate::{
    attributes::{default_crate, each_key, parse_crate, parse_name, parse_value},
    command::{is_closed, named_fields},
    doc::doc,
    errors::Errors,
    serde_attributes::SerdeAttributes,
};

/// What `#[query(…)]` says.
struct Options {
    projection: Type,
    name: Option<LitStr>,
    krate: Path,
}

/// The implementation of `Query`.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let container = SerdeAttributes::of(&input.attrs);
    let fields = errors.take(named_fields("query", input, &container));
    let options = errors.take(Options::of(input));
    errors.finish()?;
    let (Some(fields), Some(options)) = (fields, options) else {
        unreachable!("whatever is missing left an error");
    };
    let Options { projection, name, krate } = options;
    let ident = &input.ident;
    let name = name.as_ref().map_or_else(|| ident.unraw().to_string(), LitStr::value);
    let doc = doc(&input.attrs);
    let listed = fields.iter().filter(|field| field.is_listed()).map(|field| field.constant(&krate));
    let closed = is_closed(&container, &fields);
    Ok(quote! {
        #[automatically_derived]
        impl #krate::__private::Query for #ident {
            type Projection = #projection;
            const NAME: &'static str = #name;
            const DOC: &'static str = #doc;
            const FIELDS: &'static [#krate::__private::Field] = &[#(#listed),*];
            const CLOSED: bool = #closed;
        }
    })
}

impl Options {
    fn of(input: &DeriveInput) -> syn::Result<Self> {
        let (mut projection, mut name, mut krate) = (None, None, default_crate());
        each_key(&input.attrs, "query", &["projection", "name", "crate"], |key, meta| {
            match key {
                "projection" => projection = Some(parse_value(meta)?),
                "name" => name = Some(parse_name(meta)?),
                _ => krate = parse_crate(meta)?,
            }
            Ok(())
        })?;
        let missing = "which read model answers this query? Add `#[query(projection = Balances)]`";
        match projection {
            Some(projection) => Ok(Options { projection, name, krate }),
            None => Err(syn::Error::new_spanned(&input.ident, missing)),
        }
    }
}
