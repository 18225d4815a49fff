//! What the disk allows: one session that commits one row at a time, and does nothing else.

use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};

/// Commits a second.
pub async fn measure(url: &str, turn: Duration) -> f64 {
    let mut session = PgConnection::connect(url).await.expect("a session");
    let table = "CREATE TABLE IF NOT EXISTS floor (number bigint, text text)";
    session.execute(table).await.expect("the table can be made");
    let (begun, mut commits) = (Instant::now(), 0_u32);
    while begun.elapsed() < turn {
        let row = sqlx::query("INSERT INTO floor VALUES (1, 'about as long as a deposit with its metadata')");
        row.execute(&mut session).await.expect("a row can be stored");
        commits += 1;
    }
    f64::from(commits) / begun.elapsed().as_secs_f64()
}
