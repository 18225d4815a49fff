//! A process that is cut off from the rows at the very moment when another shows others in their place: it finds those,
//! wherever the line was cut.

use std::time::Duration;

use engine_postgres_server::url;
use engine_runtime::{
    Bus,
    read_models::{QueryConsistency, QueryError},
};

use crate::{
    domain::{Standing, app, deposit},
    line::Line,
    places::{Place, World},
};

/// Asks while the line is cut and mended. Whoever was reading rows when it was cut is told that, and asks again.
async fn asked(bus: &Bus, line: &Line, consistency: QueryConsistency) -> ((Option<u64>, u64), bool) {
    let (asking, mut was_cut) = (bus.clone(), false);
    let mut query = tokio::spawn(async move {
        loop {
            match asking.query(Standing {}).consistency(consistency).await {
                Err(QueryError::Unavailable(fault)) => {
                    assert!(fault.to_string().contains("the connection to PostgreSQL ended"), "{fault}");
                }
                answer => return answer.unwrap(),
            }
        }
    });
    let both = async {
        loop {
            tokio::select! {
                answer = &mut query => return answer.unwrap(),
                () = line.cut() => {
                    was_cut = true;
                    line.mend();
                }
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    (answer, was_cut)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_another_process_shows_are_found_wherever_the_line_was_cut() {
    let world = World::new(Place::Postgres);
    let line = Line::to(&url()).await;
    let away =
        World { store: world.store.clone(), schema: line.over(&world.schema), ..World::new(Place::Postgres) };
    let (here, there) = (world.start(app()).await, away.start(app()).await);
    let mut sent = 0;
    for consistency in [QueryConsistency::Eventual, QueryConsistency::Strong] {
        for answers in 0.. {
            if sent == 0 || consistency == QueryConsistency::Strong {
                here.send_command(deposit("a", 1)).await.unwrap();
                sent += 1;
            }
            let before = there.query(Standing {}).consistency(QueryConsistency::Strong).await.unwrap();
            assert_eq!(before, (Some(sent - 1), sent));
            here.projections().rebuild("sums").await.unwrap().finished().await.unwrap();
            line.cut_after(answers);
            if consistency == QueryConsistency::Strong {
                here.send_command(deposit("a", 1)).await.unwrap();
                sent += 1;
            }
            let (answer, was_cut) = asked(&there, &line, consistency).await;
            assert_eq!(answer, (Some(sent - 1), sent), "cut after {answers} answers");
            line.mend();
            if !was_cut {
                assert!(answers > 3, "finding other rows takes {answers} answers");
                break;
            }
        }
    }
    for bus in [here, there] {
        bus.close().await.unwrap();
    }
}
