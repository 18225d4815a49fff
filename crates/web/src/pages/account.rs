//! One's own account: the password.

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::secret,
    users::{PASSWORD_CHARS, check_password},
};
use crate::{
    Web,
    access::{self, Caller},
    audit,
};

/// `/account`.
pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>) -> Page {
    Ok(shown(&web, &caller, &html! {}))
}

fn shown(web: &Web, caller: &Caller, told: &Markup) -> Markup {
    let field = |id: &str, label: &str, complete: &str, least: Option<usize>| {
        html! {
            div.field { label for=(id) { (label) } input id=(id) name=(id) type="password" required minlength=[least] autocomplete=(complete); }
        }
    };
    let body = html! {
        (layout::head(&html! { (caller.name) }, &format!("You are signed in as {}.", caller.role), &html! {}))
        (told)
        section.card {
            header { h2 { "Another password" } }
            div.body { form.form method="post" action="/account" {
                (secret(caller))
                (field("current", "Present password", "current-password", None))
                (field("new", "New password", "new-password", Some(PASSWORD_CHARS)))
                (field("again", "New password, again", "new-password", Some(PASSWORD_CHARS)))
                p.muted.small { "All your sessions end; sign in with the new password." }
                div.actions { button.primary type="submit" { "Change it" } }
            } }
        }
    };
    layout::page(web, caller, Nav::Account, "Account", &body)
}

/// `POST /account`.
pub(super) async fn change_password(State(web): State<Web>, request: Request) -> Result<Response, Fault> {
    use axum::extract::FromRequest;
    let address = access::address(&request);
    let posted = Posted::from_request(request, &web).await?;
    let refuse = |text: String| {
        shown(&web, &posted.caller, &html! { div.notice.bad role="alert" { (text) } }).into_response()
    };
    let new = posted.field("new");
    if new != posted.field("again") {
        return Ok(refuse("The two new passwords are not the same.".to_owned()));
    }
    if let Err(problem) = check_password(new) {
        return Ok(refuse(problem.detail().to_owned()));
    }
    let name = &posted.caller.name;
    if let Err(refused) = web.guard().verify(name, posted.field("current"), address).await {
        return Ok(refuse(format!("The present password: {refused}.")));
    }
    web.guard().users.set_password(name, new).await?;
    web.guard().forget(name);
    audit::record(web.store(), &posted.caller, "change password", name, json!({}), "done").await;
    Ok(Redirect::to("/sign-in").into_response())
}
