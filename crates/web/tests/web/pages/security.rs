//! What browsers are told, and what is not let in.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::kit::{Answer, Node};

const PAGES: [&str; 19] = [
    "/",
    "/sign-in",
    "/streams",
    "/all",
    "/tail",
    "/commands",
    "/commands/DepositMoney",
    "/aggregates",
    "/map",
    "/queries",
    "/queries/balances",
    "/handlers",
    "/parked",
    "/processes",
    "/timers",
    "/store",
    "/users",
    "/account",
    "/nothing",
];

#[tokio::test]
async fn every_page_lets_nothing_but_its_own_files_run_and_nobody_frame_or_keep_it() {
    let node = Node::bank().await;
    for path in PAGES {
        let page = node.get(path).await;
        let header = |name: &str| page.headers[name].to_str().expect("text").to_owned();
        let policy = header("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert!(
            !page.text.contains("<script>")
                && !page.text.contains(" style=")
                && !page.text.contains(" onclick")
        );
    }
}

#[tokio::test]
async fn what_is_sent_with_a_cookie_alone_is_refused_by_forms_and_by_the_api() {
    let node = Node::bank().await;
    let session = node.sign_in("admin", "changeit").await;
    let form = session.bare(Method::POST, "/commands/CreateAccount").form(&[("id", "jsdf"), ("$do", "send")]);
    assert_eq!(Answer::of(form).await.status, StatusCode::FORBIDDEN);
    let api = || session.bare(Method::POST, "/api/commands/CreateAccount").json(&json!({ "id": "jsdf" }));
    let problem = Answer::of(api()).await.expect(StatusCode::FORBIDDEN);
    assert_eq!(problem["kind"], "foreign_page");
    Answer::of(api().header("X-CSRF-Token", "wrong")).await.expect(StatusCode::FORBIDDEN);
    let secret = session.secret().await;
    Answer::of(api().header("X-CSRF-Token", secret)).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn data_is_hidden_from_readers_on_every_page() {
    let node = Node::bank().await;
    node.add_reader().await;
    node.account("jsdf", &[987_654_321]).await;
    let rita = node.sign_in("rita", "changeit").await;
    let event = format!("/events/{}", node.head().await);
    for path in ["/", "/all", "/tail", "/streams/account-jsdf", &event] {
        let page = rita.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(
            page.text.contains("MoneyDeposited") && !page.text.contains("987654321"),
            "{path}: {}",
            page.text
        );
    }
    node.group("account-jsdf", "mailers").await;
    let group = "/subscriptions/account-jsdf/mailers";
    assert_eq!(rita.get(group).await.status, StatusCode::OK);
    assert_eq!(rita.post(group, &[("do", "delete")]).await.status, StatusCode::FORBIDDEN);
    for path in ["/aggregates/account/jsdf", "/queries/balances", "/subscriptions/new"] {
        assert_eq!(rita.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn what_was_sent_from_the_console_is_recorded_with_the_name_of_the_sender() {
    let node = Node::bank().await;
    let ops = node.sign_in("ops", "changeit").await;
    ops.post("/commands/CreateAccount", &[("id", "jsdf"), ("$do", "send")]).await;
    ops.post("/commands/DepositMoney", &[("id", "jsdf"), ("amount", "0"), ("$do", "send")]).await;
    let records = node.audit().await;
    let told: Vec<_> = records.iter().map(|it| (&it["user"], &it["subject"], &it["outcome"])).collect();
    let (ops, create, deposit) = (json!("ops"), json!("CreateAccount"), json!("DepositMoney"));
    let expected = [(&ops, &create, &json!("accepted")), (&ops, &deposit, &json!("rejected"))];
    assert_eq!(told, expected);
}
