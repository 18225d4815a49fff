//! What the client's errors mean to the one who called: sorted by what to do next.

use engine_store::{AppendError, BoxError, ReadError};
use engine_types::{CurrentRevision, Revision, StreamName};
use kurrentdb::Error;

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The expectation of an append is wrong; this is where the stream is.
    WrongRevision(CurrentRevision),
    /// The expectation of a deletion is wrong. The client does not tell where the stream is.
    WrongState,
    /// There is no such stream.
    NotFound,
    /// The stream was closed for ever.
    Deleted,
    /// The place that was asked for is none in this store.
    NoPlace(String),
    /// The server did not get the request, or refused it before it did anything: it may be sent again.
    NotDone(Trouble, BoxError),
    /// The server may have carried out the request.
    Lost(Trouble, BoxError),
    /// The server will never carry out this request.
    Refused(String),
    /// The server does not know this request.
    Unsupported(String),
    /// The store was closed.
    Closed,
}

/// What to do before a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The client looks after its connection itself.
    Passing,
    /// The client has given up: another one is needed.
    ClientGone,
    /// Trying again helps only when somebody has changed something.
    Lasting,
}

/// The numbers of gRPC that the client leaves unsorted.
mod code {
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const FAILED_PRECONDITION: i32 = 9;
    pub(super) const OUT_OF_RANGE: i32 = 11;
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::WrongExpectedVersion { current, .. } => Fault::WrongRevision(match current {
                kurrentdb::CurrentRevision::Current(revision) => CurrentRevision::At(Revision(revision)),
                kurrentdb::CurrentRevision::NoStream => CurrentRevision::NoStream,
            }),
            Error::ResourceNotFound => Fault::NotFound,
            Error::ResourceDeleted => Fault::Deleted,
            Error::AccessDenied => Fault::NotDone(
                Trouble::Lasting,
                "the server denies access: check the user and the password in the URL of the store, and what the \
                 user may do (reading all streams takes a member of `$admins`)"
                    .into(),
            ),
            Error::UnsupportedFeature => Fault::Unsupported("the server does not offer this".to_owned()),
            Error::NotLeaderException(_) => Fault::NotDone(Trouble::Passing, error.into()),
            Error::ConnectionClosed | Error::GrpcConnectionError(_) | Error::InitializationError(_) => {
                Fault::NotDone(Trouble::ClientGone, error.into())
            }
            Error::ServerError(ref text) if never_arrived(text) => Fault::NotDone(Trouble::Passing, error.into()),
            Error::Grpc { code, message } => of_code(code as i32, message),
            error => Fault::Lost(Trouble::Passing, error.into()),
        }
    }
}

fn of_code(code: i32, message: String) -> Fault {
    match code {
        code::INVALID_ARGUMENT | code::OUT_OF_RANGE if message.contains("invalid position") => {
            Fault::NoPlace(message)
        }
        code::INVALID_ARGUMENT | code::OUT_OF_RANGE => Fault::Refused(message),
        code::FAILED_PRECONDITION => Fault::WrongState,
        code::RESOURCE_EXHAUSTED => Fault::NotDone(Trouble::Passing, message.into()),
        _ => Fault::Lost(Trouble::Passing, message.into()),
    }
}

/// Whether no connection came about, so that nothing was sent. What is not known to mean that counts as sent.
fn never_arrived(status: &str) -> bool {
    ["tcp connect error", "Connection refused", "Server Is Not Ready", "Server Is Too Busy"]
        .iter()
        .any(|sign| status.contains(sign))
}

impl Fault {
    /// What to do before the request is sent again, if it may be: requests that change nothing, and appends, whose
    /// event ids tell a repetition.
    pub(crate) fn may_pass(&self) -> Option<Trouble> {
        match self {
            Fault::NotDone(trouble, _) | Fault::Lost(trouble, _) if *trouble != Trouble::Lasting => {
                Some(*trouble)
            }
            _ => None,
        }
    }

    /// What it means to a reader of this stream, or of all.
    pub(crate) fn of_read(self, stream: Option<&StreamName>) -> ReadError {
        match (self, stream) {
            (Fault::NotFound, Some(stream)) => ReadError::StreamNotFound { stream: stream.clone() },
            (Fault::Deleted, Some(stream)) => ReadError::StreamDeleted { stream: stream.clone() },
            (Fault::NoPlace(fault) | Fault::Refused(fault), _) => ReadError::Invalid(fault),
            (Fault::Unsupported(what), _) => ReadError::Unsupported(what),
            (Fault::NotDone(_, cause) | Fault::Lost(_, cause), _) => ReadError::Unavailable(cause),
            (Fault::Closed, _) => ReadError::unavailable("the store was closed"),
            (other, _) => ReadError::unavailable(format!("the server answers a read with {other:?}")),
        }
    }

    /// What it means to a writer to this stream, apart from wrong expectations.
    pub(crate) fn of_append(self, stream: &StreamName) -> AppendError {
        match self {
            Fault::Deleted => AppendError::StreamDeleted { stream: stream.clone() },
            Fault::NoPlace(fault) | Fault::Refused(fault) => AppendError::Invalid(fault),
            Fault::Unsupported(what) => AppendError::Unsupported(what),
            Fault::NotDone(_, cause) => AppendError::Unavailable(cause),
            Fault::Lost(_, cause) => AppendError::OutcomeUnknown(cause),
            Fault::Closed => AppendError::unavailable("the store was closed"),
            Fault::NotFound => AppendError::unavailable("the server does not find its leader"),
            Fault::WrongRevision(_) | Fault::WrongState => {
                AppendError::OutcomeUnknown("the server tells a conflict where none can be".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_never_left_may_be_sent_again_and_one_that_may_have_arrived_is_lost() {
        let fault = |text: &str| Fault::from(Error::ServerError(text.to_owned()));
        assert!(matches!(fault("Unavailable, tcp connect error"), Fault::NotDone(Trouble::Passing, _)));
        assert!(matches!(fault("Unavailable, broken pipe"), Fault::Lost(Trouble::Passing, _)));
        assert!(matches!(Fault::from(Error::DeadlineExceeded), Fault::Lost(Trouble::Passing, _)));
        assert!(matches!(Fault::from(Error::ConnectionClosed), Fault::NotDone(Trouble::ClientGone, _)));
    }

    #[test]
    fn what_the_server_denies_is_not_tried_again() {
        assert_eq!(Fault::from(Error::AccessDenied).may_pass(), None);
        assert_eq!(Fault::from(Error::ResourceDeleted).may_pass(), None);
        assert_eq!(Fault::from(Error::DeadlineExceeded).may_pass(), Some(Trouble::Passing));
    }

    #[test]
    fn a_place_that_is_none_is_told_from_other_faults_of_the_request() {
        let text = "Trying to read from an invalid position.".to_owned();
        assert!(matches!(of_code(code::INVALID_ARGUMENT, text), Fault::NoPlace(_)));
        assert!(matches!(of_code(code::INVALID_ARGUMENT, "too large".to_owned()), Fault::Refused(_)));
    }
}
