//! The fields of a command, as they look in JSON.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, Path, ext::IdentExt};

use crate::{
    case::rename_field,
    doc::doc,
    rust_type::{is_option, kind, pretty},
    serde_attributes,
};

/// One field, with what serde makes of it.
pub(crate) struct CommandField<'a> {
    pub(crate) field: &'a syn::Field,
    pub(crate) ident: &'a Ident,
    /// The name in JSON.
    pub(crate) name: String,
    pub(crate) serde: serde_attributes::Field,
    required: bool,
}

impl<'a> CommandField<'a> {
    /// The field, unless it has no name.
    pub(crate) fn of(field: &'a syn::Field, container: &serde_attributes::Container) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let serde = serde_attributes::Field::of(&field.attrs);
        let plain = ident.unraw().to_string();
        let name = serde.rename.clone().unwrap_or_else(|| match &container.rename_all {
            Some(rule) => rename_field(rule, &plain),
            None => plain,
        });
        // A type read through another one decides for itself what may be missing.
        let may_be_missing = serde.default
            || container.default
            || container.from
            || (is_option(&field.ty) && !serde.read_by_function);
        Some(CommandField { field, ident, name, required: !may_be_missing, serde })
    }

    /// Whether the field can be given under its own name.
    pub(crate) fn is_listed(&self) -> bool {
        !self.serde.skipped && !self.serde.flatten
    }

    /// The entry in `Command::FIELDS`.
    pub(crate) fn constant(&self, krate: &Path) -> TokenStream {
        let CommandField { name, required, .. } = self;
        let (rust_type, kind, doc) = (pretty(&self.field.ty), kind(&self.field.ty), doc(&self.field.attrs));
        // An alias may stand in for the name, which only serde can tell.
        let required = *required && !self.serde.alias;
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
