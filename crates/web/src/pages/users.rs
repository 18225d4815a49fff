//! Users and their roles.

use axum::{
    extract::{Path, Query, State},
    response::Redirect,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::{encoded, notice, secret},
};
use crate::{
    Web,
    access::{Caller, NewUser, Role, User},
    api::Problem,
    audit,
};

/// The fewest characters of a password that is given here.
pub(super) const PASSWORD_CHARS: usize = 8;

#[derive(Debug, Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    done: String,
}

/// `/users`.
pub(super) async fn page(
    Seen(caller): Seen,
    State(web): State<Web>,
    Query(Told { done }): Query<Told>,
) -> Page {
    if caller.role < Role::Admin {
        return Err(Problem::forbidden(&caller, Role::Admin).into());
    }
    let users = web.guard().users.list().await?;
    let body = html! {
        (layout::head(&html! { "Users" }, "Readers look, operators also see data and send commands, admins also look after the store and the users.", &html! {}))
        @if !done.is_empty() { (notice("good", &done)) }
        div.grid.wide-left {
            section.card { div.scroll { table {
                thead { tr { th { "Name" } th.optional { "Full name" } th { "Role" } th.fit { "Sign-in" } th.fit { span.hidden-text { "Orders" } } } }
                tbody { @for user in &users { (row(user, &caller)) } }
            } } }
            section.card { header { h2 { "Another user" } } div.body { (new_user(&caller)) } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Users, "Users", &body))
}

fn row(user: &User, caller: &Caller) -> Markup {
    let path = format!("/users/{}", encoded(&user.login));
    let is_self = user.login == caller.name;
    html! {
        tr {
            td { strong { (user.login) } @if is_self { span.muted { " (you)" } } }
            td.optional { (user.full_name) }
            td { form.inline method="post" action=(path) {
                (secret(caller))
                input type="hidden" name="do" value="role";
                label.hidden-text for={ "role-" (user.login) } { "Role of " (user.login) }
                select id={ "role-" (user.login) } name="role" disabled[is_self] { (roles(user.role())) }
                @if !is_self { button type="submit" { "Set" } }
            } }
            td.fit { @if user.disabled { span.badge.bad { "refused" } } @else { span.badge.good { "allowed" } } }
            td.fit { @if !is_self { span.inline {
                (order(caller, &path, if user.disabled { "enable" } else { "disable" }, if user.disabled { "Allow" } else { "Refuse" }, None))
                (order(caller, &path, "delete", "Delete", Some("Delete this user for good?")))
            } } }
        }
    }
}

fn order(caller: &Caller, path: &str, what: &str, label: &str, question: Option<&str>) -> Markup {
    html! {
        form method="post" action=(path) data-confirm=[question] {
            (secret(caller))
            input type="hidden" name="do" value=(what);
            button.danger[question.is_some()] type="submit" { (label) }
        }
    }
}

fn roles(chosen: Role) -> Markup {
    html! { @for role in Role::ALL { option value=(role) selected[role == chosen] { (role) } } }
}

fn new_user(caller: &Caller) -> Markup {
    html! {
        form.form method="post" action="/users" {
            (secret(caller))
            div.field { label for="login" { "Name to sign in with" } input id="login" name="login" required autocomplete="off"; }
            div.field { label for="full_name" { "Full name" } input id="full_name" name="full_name" autocomplete="off"; }
            div.field { label for="role" { "Role" } select id="role" name="role" { (roles(Role::Reader)) } }
            div.field {
                label for="password" { "First password" }
                input id="password" name="password" type="password" required minlength=(PASSWORD_CHARS) autocomplete="new-password";
            }
            div.actions { button.primary type="submit" { "Add" } }
        }
    }
}

fn role(text: &str) -> Result<Role, Problem> {
    let role = Role::ALL.into_iter().find(|role| role.name() == text);
    role.ok_or_else(|| Problem::bad_request(format!("`{text}` is no role: use reader, operator or admin")))
}

fn groups(role: Role) -> Vec<String> {
    role.group().map(str::to_owned).into_iter().collect()
}

/// Refuses a password that is too short.
pub(super) fn check_password(password: &str) -> Result<(), Problem> {
    if password.chars().count() >= PASSWORD_CHARS {
        return Ok(());
    }
    Err(Problem::bad_request(format!("the password is too short: use {PASSWORD_CHARS} characters or more")))
}

/// `POST /users`.
pub(super) async fn create(State(web): State<Web>, posted: Posted) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Admin)?;
    let login = posted.field("login").trim().to_owned();
    check_password(posted.field("password"))?;
    let role = role(posted.field("role"))?;
    let user = NewUser {
        login: login.clone(),
        full_name: posted.field("full_name").trim().to_owned(),
        groups: groups(role),
        password: posted.field("password").to_owned(),
    };
    web.guard().users.create(user).await?;
    audit::record(web.store(), &posted.caller, "add user", &login, json!({ "role": role }), "done").await;
    Ok(told(&format!("{login} may sign in as {role}.")))
}

/// `POST /users/{login}`.
pub(super) async fn change(
    State(web): State<Web>,
    Path(login): Path<String>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Admin)?;
    if login == posted.caller.name {
        return Err(Problem::bad_request("nobody takes their own rights away: ask another admin").into());
    }
    let users = &web.guard().users;
    let user = users
        .find(&login)
        .await?
        .ok_or_else(|| Problem::not_found(format!("There is no user `{login}`.")))?;
    let what = posted.field("do").to_owned();
    let done = match what.as_str() {
        "role" => {
            let role = role(posted.field("role"))?;
            users.update(User { groups: groups(role), ..user }).await?;
            format!("{login} is {role} now.")
        }
        "enable" | "disable" => {
            users.update(User { disabled: what == "disable", ..user }).await?;
            format!("{login} may {} sign in.", if what == "disable" { "no longer" } else { "again" })
        }
        "delete" => {
            users.delete(&login).await?;
            format!("{login} is no more.")
        }
        _ => return Err(Problem::bad_request(format!("there is no order `{what}`")).into()),
    };
    web.guard().forget(&login);
    audit::record(
        web.store(),
        &posted.caller,
        &what,
        &login,
        json!({ "role": posted.field("role") }),
        "done",
    )
    .await;
    Ok(told(&done))
}

fn told(done: &str) -> Redirect {
    Redirect::to(&format!("/users?done={}", encoded(done)))
}
