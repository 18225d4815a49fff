//! Types as a reader writes them, and how text becomes a value of them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, PathArguments, PathSegment, Type};

/// The type as rustfmt would print it: `Option<String>`, not `Option < String >`.
pub(crate) fn pretty(rust_type: &Type) -> String {
    let mut text = String::new();
    print(rust_type.to_token_stream(), &mut text);
    text
}

fn print(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                print(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punctuation) => punctuate(punctuation.as_char(), text),
            word => {
                if text.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
            }
        }
    }
}

fn punctuate(character: char, text: &mut String) {
    match character {
        ',' | ';' => {
            text.push(character);
            text.push(' ');
        }
        '+' | '=' => {
            text.push(' ');
            text.push(character);
            text.push(' ');
        }
        '-' => text.push_str(" -"),
        '>' if text.ends_with(" -") => text.push_str("> "),
        '\'' if text.ends_with(char::is_alphanumeric) => text.push_str(" '"),
        _ => text.push(character),
    }
}

/// The variant of `FieldKind` for values of this type, judged by the type's name.
pub(crate) fn kind(rust_type: &Type) -> TokenStream {
    match bare(rust_type) {
        Type::Reference(reference) => kind(&reference.elem),
        Type::Path(path) => path.path.segments.last().map_or_else(|| quote!(Json), kind_of_segment),
        _ => quote!(Json),
    }
}

fn kind_of_segment(segment: &PathSegment) -> TokenStream {
    match segment.ident.to_string().as_str() {
        "String" | "str" | "char" | "Uuid" => quote!(Text),
        "bool" => quote!(Boolean),
        "f32" | "f64" => quote!(Number),
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => {
            quote!(Integer)
        }
        name if name.starts_with("NonZero") => quote!(Integer),
        "Option" | "Cow" | "Box" | "Arc" | "Rc" => inner(segment).map_or_else(|| quote!(Json), kind),
        _ => quote!(Json),
    }
}

/// Whether the type is written `Option<…>`.
pub(crate) fn is_option(rust_type: &Type) -> bool {
    last_name(rust_type).is_some_and(|name| name == "Option")
}

/// Whether the type is written `String`.
pub(crate) fn is_string(rust_type: &Type) -> bool {
    last_name(rust_type).is_some_and(|name| name == "String")
}

fn last_name(rust_type: &Type) -> Option<String> {
    match bare(rust_type) {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The one type between the angle brackets.
fn inner(segment: &PathSegment) -> Option<&Type> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(inner) => Some(inner),
                _ => None,
            })
        }
        _ => None,
    }
}

/// Without parentheses and the invisible groups of `macro_rules!`.
fn bare(rust_type: &Type) -> &Type {
    match rust_type {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_printed_as_written() {
        for text in [
            "String",
            "Option<String>",
            "std::collections::BTreeMap<String, Vec<u64>>",
            "(u8, String)",
            "[u8; 4]",
            "&'static str",
            "Cow<'static, str>",
            "fn(u8, &str) -> Option<u8>",
            "Box<dyn Iterator<Item = u8> + Send + 'static>",
            "()",
        ] {
            let rust_type: Type = syn::parse_str(text).unwrap();
            assert_eq!(pretty(&rust_type), text);
        }
    }

    #[test]
    fn kinds_are_judged_by_the_name_of_the_type() {
        for (text, expected) in [
            ("String", "Text"),
            ("&'static str", "Text"),
            ("uuid::Uuid", "Text"),
            ("Option<char>", "Text"),
            ("Cow<'static, str>", "Text"),
            ("Box<str>", "Text"),
            ("u64", "Integer"),
            ("Option<Option<i128>>", "Integer"),
            ("std::num::NonZero<u8>", "Integer"),
            ("NonZeroU64", "Integer"),
            ("f32", "Number"),
            ("bool", "Boolean"),
            ("Vec<u8>", "Json"),
            ("(u8, u8)", "Json"),
            ("Option<Money>", "Json"),
        ] {
            let rust_type: Type = syn::parse_str(text).unwrap();
            assert_eq!(kind(&rust_type).to_string(), expected, "{text}");
        }
    }
}
