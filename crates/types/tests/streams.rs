//! The rules of stream names and of the ids in them.

#![allow(missing_docs)]

use engine_types::{
    Category, CurrentRevision, ExpectedRevision, Revision, StreamName,
    stream::{InvalidName, MAX_ID_BYTES, MAX_STREAM_NAME_BYTES},
};
use proptest::prelude::*;

#[test]
fn a_stream_is_named_category_and_id() {
    let stream = StreamName::of_instance("account", "js-df").unwrap();
    assert_eq!(stream.as_str(), "account-js-df");
    assert_eq!((stream.category(), stream.id()), (Some("account"), Some("js-df")));
    let loose = StreamName::new("audit").unwrap();
    assert_eq!((loose.category(), loose.id()), (None, None));
}

#[test]
fn an_id_that_a_name_or_a_path_cannot_carry_is_refused() {
    assert_eq!(StreamName::of_instance("account", ""), Err(InvalidName::Empty));
    for character in
        ['/', '\\', '?', '#', '%', ' ', '\t', '\n', '\0', '\u{7f}', '\u{85}', '\u{a0}', '\u{2003}']
    {
        let refused = StreamName::of_instance("account", &format!("a{character}b"));
        assert_eq!(refused, Err(InvalidName::Character(character)));
    }
    let longest = "ü".repeat(MAX_ID_BYTES / 2);
    assert!(StreamName::of_instance("account", &longest).is_ok());
    let refused = StreamName::of_instance("account", &format!("{longest}x"));
    assert_eq!(refused, Err(InvalidName::TooLong { bytes: MAX_ID_BYTES + 1, limit: MAX_ID_BYTES }));
}

#[test]
fn a_name_is_short_text_that_means_one_stream() {
    assert_eq!(StreamName::new(""), Err(InvalidName::Empty));
    assert_eq!(StreamName::new("$$"), Err(InvalidName::Empty));
    assert_eq!(StreamName::new("$all"), Err(InvalidName::Reserved));
    assert_eq!(StreamName::new("a\nb"), Err(InvalidName::Character('\n')));
    assert!(StreamName::new("x".repeat(MAX_STREAM_NAME_BYTES)).is_ok());
    assert!(matches!(
        StreamName::new("x".repeat(MAX_STREAM_NAME_BYTES + 1)),
        Err(InvalidName::TooLong { bytes: 513, limit: 512 })
    ));
    assert!(serde_json::from_str::<StreamName>(r#""$all""#).is_err());
}

#[test]
fn a_metadata_stream_belongs_to_its_stream() {
    let stream = StreamName::new("account-jsdf").unwrap();
    let metadata = stream.metadata_stream();
    assert_eq!(metadata.as_str(), "$$account-jsdf");
    assert!(metadata.is_metadata() && metadata.is_system() && !stream.is_system());
    assert_eq!(metadata.described_stream(), Some(stream.clone()));
    assert_eq!(stream.described_stream(), None);
}

#[test]
fn the_metadata_stream_of_the_longest_name_is_a_name() {
    let longest = StreamName::new("x".repeat(MAX_STREAM_NAME_BYTES)).unwrap();
    let metadata = longest.metadata_stream();
    assert_eq!(StreamName::new(metadata.as_str()), Ok(metadata));
    assert_eq!(StreamName::new("$$$all").unwrap().described_stream(), None);
}

#[test]
fn an_id_that_means_a_folder_in_a_path_is_refused() {
    assert_eq!(StreamName::of_instance("account", ".."), Err(InvalidName::Dots));
    assert_eq!(StreamName::of_instance("account", "."), Err(InvalidName::Dots));
    assert!(StreamName::of_instance("account", "...").is_ok());
}

#[test]
fn categories_are_checked_while_compiling() {
    const { assert!(Category::is_valid("account") && Category::is_valid("transfer_2")) };
    for wrong in ["", "a-b", "$account", "a b", "a/b", "a%b", "a\n"] {
        assert!(!Category::is_valid(wrong), "{wrong:?}");
    }
}

#[test]
fn an_expected_revision_reads_what_it_writes() {
    let all = [
        ExpectedRevision::Any,
        ExpectedRevision::NoStream,
        ExpectedRevision::StreamExists,
        ExpectedRevision::Exact(Revision(7)),
    ];
    for expected in all {
        assert_eq!(expected.to_string().parse(), Ok(expected));
    }
    let fault = "seven".parse::<ExpectedRevision>().unwrap_err();
    assert_eq!(fault, "`seven` is not an expected revision: use a number, `none`, `any` or `exists`");
}

#[test]
fn the_first_event_of_a_stream_has_revision_zero() {
    assert_eq!(CurrentRevision::NoStream.next(), Revision(0));
    assert_eq!(CurrentRevision::At(Revision(0)).next(), Revision(1));
    assert_eq!(Revision(0).previous(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_accepted_id_comes_back_from_its_stream(category in "[a-zA-Zäöü_.]{1,20}", id in any::<String>()) {
        if let Ok(stream) = StreamName::of_instance(&category, &id) {
            prop_assert_eq!(stream.category(), Some(category.as_str()));
            prop_assert_eq!(stream.id(), Some(id.as_str()));
            prop_assert_eq!(StreamName::new(stream.as_str()), Ok(stream));
        }
    }

    #[test]
    fn ordinary_ids_are_accepted(id in "[a-zA-Z0-9_.@:+=,;!~$-]{1,256}") {
        prop_assume!(id != "." && id != "..");
        let stream = StreamName::of_instance("account", &id);
        prop_assert_eq!(stream.as_ref().ok().and_then(StreamName::id), Some(id.as_str()));
    }

    #[test]
    fn any_accepted_name_survives_json(name in any::<String>()) {
        if let Ok(stream) = StreamName::new(&name) {
            let json = serde_json::to_string(&stream).unwrap();
            prop_assert_eq!(serde_json::from_str::<StreamName>(&json).unwrap(), stream);
        }
    }
}
