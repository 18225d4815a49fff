//! How serde's `rename_all` writes the name of a field.

/// The name of a `snake_case` field under a `rename_all` rule; a rule that serde does not know changes
/// nothing here, since serde's own derive refuses it.
pub(crate) fn rename_field(rule: &str, field: &str) -> String {
    match rule {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => field.to_ascii_uppercase(),
        "PascalCase" => pascal(field),
        "camelCase" => {
            let pascal = pascal(field);
            let mut characters = pascal.chars();
            characters.next().map_or_else(String::new, |first| {
                let mut name = first.to_ascii_lowercase().to_string();
                name.push_str(characters.as_str());
                name
            })
        }
        "kebab-case" => field.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => field.to_ascii_uppercase().replace('_', "-"),
        _ => field.to_owned(),
    }
}

fn pascal(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    let mut capital = true;
    for character in field.chars() {
        if character == '_' {
            capital = true;
        } else {
            name.push(if capital { character.to_ascii_uppercase() } else { character });
            capital = false;
        }
    }
    name
}
