//! The suite watches itself: no promise is written and then not listed.

/// The names of all promises of the list, as `file::promise`.
macro_rules! names {
    (() $($file:ident { $($promise:ident)* })*) => {
        vec![$($(concat!(stringify!($file), "::", stringify!($promise))),*),*]
    };
}

/// The text of the files of the suite.
macro_rules! sources {
    (() $($file:ident { $($promise:ident)* })*) => {
        vec![$((stringify!($file), include_str!(concat!(stringify!($file), ".rs")))),*]
    };
}

#[test]
fn every_promise_that_is_written_is_listed() {
    let listed: Vec<&str> = crate::each_promise!([names]());
    let sources: Vec<(&str, &str)> = crate::each_promise!([sources]());
    let mut written = Vec::new();
    for (file, source) in sources {
        let functions = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        written.extend(functions.map(|line| format!("{file}::{}", line.split('(').next().unwrap())));
    }
    let missing: Vec<_> = written.iter().filter(|name| !listed.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "not in suite/list.rs: {missing:#?}");
    assert_eq!(written.len(), listed.len());
}
