//! The keys inside `#[command(…)]` and `#[event(…)]`: each known, each at most once.

use syn::{Attribute, Path, meta::ParseNestedMeta, parse::Parse};

use crate::nearest::{hint, list};

/// Gives every key of the attributes called `name` to `take`, which parses the value.
///
/// # Errors
/// A key that is not among `allowed`, a key that was given before, or a value that does not parse.
pub(crate) fn each_key(
    attributes: &[Attribute],
    name: &str,
    allowed: &[&str],
    mut take: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    let mut seen: Vec<String> = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            if !allowed.contains(&key.as_str()) {
                return Err(meta.error(format!(
                    "unknown key; `#[{name}(…)]` takes {} here{}",
                    list(allowed.iter().copied()),
                    hint(&key, allowed.iter().copied())
                )));
            }
            if seen.contains(&key) {
                return Err(meta.error(format!("`{key}` is given twice")));
            }
            take(&key, &meta)?;
            seen.push(key);
            Ok(())
        })?;
    }
    Ok(())
}

/// Where the engine is found: `::engine`, unless the user says otherwise.
pub(crate) fn default_crate() -> Path {
    syn::parse_quote!(::engine)
}

/// The value of `crate = path`.
pub(crate) fn parse_crate(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    meta.value()?.call(Path::parse_mod_style)
}

/// The value of `key = "text"`, which must say something.
pub(crate) fn parse_name(meta: &ParseNestedMeta<'_>) -> syn::Result<syn::LitStr> {
    let name: syn::LitStr = meta.value()?.parse()?;
    if name.value().trim().is_empty() {
        return Err(syn::Error::new_spanned(&name, "a name must not be empty"));
    }
    Ok(name)
}

/// The value of `key = value`.
pub(crate) fn parse_value<T: Parse>(meta: &ParseNestedMeta<'_>) -> syn::Result<T> {
    meta.value()?.parse()
}
