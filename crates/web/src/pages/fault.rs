//! What went wrong, as a page.

use axum::response::{IntoResponse, Redirect, Response};
use http::Uri;
use maud::html;

use super::layout;
use crate::api::{self, Problem};

/// Why there is no page.
pub(super) enum Fault {
    /// Nobody has signed in; afterwards this page is shown.
    SignIn { to: String },
    /// Anything else.
    Problem(Box<Problem>),
}

impl<E: Into<Problem>> From<E> for Fault {
    fn from(error: E) -> Self {
        Fault::Problem(Box::new(error.into()))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Fault::SignIn { to } => {
                Redirect::to(&format!("/sign-in?to={}", super::parts::encoded(&to))).into_response()
            }
            Fault::Problem(problem) => {
                let page = html! {
                    div.sign-in { section.card { div.body {
                        h1 { (problem.title()) }
                        p.wrap { (problem.detail()) }
                        p.muted.small { "Kind of problem: " code { (problem.kind()) } }
                        p { a.button href="/" { "Go to the overview" } }
                    } } }
                };
                (problem.status(), layout::bare(problem.title(), &page)).into_response()
            }
        }
    }
}

/// What is answered where nothing is: a problem to programs, a page to people.
pub(super) async fn nothing_here(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return api::unknown(&uri).into_response();
    }
    Fault::from(Problem::not_found(format!("There is no page at `{}`.", uri.path()))).into_response()
}
