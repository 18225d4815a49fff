//! The keys of `#[command(…)]`.

use syn::{DeriveInput, Ident, LitStr, Path, Type};

use crate::attributes::{default_crate, each_key, parse_crate, parse_name, parse_value};

/// What `#[command(…)]` says.
pub(crate) struct Options {
    pub(crate) aggregate: Type,
    pub(crate) id: Ident,
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Path,
}

impl Options {
    pub(crate) fn of(input: &DeriveInput) -> syn::Result<Self> {
        let (mut aggregate, mut id, mut name, mut krate) = (None, None, None, default_crate());
        each_key(&input.attrs, "command", &["aggregate", "id", "name", "crate"], |key, meta| {
            match key {
                "aggregate" => aggregate = Some(parse_value(meta)?),
                "id" => id = Some(parse_value(meta)?),
                "name" => name = Some(parse_name(meta)?),
                _ => krate = parse_crate(meta)?,
            }
            Ok(())
        })?;
        let missing = |what: &str| syn::Error::new_spanned(&input.ident, what);
        match (aggregate, id) {
            (Some(aggregate), Some(id)) => Ok(Options { aggregate, id, name, krate }),
            (None, _) => Err(missing(
                "which aggregate answers this command? Add `#[command(aggregate = Account, id = id)]`",
            )),
            (_, None) => Err(missing(
                "which field addresses the aggregate's instance? Add `id = field` to `#[command(…)]`",
            )),
        }
    }
}
