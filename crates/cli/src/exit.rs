//! How the process ends.

use std::process::ExitCode;

use crate::signals::Signal;

/// Every kind of error, and how a process ends that had only this to do. `docs/commands.md` has the same list.
///
/// The kind `stopped` is absent: which signal it was decides.
const KINDS: [(&str, Exit); 26] = [
    ("rejected", Exit::Refused),
    ("conflict", Exit::Refused),
    ("timeout", Exit::Refused),
    ("not_yet_handled", Exit::Refused),
    ("halted", Exit::Refused),
    ("deleted", Exit::Refused),
    ("not_found", Exit::Refused),
    ("being_built", Exit::Refused),
    ("refused", Exit::Refused),
    ("usage", Exit::Usage),
    ("invalid", Exit::Usage),
    ("unknown_command", Exit::Usage),
    ("unknown_category", Exit::Usage),
    ("unknown_query", Exit::Usage),
    ("unknown_handler", Exit::Usage),
    ("unknown_projection", Exit::Usage),
    ("unknown_process", Exit::Usage),
    ("unavailable", Exit::StoreFailed),
    ("outcome_unknown", Exit::StoreFailed),
    ("corrupt", Exit::StoreFailed),
    ("unreadable", Exit::StoreFailed),
    ("locked", Exit::StoreFailed),
    ("wrong_version", Exit::StoreFailed),
    ("cannot_open", Exit::StoreFailed),
    ("unsupported", Exit::StoreFailed),
    ("internal", Exit::StoreFailed),
];

/// The meaning of an exit code. Others rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Done,
    /// The domain refused, or there is no such thing.
    Refused,
    /// What was asked for cannot be asked.
    Usage,
    /// The store failed, or the program.
    StoreFailed,
    /// A signal came before a single command was done, or before all lines of the input were.
    Stopped(Signal),
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::StoreFailed => 3,
            Exit::Stopped(Signal::Interrupt) => 130,
            Exit::Stopped(Signal::Terminate) => 143,
        }
    }

    /// What an error of this kind means for the process. A kind that nobody listed is a failure.
    pub(crate) fn of_kind(kind: &str) -> Self {
        KINDS.iter().find(|(listed, _)| *listed == kind).map_or(Exit::StoreFailed, |(_, exit)| *exit)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources that give errors their kinds.
    const SOURCES: [&str; 4] = [
        include_str!("../../runtime/src/send_error.rs"),
        include_str!("../../runtime/src/read_models/answer.rs"),
        include_str!("../../engine/src/stores.rs"),
        include_str!("failure.rs"),
    ];

    /// The words that the code before the tests makes a kind: `=> "word"`, or the first argument of
    /// `Failure::new`.
    fn kinds_in(source: &str) -> impl Iterator<Item = &str> {
        let code = source.split("#[cfg(test)]").next().unwrap_or(source);
        let words = |before| code.split(before).skip(1).filter_map(|rest| rest.split('"').next());
        words("=> \"").chain(words("Failure::new(\""))
    }

    #[test]
    fn every_kind_that_the_engine_can_produce_is_listed() {
        for (source, some) in
            SOURCES.into_iter().zip(["not_yet_handled", "being_built", "wrong_version", "not_found"])
        {
            assert!(kinds_in(source).any(|kind| kind == some), "`{some}` is not found where it should be");
            for kind in kinds_in(source).filter(|kind| *kind != "stopped") {
                assert!(KINDS.iter().any(|(listed, _)| *listed == kind), "`{kind}` has no exit code");
            }
        }
    }

    #[test]
    fn the_documented_table_is_this_list() {
        let page = include_str!("../../../docs/commands.md");
        for (kind, exit) in KINDS {
            let row = format!("| {} |", exit.code());
            let row = page.lines().find(|line| line.starts_with(&row)).unwrap();
            assert!(row.contains(&format!("`{kind}`")), "`{kind}` is missing in: {row}");
        }
        let documented =
            page.lines().filter(|line| ["| 1 |", "| 2 |", "| 3 |"].contains(&&line[..line.len().min(5)]));
        let words: usize = documented.map(|row| row.matches('`').count() / 2).sum();
        assert_eq!(words, KINDS.len(), "the page names each kind once, and no other");
    }

    #[test]
    fn a_kind_that_nobody_listed_is_a_failure() {
        assert_eq!(Exit::of_kind("unheard of"), Exit::StoreFailed);
    }
}
