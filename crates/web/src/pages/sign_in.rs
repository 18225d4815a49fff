//! Signing in and out.

use axum::{
    extract::{Query, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Fault, Posted,
    layout::{bare, brand},
    posted::read_form,
};
use crate::{
    Web,
    access::{self, Refused},
    api::Problem,
};

#[derive(Debug, Deserialize)]
pub(super) struct To {
    #[serde(default)]
    to: String,
}

pub(super) async fn page(State(web): State<Web>, Query(To { to }): Query<To>) -> Markup {
    form(&web, &to, "", None)
}

fn form(web: &Web, to: &str, login: &str, fault: Option<&str>) -> Markup {
    let page = html! {
        main.sign-in { section.card { form.body method="post" action="/sign-in" {
            (brand(&web.map().app))
            @if let Some(fault) = fault { div.notice.bad role="alert" { (fault) } }
            input type="hidden" name="to" value=(to);
            div.field {
                label for="login" { "Name" }
                input id="login" name="login" value=(login) autocomplete="username" required autofocus[login.is_empty()];
            }
            div.field {
                label for="password" { "Password" }
                input id="password" name="password" type="password" autocomplete="current-password" required autofocus[!login.is_empty()];
            }
            button.primary type="submit" { "Sign in" }
        } } }
    };
    bare("Sign in", &page)
}

pub(super) async fn sign_in(State(web): State<Web>, request: Request) -> Result<Response, Fault> {
    let address = access::address(&request);
    let from_elsewhere = access::is_from_elsewhere(request.headers());
    let body = axum::body::to_bytes(request.into_body(), 16 * 1024).await.unwrap_or_else(|_| Bytes::new());
    if from_elsewhere {
        return Err(Problem::foreign_page().into());
    }
    let fields = read_form(&body);
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
    let (login, to) = (field("login").trim(), field("to"));
    let refused = match web.guard().verify(login, field("password"), address).await {
        Ok(user) => {
            let secret = web.guard().sessions.begin(&user);
            let cookie = access::set_cookie(Some(&secret), web.options().secure_cookies);
            return Ok(([(header::SET_COOKIE, cookie)], Redirect::to(inside(to))).into_response());
        }
        Err(refused) => refused,
    };
    let status = match refused {
        Refused::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        Refused::Users(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refused::Wrong => StatusCode::UNAUTHORIZED,
    };
    let mut fault = refused.to_string();
    fault[..1].make_ascii_uppercase();
    Ok((status, form(&web, to, login, Some(&format!("{fault}.")))).into_response())
}

/// Where to go afterwards: a page of ours, never another site.
fn inside(to: &str) -> &str {
    let is_ours = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n', '\t']);
    if is_ours { to } else { "/" }
}

pub(super) async fn sign_out(State(web): State<Web>, headers: http::HeaderMap, _: Posted) -> Response {
    if let Some(secret) = access::cookie(&headers) {
        web.guard().sessions.end(secret);
    }
    let cookie = access::set_cookie(None, web.options().secure_cookies);
    ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_never_leads_to_another_site() {
        for to in ["https://example.org", "//example.org", "/\\example.org", "/\t/example.org", "", "x"] {
            assert_eq!(inside(to), "/");
        }
        assert_eq!(inside("/streams?prefix=a"), "/streams?prefix=a");
    }
}
