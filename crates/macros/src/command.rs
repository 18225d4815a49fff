//! `#[derive(Command)]`.

mod fields;
mod options;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Fields, Ident, ext::IdentExt, spanned::Spanned};

use crate::{
    doc::doc,
    errors::Errors,
    nearest::{hint, list},
    rust_type::{is_option, is_string},
    serde_attributes::SerdeAttributes,
};
use fields::CommandField;
use options::Options;

/// The implementation of `Command`, and the proof that somebody handles it.
pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut errors = Errors::default();
    let container = SerdeAttributes::of(&input.attrs);
    let fields = errors.take(named_fields("command", input, &container));
    let options = errors.take(Options::of(input));
    errors.finish()?;
    let (Some(fields), Some(options)) = (fields, options) else {
        unreachable!("whatever is missing left an error");
    };
    let id = id_field(&fields, &options.id)?;
    let implementation = implementation(input, &options, &fields, id, &container);
    let handled = handled(&input.ident, &options);
    Ok(quote! { #implementation #handled })
}

fn implementation(
    input: &DeriveInput,
    options: &Options,
    fields: &[CommandField<'_>],
    id: &CommandField<'_>,
    container: &SerdeAttributes,
) -> TokenStream {
    let Options { aggregate, name, krate, .. } = options;
    let ident = &input.ident;
    let name = name.as_ref().map_or_else(|| ident.unraw().to_string(), syn::LitStr::value);
    let (doc, id_name) = (doc(&input.attrs), &id.name);
    let listed = fields.iter().filter(|field| field.is_listed()).map(|field| field.constant(krate));
    let closed = is_closed(container, fields);
    let aggregate_id = aggregate_id(id, krate);
    quote! {
        #[automatically_derived]
        impl #krate::__private::Command for #ident {
            type Aggregate = #aggregate;
            const NAME: &'static str = #name;
            const DOC: &'static str = #doc;
            const ID_FIELD: &'static str = #id_name;
            const FIELDS: &'static [#krate::__private::Field] = &[#(#listed),*];
            const CLOSED: bool = #closed;
            fn aggregate_id(&self) -> #krate::__private::Cow<'_, str> {
                #aggregate_id
            }
        }
    }
}

/// A `String` is lent; any other id is printed.
fn aggregate_id(id: &CommandField<'_>, krate: &syn::Path) -> TokenStream {
    let ident = id.ident;
    if is_string(&id.field.ty) {
        quote!(#krate::__private::Cow::Borrowed(&self.#ident))
    } else {
        quote_spanned! {id.field.ty.span()=>
            #krate::__private::Cow::Owned(::std::string::ToString::to_string(&self.#ident))
        }
    }
}

/// A command without a handler does not compile, even where nobody sends it.
///
/// This asks nothing of how crates are split: Rust's orphan rule already puts the handler into the crate of
/// the command or of its aggregate, both of which this code sees.
fn handled(ident: &Ident, options: &Options) -> TokenStream {
    let krate = &options.krate;
    let proof = quote_spanned!(ident.span()=> #krate::__private::handled::<#ident>);
    quote! { const _: fn() = #proof; }
}

/// Whether the list of fields is complete.
pub(crate) fn is_closed(container: &SerdeAttributes, fields: &[CommandField<'_>]) -> bool {
    !container.has(&["from", "try_from", "tag"])
        && fields.iter().all(|field| !field.serde.has(&["flatten", "alias"]))
}

/// The fields of a command or of a query, as `what` says.
pub(crate) fn named_fields<'a>(
    what: &str,
    input: &'a DeriveInput,
    container: &SerdeAttributes,
) -> syn::Result<Vec<CommandField<'a>>> {
    let refuse = |fault: String| Err(syn::Error::new_spanned(&input.ident, fault));
    let Data::Struct(data) = &input.data else {
        return refuse(format!("a {what} is a struct with named fields: write one struct per {what}"));
    };
    let Fields::Named(fields) = &data.fields else {
        return refuse(format!("a {what} is a struct with named fields: give each field a name"));
    };
    if !input.generics.params.is_empty() {
        let fault = format!("a {what} has no generic parameters: its name stands for one type");
        return Err(syn::Error::new_spanned(&input.generics, fault));
    }
    if container.has(&["transparent"]) {
        return refuse(format!("a {what} is a JSON object of its fields: remove `#[serde(transparent)]`"));
    }
    Ok(fields.named.iter().filter_map(|field| CommandField::of(field, container)).collect())
}

fn id_field<'a, 'b>(fields: &'a [CommandField<'b>], id: &Ident) -> syn::Result<&'a CommandField<'b>> {
    let names: Vec<String> = fields.iter().map(|field| field.ident.unraw().to_string()).collect();
    let wanted = id.unraw().to_string();
    let names = || names.iter().map(String::as_str);
    let Some(field) = fields.iter().find(|field| field.ident.unraw() == wanted) else {
        let known = if fields.is_empty() { "none".to_owned() } else { list(names()) };
        let fault =
            format!("the command has no field `{wanted}`; its fields: {known}{}", hint(&wanted, names()));
        return Err(syn::Error::new_spanned(id, fault));
    };
    if !field.is_listed() || is_option(&field.field.ty) {
        let fault = "the id must always be given: it cannot be optional, skipped or flattened";
        return Err(syn::Error::new_spanned(field.ident, fault));
    }
    Ok(field)
}
