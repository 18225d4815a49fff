//! How events are read: by the name on disk, through a private struct of the variant's fields.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Field, Fields, Ident};

use super::{
    expand::flattened,
    options::Options,
    variant::{EventVariant, Form},
    writing::mirrored_field,
};

/// `Event::from_json`.
pub(crate) fn from_json(ident: &Ident, options: &Options, variants: &[EventVariant<'_>]) -> TokenStream {
    let krate = &options.krate;
    let arms = variants.iter().filter_map(|variant| match &variant.form {
        Form::Own { name, .. } => {
            let read = read(ident, name, options, variant);
            Some(quote!(#name => { #read }))
        }
        Form::Flattened(_) => None,
    });
    let delegated = flattened(variants).map(|(variant, inner)| {
        quote! {
            if #krate::__private::names(<#inner as #krate::__private::Event>::TYPES, event_type) {
                return <#inner as #krate::__private::Event>::from_json(event_type, data).map(Self::#variant);
            }
        }
    });
    quote! {
        fn from_json(
            event_type: &str,
            data: &[u8],
        ) -> ::core::result::Result<Self, #krate::__private::DecodeError> {
            match event_type {
                #(#arms)*
                _ => {
                    #(#delegated)*
                    let _ = data;
                    ::core::result::Result::Err(#krate::__private::DecodeError::unknown(event_type, 1))
                }
            }
        }
    }
}

/// The body of one arm. The struct carries the name on disk, so that serde's messages do.
fn read(enum_ident: &Ident, name: &str, options: &Options, variant: &EventVariant<'_>) -> TokenStream {
    let krate = &options.krate;
    let serde = quote!(#krate::__private::serde).to_string();
    let ident = &variant.variant.ident;
    let fields = variant.variant.fields.iter().map(|field| mirrored_field(enum_ident, field));
    let names: Vec<_> = variant.variant.fields.iter().filter_map(|field| field.ident.as_ref()).collect();
    let rename_all = rename_all(variant);
    let (reader, body, build) = match &variant.variant.fields {
        Fields::Unit => {
            return quote!(#krate::__private::read_object(event_type, data).map(|()| Self::#ident));
        }
        Fields::Unnamed(_) => (quote!(read), quote!((#(#fields),*);), quote!(Self::#ident(fields.0))),
        Fields::Named(_) => (
            quote!(read_fields),
            quote!({ #(#fields),* }),
            quote!(Self::#ident { #(#names: fields.#names),* }),
        ),
    };
    quote! {
        #[derive(#krate::__private::serde::Deserialize)]
        #[serde(crate = #serde, rename = #name)]
        #rename_all
        #[allow(missing_docs, clippy::all, clippy::pedantic)]
        struct __EngineFields #body
        #krate::__private::#reader(event_type, data).map(|fields: __EngineFields| #build)
    }
}

/// The rule for the fields of a variant that has named ones.
pub(crate) fn rename_all(variant: &EventVariant<'_>) -> Option<TokenStream> {
    let rule = variant.rename_all.as_ref().filter(|_| matches!(variant.variant.fields, Fields::Named(_)))?;
    Some(quote!(#[serde(rename_all #rule)]))
}

/// The field's type, in which `Self` still means the enum.
pub(crate) fn type_of(enum_ident: &Ident, field: &Field) -> TokenStream {
    replace_self(field.ty.to_token_stream(), enum_ident)
}

fn replace_self(tokens: TokenStream, enum_ident: &Ident) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => TokenTree::Ident(enum_ident.clone()),
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace_self(group.stream(), enum_ident));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        })
        .collect()
}
