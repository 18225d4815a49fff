//! One's own account: the password, and tokens for machines.

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::{secret, words},
    users::{PASSWORD_CHARS, check_password},
};
use crate::{
    Web,
    access::{self, Caller, Token},
    audit,
};

/// `/account`.
pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let tokens = web.guard().tokens.of(&caller.name).await?;
    Ok(shown(&web, &caller, &tokens, &html! {}))
}

fn shown(web: &Web, caller: &Caller, tokens: &[(String, Token)], told: &Markup) -> Markup {
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
        (token_card(caller, tokens))
    };
    layout::page(web, caller, Nav::Account, "Account", &body)
}

fn token_card(caller: &Caller, tokens: &[(String, Token)]) -> Markup {
    html! {
        section.card {
            header { h2 { "Tokens for machines" } span.muted.small { "each has your rights" } }
            @if !tokens.is_empty() { div.scroll { table {
                thead { tr { th { "For" } th.fit { "Made" } th.fit { span.hidden-text { "Orders" } } } }
                tbody { @for (hash, token) in tokens {
                    tr {
                        td.wrap { (token.purpose) }
                        td.fit.muted { (words::ago(token.created())) }
                        td.fit { form method="post" action="/account/tokens" data-confirm="Revoke this token?" {
                            (secret(caller))
                            input type="hidden" name="revoke" value=(hash);
                            button.danger type="submit" { "Revoke" }
                        } }
                    }
                } }
            } } }
            div.body { form.filters method="post" action="/account/tokens" {
                (secret(caller))
                div.field { label for="purpose" { "What it is for" } input.wide id="purpose" name="purpose" required maxlength="200" autocomplete="off"; }
                button type="submit" { "Make a token" }
            } }
        }
    }
}

/// `POST /account/tokens`: makes one and shows it once, or revokes one.
pub(super) async fn tokens(State(web): State<Web>, posted: Posted) -> Result<Response, Fault> {
    let (tokens, name) = (&web.guard().tokens, &posted.caller.name);
    let revoked = posted.field("revoke");
    if !revoked.is_empty() {
        tokens.revoke(name, revoked).await?;
        audit::record(web.store(), &posted.caller, "revoke token", name, json!({}), "done").await;
        return Ok(Redirect::to("/account").into_response());
    }
    let purpose: String = posted.field("purpose").trim().chars().take(200).collect();
    let token = tokens.create(name, &purpose).await?;
    audit::record(web.store(), &posted.caller, "make token", name, json!({ "purpose": purpose }), "done")
        .await;
    let told = html! {
        div.notice.good role="status" {
            strong { "A new token. " } "It is shown this once: " code.wrap id="token" { (token) }
        }
    };
    let all = tokens.of(name).await?;
    Ok(shown(&web, &posted.caller, &all, &told).into_response())
}

/// `POST /account`.
pub(super) async fn change_password(State(web): State<Web>, request: Request) -> Result<Response, Fault> {
    use axum::extract::FromRequest;
    let address = access::address(&request);
    let posted = Posted::from_request(request, &web).await?;
    let tokens = web.guard().tokens.of(&posted.caller.name).await?;
    let refuse = |text: String| {
        shown(&web, &posted.caller, &tokens, &html! { div.notice.bad role="alert" { (text) } })
            .into_response()
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
