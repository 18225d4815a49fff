//! Doc comments as text.

use syn::{Attribute, Expr, Lit, Meta};

/// The doc comment: each paragraph on one line, paragraphs apart by an empty line.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let text: Vec<String> = attributes.iter().filter_map(text).collect();
    let mut paragraphs = vec![String::new()];
    for line in text.iter().flat_map(|text| text.split('\n')).map(trim) {
        let last = paragraphs.last_mut().expect("there is always a last paragraph");
        match (line.is_empty(), last.is_empty()) {
            (true, true) => {}
            (true, false) => paragraphs.push(String::new()),
            (false, true) => last.push_str(line),
            (false, false) => {
                last.push(' ');
                last.push_str(line);
            }
        }
    }
    paragraphs.join("\n\n").trim_end().to_owned()
}

/// Block comments begin their lines with a star.
fn trim(line: &str) -> &str {
    let line = line.trim();
    line.strip_prefix("* ").or_else(|| line.strip_prefix('*').filter(|rest| rest.is_empty())).unwrap_or(line)
}

fn text(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
