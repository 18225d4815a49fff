//! The fields of a command, as they look in JSON.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Path, ext::IdentExt};

use crate::{
    case::rename_field,
    doc::doc,
    rust_type::{is_option, kind, pretty},
    serde_attributes::SerdeAttributes,
};

/// One field, with what serde makes of it.
pub(crate) struct CommandField<'a> {
    pub(crate) field: &'a syn::Field,
    pub(crate) ident: &'a Ident,
    /// The name in JSON.
    pub(crate) name: String,
    pub(crate) serde: SerdeAttributes,
    required: bool,
}

impl<'a> CommandField<'a> {
    /// The field, unless it has no name.
    pub(crate) fn of(field: &'a syn::Field, container: &SerdeAttributes) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let serde = SerdeAttributes::of(&field.attrs);
        let plain = ident.unraw().to_string();
        let name = serde.rename.clone().unwrap_or_else(|| match &container.rename_all {
            Some(rule) => rename_field(rule, &plain),
            None => plain,
        });
        // What an alias stands in for, or what a type in between wants, only serde can tell.
        let may_be_missing = container.has(&["default", "from", "try_from"])
            || serde.has(&["default", "alias"])
            || (is_option(&field.ty) && !serde.has(&["with", "deserialize_with"]));
        Some(CommandField { field, ident, name, required: !may_be_missing, serde })
    }

    /// Whether the field can be given under its own name.
    pub(crate) fn is_listed(&self) -> bool {
        !self.serde.has(&["skip", "skip_deserializing", "flatten"])
    }

    /// The entry in `Command::FIELDS`.
    pub(crate) fn constant(&self, krate: &Path) -> TokenStream {
        let CommandField { name, required, .. } = self;
        let (rust_type, kind, doc) = (pretty(&self.field.ty), kind(&self.field.ty), doc(&self.field.attrs));
        quote! {
            #krate::__private::Field {
                name: #name,
                rust_type: #rust_type,
                kind: #krate::__private::FieldKind::#kind,
                required: #required,
                doc: #doc,
            }
        }
    }
}
