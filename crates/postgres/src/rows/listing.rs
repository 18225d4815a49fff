//! A listing as SQL. Pure.

use engine_store::rows::{Listing, Order};
use tokio_postgres::types::{ToSql, Type};

use super::text::encoded;
use crate::{catalog::behind, pool::Parameter, values::signed};

/// A statement and its values.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    texts: Vec<String>,
    numbers: Vec<i64>,
    /// Which value comes next: a text or a number.
    order: Vec<bool>,
}

impl Statement {
    /// The statement that lists rows of a table.
    pub(super) fn of(listing: &Listing, table: &str) -> Self {
        let mut statement =
            Statement { sql: String::new(), texts: Vec::new(), numbers: Vec::new(), order: Vec::new() };
        let mut conditions = Vec::new();
        let prefixed = match &listing.partition {
            Some(partition) => {
                conditions.push(format!("partition = {}", statement.text(encoded(partition))));
                "sort"
            }
            None => "partition",
        };
        if !listing.prefix.is_empty() {
            let prefix = encoded(&listing.prefix);
            if let Some(behind) = behind(&prefix) {
                conditions.push(format!("{prefixed} < {}", statement.text(behind)));
            }
            conditions.push(format!("{prefixed} >= {}", statement.text(prefix)));
        }
        let columns = match listing.order {
            Order::Key => "partition, sort",
            Order::Rank => "rank, partition, sort",
        };
        if let Some(after) = &listing.after {
            let mut places = Vec::new();
            if listing.order == Order::Rank {
                places.push(statement.number(after.rank));
            }
            places.push(statement.text(encoded(&after.key.partition)));
            places.push(statement.text(encoded(&after.key.sort)));
            let way = if listing.descending { "<" } else { ">" };
            conditions.push(format!("({columns}) {way} ({})", places.join(", ")));
        }
        let wanted = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        let way = if listing.descending { " DESC" } else { "" };
        let order: Vec<_> = columns.split(", ").map(|column| format!("{column}{way}")).collect();
        let limit = statement.number(signed(listing.limit as u64));
        statement.sql = format!(
            "SELECT partition, sort, content, raw_content FROM {table}{wanted} ORDER BY {} LIMIT {limit}",
            order.join(", ")
        );
        statement
    }

    fn text(&mut self, text: String) -> String {
        self.texts.push(text);
        self.order.push(true);
        format!("${}", self.order.len())
    }

    fn number(&mut self, number: i64) -> String {
        self.numbers.push(number);
        self.order.push(false);
        format!("${}", self.order.len())
    }

    /// The values, in order.
    pub(super) fn values(&self) -> Vec<Parameter<'_>> {
        let (mut texts, mut numbers) = (self.texts.iter(), self.numbers.iter());
        let mut text = || texts.next().map(|text| (text as &(dyn ToSql + Sync), Type::TEXT));
        let mut number = || numbers.next().map(|number| (number as &(dyn ToSql + Sync), Type::INT8));
        self.order.iter().filter_map(|is_text| if *is_text { text() } else { number() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_order_of_their_numbers() {
        let listing = Listing::partition("a").prefix("b").by_rank().descending().after_rank(7, "c").limit(5);
        let statement = Statement::of(&listing, "rows_1");
        assert_eq!(
            statement.sql,
            "SELECT partition, sort, content, raw_content FROM rows_1 WHERE partition = $1 AND sort < $2 AND sort >= $3 \
             AND (rank, partition, sort) < ($4, $5, $6) ORDER BY rank DESC, partition DESC, sort DESC LIMIT $7"
        );
        let types: Vec<_> = statement.values().into_iter().map(|(_, of)| of).collect();
        let [text, number] = [Type::TEXT, Type::INT8];
        assert_eq!(
            types,
            [text.clone(), text.clone(), text.clone(), number.clone(), text.clone(), text, number]
        );
    }
}
