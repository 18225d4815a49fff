//! The files themselves: what is stored together, and what is refused.

use engine_sqlite::SqliteRows;
use engine_store::rows::{GenerationId, Listing, RowBatch, RowError, RowKey, RowStores, StoredRow};
use engine_types::Position;
use tempfile::TempDir;

const FIRST: GenerationId = GenerationId { version: 1, number: 1 };

fn row(key: &str, content: &str) -> (RowKey, Option<StoredRow>) {
    (RowKey::of(key), Some(StoredRow { content: content.as_bytes().to_vec(), rank: 0 }))
}

fn batch(before: Option<u64>, position: u64, content: &str) -> RowBatch {
    RowBatch {
        rows: vec![row("a", content)],
        before: before.map(Position),
        position: Some(Position(position)),
        ..RowBatch::default()
    }
}

#[test]
fn a_batch_on_another_position_than_that_of_the_file_is_refused_and_nothing_of_it_is_stored() {
    let folder = TempDir::new().unwrap();
    let stores = SqliteRows::in_folder(folder.path());
    let (mine, theirs) = (stores.open("sums", FIRST).unwrap(), stores.open("sums", FIRST).unwrap());
    mine.commit(&batch(None, 5, "one")).unwrap();
    assert!(matches!(theirs.commit(&batch(None, 5, "two")), Err(RowError::Unavailable(_))));
    theirs.commit(&batch(Some(5), 6, "two")).unwrap();
    assert!(matches!(mine.commit(&batch(Some(5), 7, "three")), Err(RowError::Unavailable(_))));
    assert_eq!(mine.get(&RowKey::of("a")).unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(mine.state().unwrap().position, Some(Position(6)));
}

#[test]
fn a_position_never_moves_back_and_what_was_late_stays_until_it_is_forgotten() {
    let folder = TempDir::new().unwrap();
    let rows = SqliteRows::in_folder(folder.path()).open("sums", FIRST).unwrap();
    rows.commit(&batch(None, 5, "one")).unwrap();
    let late = |position| vec![("account-a".to_owned(), Position(position))];
    let before = Some(Position(5));
    rows.commit(&RowBatch { before, position: before, late: late(3), ready: true, ..RowBatch::default() })
        .unwrap();
    rows.commit(&RowBatch { before, late: late(2), durable: true, ..RowBatch::default() }).unwrap();
    let state = rows.state().unwrap();
    assert_eq!((state.position, state.ready, state.late["account-a"]), (before, true, Position(3)));
    let forget = vec!["account-a".to_owned()];
    rows.commit(&RowBatch { before, forget, ..RowBatch::default() }).unwrap();
    assert!(rows.state().unwrap().late.is_empty());
}

#[test]
fn a_view_does_not_see_what_is_stored_after_its_first_look() {
    let folder = TempDir::new().unwrap();
    let rows = SqliteRows::in_folder(folder.path()).open("sums", FIRST).unwrap();
    rows.commit(&batch(None, 0, "one")).unwrap();
    rows.view(&mut |view| {
        assert_eq!(view.position().unwrap(), Some(Position(0)));
        rows.commit(&batch(Some(0), 1, "two")).unwrap();
        assert_eq!(view.position().unwrap(), Some(Position(0)));
        assert_eq!(view.list(&Listing::all()).unwrap(), [(RowKey::of("a"), b"one".to_vec())]);
    })
    .unwrap();
    rows.view(&mut |view| assert_eq!(view.position().unwrap(), Some(Position(1)))).unwrap();
}

#[test]
fn generations_stand_side_by_side_and_are_removed_with_all_their_files() {
    let folder = TempDir::new().unwrap();
    let stores = SqliteRows::in_folder(folder.path().join("made/when/needed"));
    assert!(stores.generations("sums").unwrap().is_empty());
    let second = GenerationId { version: 1, number: 2 };
    stores.open("sums", FIRST).unwrap().commit(&batch(None, 1, "one")).unwrap();
    let open = stores.open("sums", second).unwrap();
    open.commit(&batch(None, 2, "two")).unwrap();
    stores.open("others", FIRST).unwrap();
    let mut found = stores.generations("sums").unwrap();
    found.sort();
    assert_eq!(found, [FIRST, second]);
    stores.remove("sums", second).unwrap();
    stores.remove("sums", second).unwrap();
    assert_eq!(stores.generations("sums").unwrap(), [FIRST]);
    assert_eq!(stores.open("sums", second).unwrap().state().unwrap().position, None, "it begins anew");
}
