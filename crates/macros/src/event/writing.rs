//! How events are written: through a mirror of the enum that serde serializes *as* the enum.
//!
//! A struct of references would do for plain fields, but would hand `&&T` to the functions behind
//! `skip_serializing_if` and `with`. Serde's `remote` derive matches on the enum itself and hands them `&T`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, Fields, Ident};

use super::{
    expand::flattened,
    options::Options,
    reading::{rename_all, type_of},
    variant::{EventVariant, Form},
};

/// The mirror, and a wrapper by reference that is serialized through it.
///
/// It is untagged, since the type's name is stored beside the data. Flattened variants are never written
/// through it, so their inner types need not know serde.
pub(crate) fn mirror(ident: &Ident, options: &Options, variants: &[EventVariant<'_>]) -> TokenStream {
    let krate = &options.krate;
    let serde = quote!(#krate::__private::serde).to_string();
    let remote = ident.to_string();
    let variants = variants.iter().map(|variant| mirrored(ident, variant));
    quote! {
        #[derive(#krate::__private::serde::Serialize)]
        #[serde(crate = #serde, remote = #remote, untagged)]
        #[allow(dead_code, missing_docs, clippy::all, clippy::pedantic)]
        enum __EngineData { #(#variants,)* }

        struct __EngineEvent<'a>(&'a #ident);

        #[automatically_derived]
        impl #krate::__private::serde::Serialize for __EngineEvent<'_> {
            fn serialize<S: #krate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                __EngineData::serialize(self.0, serializer)
            }
        }
    }
}

/// A unit variant is mirrored with empty braces: the same pattern, but written as `{}`, not as `null`.
fn mirrored(enum_ident: &Ident, variant: &EventVariant<'_>) -> TokenStream {
    let ident = &variant.variant.ident;
    let rename_all = rename_all(variant);
    let fields = variant.variant.fields.iter().map(|field| mirrored_field(enum_ident, field));
    match (&variant.form, &variant.variant.fields) {
        (Form::Flattened(inner), _) => quote!(#[serde(skip_serializing)] #ident(#inner)),
        (_, Fields::Unnamed(_)) => quote!(#ident(#(#fields),*)),
        _ => quote!(#rename_all #ident { #(#fields),* }),
    }
}

/// A field with serde's attributes, and only these.
pub(crate) fn mirrored_field(enum_ident: &Ident, field: &Field) -> TokenStream {
    let serde = field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde"));
    let rust_type = type_of(enum_ident, field);
    let name = field.ident.iter();
    quote!(#(#serde)* #(#name:)* #rust_type)
}

/// `Event::to_json`.
pub(crate) fn to_json(options: &Options, variants: &[EventVariant<'_>]) -> TokenStream {
    let krate = &options.krate;
    let delegated = flattened(variants).map(|(ident, _)| {
        quote!(if let Self::#ident(inner) = self { return #krate::__private::Event::to_json(inner); })
    });
    quote! {
        #[allow(irrefutable_let_patterns, unreachable_code)]
        fn to_json(
            &self,
        ) -> ::core::result::Result<::std::vec::Vec<u8>, #krate::__private::serde_json::Error> {
            #(#delegated)*
            #krate::__private::serde_json::to_vec(&__EngineEvent(self))
        }
    }
}
