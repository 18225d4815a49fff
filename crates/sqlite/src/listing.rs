//! A listing as SQL. Pure.

use engine_store::rows::{Listing, Order};
use rusqlite::types::Value;

/// The statement and its values.
pub(crate) fn sql(listing: &Listing) -> (String, Vec<Value>) {
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    let prefixed = match &listing.partition {
        Some(partition) => {
            conditions.push("partition = ?".to_owned());
            values.push(Value::from(partition.clone()));
            "sort"
        }
        None => "partition",
    };
    if !listing.prefix.is_empty() {
        conditions.push(format!("{prefixed} >= ?"));
        values.push(Value::from(listing.prefix.clone()));
        if let Some(behind) = behind(&listing.prefix) {
            conditions.push(format!("{prefixed} < ?"));
            values.push(Value::from(behind));
        }
    }
    let (columns, way) = match listing.order {
        Order::Key => ("partition, sort", ["", " DESC"]),
        Order::Rank => ("rank, partition, sort", ["", " DESC"]),
    };
    if let Some(after) = &listing.after {
        let places = columns.split(", ").map(|_| "?").collect::<Vec<_>>().join(", ");
        conditions.push(format!("({columns}) {} ({places})", if listing.descending { "<" } else { ">" }));
        if listing.order == Order::Rank {
            values.push(Value::from(after.rank));
        }
        values.extend([after.key.partition.clone(), after.key.sort.clone()].map(Value::from));
    }
    let wanted =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let way = way[usize::from(listing.descending)];
    let order: Vec<_> = columns.split(", ").map(|column| format!("{column}{way}")).collect();
    values.push(Value::from(i64::try_from(listing.limit).unwrap_or(i64::MAX)));
    let sql =
        format!("SELECT partition, sort, content FROM rows{wanted} ORDER BY {} LIMIT ?", order.join(", "));
    (sql, values)
}

/// The first text behind all that begin with a prefix, if there is one. SQLite orders texts by their bytes, which
/// is by their characters.
fn behind(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_prefix_stands_the_next_character() {
        assert_eq!(behind("ab").as_deref(), Some("ac"));
        assert_eq!(behind("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(behind("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(behind("\u{10ffff}"), None);
    }
}
