//! Help for people: an overview, and one command of the domain at length.

use std::io::{self, Write};

use engine::{
    command::{Field, FieldKind},
    runtime::map::{CommandDescription, Map, QueryDescription},
};

use super::human::{ASIDE, NAME};

/// Writes what there is: the words of this program, then the commands of the domain.
pub(super) fn write_overview(out: &mut impl Write, grammar: &clap::Command, map: &Map) -> io::Result<()> {
    for word in grammar.get_subcommands().filter(|word| !word.is_hide_set()) {
        let about = word.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(out, "  {NAME}{:<11}{NAME:#} {about}", word.get_name())?;
    }
    writeln!(out, "\nCommands of {}:", map.app)?;
    let width = map.commands().map(|(_, command)| command.name.len()).max().unwrap_or(0);
    for (category, command) in map.commands() {
        let about = command.doc.lines().next().unwrap_or_default();
        writeln!(out, "  {NAME}{:<width$}{NAME:#}  {about} {ASIDE}→ {category}{ASIDE:#}", command.name)?;
    }
    if map.queries().next().is_some() {
        writeln!(out, "\nQueries of {}:", map.app)?;
    }
    let width = map.queries().map(|(_, query)| query.name.len()).max().unwrap_or(0);
    for (projection, query) in map.queries() {
        let about = query.doc.lines().next().unwrap_or_default();
        writeln!(out, "  {NAME}{:<width$}{NAME:#}  {about} {ASIDE}→ {projection}{ASIDE:#}", query.name)?;
    }
    writeln!(out, "\n`help NAME` explains one of them, such as `help send`.")
}

/// Writes the fields of one command, with an example.
pub(super) fn write_command(
    out: &mut impl Write,
    category: &str,
    command: &CommandDescription,
) -> io::Result<()> {
    write_form(out, (command.name, command.doc, command.fields), category)?;
    writeln!(out, "\n  {}", example("send", command.name, command.fields))
}

/// Writes the fields of one query, with an example.
pub(super) fn write_query(
    out: &mut impl Write,
    projection: &str,
    query: &QueryDescription,
) -> io::Result<()> {
    write_form(out, (query.name, query.doc, query.fields), projection)?;
    writeln!(out, "\n  {}", example("query", query.name, query.fields))
}

fn write_form(
    out: &mut impl Write,
    (name, doc, fields): (&str, &str, &[Field]),
    whose: &str,
) -> io::Result<()> {
    writeln!(out, "{NAME}{name}{NAME:#} {ASIDE}→ {whose}{ASIDE:#}")?;
    for line in doc.lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)?;
    let width = |of: fn(&Field) -> &str| fields.iter().map(|field| of(field).len()).max().unwrap_or(0);
    let (names, types) = (width(|field| field.name), width(|field| field.rust_type));
    for field in fields {
        let need = if field.required { "" } else { "(optional) " };
        let doc = field.doc.replace('\n', " ");
        writeln!(out, "  {NAME}{:<names$}{NAME:#}  {:<types$}  {need}{doc}", field.name, field.rust_type)?;
    }
    Ok(())
}

/// A line that sends this command, or asks this query.
fn example(word: &str, name: &str, fields: &[Field]) -> String {
    let required = fields.iter().filter(|field| field.required);
    let fields: Vec<_> = required.map(|field| format!("{}={}", field.name, value(field))).collect();
    format!("{word} {name} {}", fields.join(" ")).trim_end().to_owned()
}

/// A value that a field of this kind could have.
pub(crate) fn value(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Text => "jsdf",
        FieldKind::Integer => "23",
        FieldKind::Number => "2.5",
        FieldKind::Boolean => "true",
        FieldKind::Json => "'…'",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        Field { name: "id", rust_type: "String", kind: FieldKind::Text, required: true, doc: "Whose." },
        Field { name: "amount", rust_type: "u64", kind: FieldKind::Integer, required: true, doc: "Above 0." },
        Field { name: "note", rust_type: "Option<String>", kind: FieldKind::Text, required: false, doc: "" },
    ];

    #[test]
    fn a_command_is_explained_with_its_fields_and_an_example() {
        let command = CommandDescription {
            name: "DepositMoney",
            doc: "Adds money.",
            id_field: "id",
            fields: FIELDS,
            closed: true,
        };
        let mut out = Vec::new();
        write_command(&mut out, "account", &command).unwrap();
        let text: String = anstream::adapter::strip_bytes(&out).into_vec().try_into().unwrap();
        assert!(text.starts_with("DepositMoney → account\n  Adds money.\n"), "{text}");
        assert!(text.contains("amount  u64             Above 0."), "{text}");
        assert!(text.contains("note    Option<String>  (optional)"), "{text}");
        assert!(text.ends_with("  send DepositMoney id=jsdf amount=23\n"), "{text}");
    }
}
