//! A filter as a condition of SQL, so that the server leaves out what nobody asked for. Pure.

use engine_store::Filter;
use tokio_postgres::types::{ToSql, Type};

use crate::pool::Parameter;

/// A condition on the columns `stream` and `type`, and its values.
pub(crate) struct Condition {
    /// Empty where every event passes.
    pub(crate) sql: String,
    values: Vec<Vec<String>>,
}

impl Condition {
    /// The condition, with values that begin at `$first`.
    pub(crate) fn of(filter: &Filter, first: usize) -> Self {
        let choice = filter.choice();
        let mut values = Vec::new();
        let mut any_of = |parts: [(&str, &Vec<String>); 3]| {
            let mut conditions = Vec::new();
            for (sql, texts) in parts {
                if !texts.is_empty() {
                    conditions.push(sql.replace('?', &format!("${}", first + values.len())));
                    values.push(texts.iter().filter(|text| !text.contains('\0')).cloned().collect());
                }
            }
            conditions
        };
        let none = Vec::new();
        // A category is what stands before the first dash, so one that holds a dash is that of no stream.
        let categories: Vec<String> =
            choice.categories.iter().map(|category| category.replace('-', "\u{1}")).collect();
        let streams = any_of([
            ("stream = ANY(?)", &choice.streams),
            ("EXISTS (SELECT FROM unnest(?) AS p WHERE starts_with(stream, p || '-'))", &categories),
            ("EXISTS (SELECT FROM unnest(?) AS p WHERE starts_with(stream, p))", &choice.stream_prefixes),
        ]);
        let types = any_of([
            ("type = ANY(?)", &choice.event_types),
            ("EXISTS (SELECT FROM unnest(?) AS p WHERE starts_with(type, p))", &choice.event_type_prefixes),
            ("", &none),
        ]);
        let mut conditions = Vec::new();
        if !choice.system {
            conditions.push("NOT starts_with(stream, '$') AND NOT starts_with(type, '$')".to_owned());
        }
        for alternatives in [streams, types].into_iter().filter(|alternatives| !alternatives.is_empty()) {
            conditions.push(format!("({})", alternatives.join(" OR ")));
        }
        let sql: Vec<_> = conditions.iter().map(|condition| format!(" AND {condition}")).collect();
        Condition { sql: sql.concat(), values }
    }

    /// The values, in order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = Parameter<'_>> {
        self.values.iter().map(|texts| (texts as &(dyn ToSql + Sync), Type::TEXT_ARRAY))
    }
}

#[cfg(test)]
mod tests {
    use engine_store::filter::Choice;

    use super::*;

    #[test]
    fn what_lets_everything_pass_is_no_condition() {
        assert_eq!(Condition::of(&Filter::everything(), 1).sql, "");
    }

    #[test]
    fn values_are_numbered_from_where_they_begin() {
        let choice = Choice {
            streams: vec!["a-1".to_owned()],
            event_types: vec!["Opened".to_owned()],
            system: true,
            ..Choice::default()
        };
        let condition = Condition::of(&Filter::new(choice), 4);
        assert_eq!(condition.sql, " AND (stream = ANY($4)) AND (type = ANY($5))");
        assert_eq!(condition.parameters().count(), 2);
    }
}
