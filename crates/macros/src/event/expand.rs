//! The generated implementation of `Event`, around the parts that read and write.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Type};

use super::{
    options::Options,
    reading,
    variant::{EventVariant, Form},
    writing,
};

/// All items that are generated for an event enum.
pub(crate) fn expand(ident: &Ident, options: &Options, variants: &[EventVariant<'_>]) -> TokenStream {
    let krate = &options.krate;
    let types = types(variants, options);
    let event_type = event_type(variants, options);
    let mirror = writing::mirror(ident, options, variants);
    let to_json = writing::to_json(options, variants);
    let from_json = reading::from_json(ident, options, variants);
    let upcasters = upcasters(options, variants);
    quote! {
        const _: () = {
            #mirror

            #[automatically_derived]
            impl #krate::__private::Event for #ident {
                #types
                #event_type
                #to_json
                #from_json
                #upcasters
            }

            #krate::__private::assert_distinct(<#ident as #krate::__private::Event>::TYPES);
        };
    }
}

/// The types of all variants, in order; those of a flattened variant in its place.
fn types(variants: &[EventVariant<'_>], options: &Options) -> TokenStream {
    let krate = &options.krate;
    let parts = variants.iter().map(|variant| match &variant.form {
        Form::Own { .. } => {
            let event_type = constant(variant, options);
            quote!(&[#event_type])
        }
        Form::Flattened(inner) => quote!(<#inner as #krate::__private::Event>::TYPES),
    });
    quote! {
        const TYPES: &'static [#krate::__private::EventType] = {
            const __ENGINE_PARTS: &[&[#krate::__private::EventType]] = &[#(#parts),*];
            &#krate::__private::concat::<{ #krate::__private::count(__ENGINE_PARTS) }>(__ENGINE_PARTS)
        };
    }
}

fn event_type(variants: &[EventVariant<'_>], options: &Options) -> TokenStream {
    let krate = &options.krate;
    let arms = variants.iter().map(|variant| {
        let ident = &variant.variant.ident;
        match &variant.form {
            Form::Own { .. } => {
                let event_type = constant(variant, options);
                quote!(Self::#ident { .. } => const { &#event_type })
            }
            Form::Flattened(_) => {
                quote!(Self::#ident(ref inner) => #krate::__private::Event::event_type(inner))
            }
        }
    });
    quote! {
        fn event_type(&self) -> &'static #krate::__private::EventType {
            match *self { #(#arms,)* }
        }
    }
}

fn constant(variant: &EventVariant<'_>, options: &Options) -> TokenStream {
    let krate = &options.krate;
    match &variant.form {
        Form::Own { name, version, doc } => quote! {
            #krate::__private::EventType { name: #name, version: #version, doc: #doc }
        },
        Form::Flattened(_) => TokenStream::new(),
    }
}

/// The enum's own upcasters and those of all flattened enums; nothing where the default will do.
fn upcasters(options: &Options, variants: &[EventVariant<'_>]) -> TokenStream {
    let krate = &options.krate;
    let own = options.upcasters.as_ref().map(|path| quote!(#path()));
    let inner =
        flattened(variants).map(|(_, inner)| quote!(<#inner as #krate::__private::Event>::upcasters()));
    let mut all = own.into_iter().chain(inner);
    let Some(first) = all.next() else { return TokenStream::new() };
    quote! {
        fn upcasters() -> #krate::__private::Upcasters<'static> {
            let upcasters: #krate::__private::Upcasters<'static> = #first;
            upcasters #(.merge(#all))*
        }
    }
}

/// The flattened variants with their inner types.
pub(crate) fn flattened<'a>(variants: &'a [EventVariant<'_>]) -> impl Iterator<Item = (&'a Ident, &'a Type)> {
    variants.iter().filter_map(|variant| match &variant.form {
        Form::Flattened(inner) => Some((&variant.variant.ident, *inner)),
        Form::Own { .. } => None,
    })
}
