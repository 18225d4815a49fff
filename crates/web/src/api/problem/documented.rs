//! The problems that operations are documented to answer.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};

/// What every operation may answer.
pub(crate) struct ReadProblems;

/// What every operation that changes something may answer.
pub(crate) struct CommandProblems;

const READING: [(&str, &str); 9] = [
    ("400", "The request cannot be understood. Mend it."),
    ("401", "It is not known who asks, or the name, the password or the token is wrong."),
    ("403", "The caller may not do this."),
    ("404", "There is no such thing."),
    ("405", "The method is not for this path."),
    ("422", "It was understood, and refused."),
    ("429", "Too many failed sign-ins. Try again later."),
    ("500", "The domain's code, or the engine's, is at fault."),
    ("503", "It cannot be done now, or it is unknown whether it was done. The message says which."),
];

const CHANGING: [(&str, &str); 2] = [
    ("409", "The thing is not as the caller expected it. Look, then send again."),
    ("413", "The body is too large."),
];

fn documented(problems: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let answer = |description: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        RefOr::T(
            ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content)
                .build(),
        )
    };
    problems.iter().map(|(status, description)| ((*status).to_owned(), answer(description))).collect()
}

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented(&READING)
    }
}

impl IntoResponses for CommandProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        documented(&[&READING[..], &CHANGING[..]].concat())
    }
}
