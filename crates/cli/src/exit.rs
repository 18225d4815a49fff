//! How the process ends.

use std::process::ExitCode;

use crate::signals::Signal;

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
    /// A signal came before a single command was done.
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

    /// What an error of this kind means for the process.
    pub(crate) fn of_kind(kind: &str) -> Self {
        match kind {
            "rejected" | "conflict" | "timeout" | "halted" | "deleted" | "not_found" => Exit::Refused,
            "unknown_command" | "unknown_category" | "invalid" | "usage" => Exit::Usage,
            _ => Exit::StoreFailed,
        }
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

    #[test]
    fn every_kind_of_error_has_the_exit_code_that_was_promised() {
        let codes = |kinds: &[&str]| kinds.iter().map(|kind| Exit::of_kind(kind).code()).collect::<Vec<_>>();
        assert_eq!(
            codes(&["rejected", "conflict", "timeout", "halted", "deleted", "not_found"]),
            [1; 6],
            "refused by the domain, or not found"
        );
        assert_eq!(codes(&["unknown_command", "unknown_category", "invalid", "usage"]), [2; 4]);
        assert_eq!(
            codes(&[
                "unavailable",
                "outcome_unknown",
                "corrupt",
                "unreadable",
                "locked",
                "internal",
                "unheard of"
            ]),
            [3; 7]
        );
    }
}
