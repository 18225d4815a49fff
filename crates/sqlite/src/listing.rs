//! A listing as SQL. Pure.

use engine_store::{
    prefix::behind,
    rows::{Listing, Order},
};
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
