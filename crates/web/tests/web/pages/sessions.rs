//! Sessions: signing in and out, and what ends them.

use reqwest::{Method, StatusCode};

use crate::kit::{Answer, Node};

#[tokio::test]
async fn the_cookie_of_a_session_is_kept_from_scripts_and_other_sites() {
    let node = Node::bank().await;
    let session = node.sign_in("admin", "changeit").await;
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(session.set_cookie.contains(flag), "{}", session.set_cookie);
    }
    assert!(!session.set_cookie.contains("Secure"), "this node has no TLS: {}", session.set_cookie);
    assert_eq!(session.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_sees_a_page_without_signing_in() {
    let node = Node::bank().await;
    for path in ["/", "/streams", "/all", "/commands/DepositMoney", "/store", "/users", "/tail/rows"] {
        let answer = Answer::of(node.anonymous(Method::GET, path)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.headers["location"].to_str().is_ok_and(|to| to.starts_with("/sign-in?to=")), "{path}");
    }
    let forged = node.anonymous(Method::GET, "/").header("Cookie", "engine-session=0123456789abcdef");
    assert_eq!(Answer::of(forged).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_and_too_many_make_wait() {
    let node = Node::bank().await;
    let attempt = || {
        let fields = [("login", "admin"), ("password", "wrong")];
        Answer::of(node.anonymous(Method::POST, "/sign-in").form(&fields))
    };
    for _ in 0..5 {
        let answer = attempt().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains("is wrong") && !answer.headers.contains_key("set-cookie"));
    }
    let answer = attempt().await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.text.contains("try again in"), "{}", answer.text);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_takes_the_cookie_away() {
    let node = Node::bank().await;
    let session = node.sign_in("admin", "changeit").await;
    let answer = session.post("/sign-out", &[]).await;
    assert!(answer.headers["set-cookie"].to_str().is_ok_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(session.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_password_ends_all_sessions_and_is_the_one_that_holds() {
    let node = Node::bank().await;
    let (here, elsewhere) = (node.sign_in("ops", "changeit").await, node.sign_in("ops", "changeit").await);
    let change = async |current, new, again| {
        here.post("/account", &[("current", current), ("new", new), ("again", again)]).await
    };
    assert!(change("changeit", "a-new-one", "another").await.text.contains("are not the same"));
    assert!(change("changeit", "short", "short").await.text.contains("too short"));
    assert!(change("wrong", "a-new-one", "a-new-one").await.text.contains("present password"));
    assert_eq!(change("changeit", "a-new-one", "a-new-one").await.status, StatusCode::SEE_OTHER);
    for session in [&here, &elsewhere] {
        assert_eq!(session.get("/").await.status, StatusCode::SEE_OTHER);
    }
    let old = node.anonymous(Method::GET, "/api/map").basic_auth("ops", Some("changeit"));
    Answer::of(old).await.expect(StatusCode::UNAUTHORIZED);
    node.sign_in("ops", "a-new-one").await;
}

#[tokio::test]
async fn a_user_who_is_refused_or_has_another_role_is_so_at_once() {
    let node = Node::bank().await;
    let ops = node.sign_in("ops", "changeit").await;
    let admin = node.sign_in("admin", "changeit").await;
    assert_eq!(ops.get("/users").await.status, StatusCode::FORBIDDEN);
    admin.post("/users/ops", &[("do", "role"), ("role", "reader")]).await;
    assert_eq!(ops.get("/").await.status, StatusCode::SEE_OTHER, "the session has ended");
    let reader = node.sign_in("ops", "changeit").await;
    let sent = reader.post("/commands/CreateAccount", &[("id", "jsdf"), ("$do", "send")]).await;
    assert_eq!(sent.status, StatusCode::FORBIDDEN);
    admin.post("/users/ops", &[("do", "disable")]).await;
    assert_eq!(reader.get("/").await.status, StatusCode::SEE_OTHER);
    let again = node.anonymous(Method::GET, "/api/map").basic_auth("ops", Some("changeit"));
    Answer::of(again).await.expect(StatusCode::UNAUTHORIZED);
}
