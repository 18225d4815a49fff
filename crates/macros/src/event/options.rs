//! The keys of `#[event(…)]` on the enum.

use proc_macro2::TokenStream;
use syn::{Attribute, Path};

use crate::{
    attributes::{default_crate, each_key, parse_crate, parse_value},
    serde_attributes::value_of,
};

/// What the attributes of the enum say.
pub(crate) struct Options {
    pub(crate) upcasters: Option<Path>,
    pub(crate) krate: Path,
    /// The value of the `rename_all` that holds for the fields of every variant.
    pub(crate) rename_all: Option<TokenStream>,
}

impl Options {
    pub(crate) fn of(attributes: &[Attribute]) -> syn::Result<Self> {
        let (mut upcasters, mut krate) = (None, default_crate());
        each_key(attributes, "event", &["upcasters", "crate"], |key, meta| {
            match key {
                "upcasters" => upcasters = Some(parse_value(meta)?),
                _ => krate = parse_crate(meta)?,
            }
            Ok(())
        })?;
        let rename_all =
            value_of(attributes, "rename_all_fields").or_else(|| value_of(attributes, "rename_all"));
        Ok(Options { upcasters, krate, rename_all })
    }
}
