//! Finding streams and events, paging through them, and looking at one.

use reqwest::StatusCode;

use crate::kit::Node;

/// Where a page sends its reader.
async fn leads_to(node: &Node, path: &str) -> String {
    let answer = node.get(path).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text);
    answer.headers["location"].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn streams_are_found_by_the_beginning_of_their_names_and_by_category() {
    let node = Node::bank().await;
    for id in ["anna", "anton", "berta"] {
        node.account(id, &[]).await;
    }
    let shown = async |path: &str| {
        let page = node.get(path).await.text;
        ["anna", "anton", "berta"].map(|id| page.contains(&format!(">account-{id}<")))
    };
    assert_eq!(shown("/streams?prefix=account-an").await, [true, true, false]);
    assert_eq!(shown("/streams?category=account&after=account-anton").await, [false, false, true]);
    assert_eq!(shown("/streams?category=transfer").await, [false; 3]);
}

#[tokio::test]
async fn events_are_paged_through_both_ways() {
    let node = Node::bank().await;
    let amounts: Vec<u64> = (1..=120).collect();
    node.account("jsdf", &amounts).await;
    let rows = |page: &str| page.matches("row-link").count();
    for path in ["/streams/account-jsdf", "/all"] {
        let newest = node.get(path).await.text;
        assert!(rows(&newest) == 50 && newest.contains("&quot;amount&quot;:120"), "{newest}");
        let (_, link) = newest.split_once("rel=\"next\" href=\"").expect("older ones");
        let older = link.split('"').next().expect("a link").replace("&amp;", "&");
        let older = node.get(&older).await.text;
        assert!(
            older.contains("&quot;amount&quot;:70") && !older.contains("&quot;amount&quot;:71"),
            "{older}"
        );
        assert!(older.contains("rel=\"prev\""), "and back again");
        let oldest = node.get(&format!("{path}?direction=forwards")).await.text;
        assert!(oldest.contains("AccountCreated"), "{oldest}");
    }
}

#[tokio::test]
async fn a_number_or_a_time_leads_to_a_place() {
    let node = Node::bank().await;
    node.account("jsdf", &[1, 2, 3]).await;
    let stream = "/streams/account-jsdf?direction=forwards&from=";
    assert_eq!(leads_to(&node, "/streams/account-jsdf?to=2").await, format!("{stream}2"));
    assert_eq!(leads_to(&node, "/streams/account-jsdf?to=2000-01-01").await, format!("{stream}0"));
    assert_eq!(leads_to(&node, "/streams/account-jsdf?to=2999-01-01").await, format!("{stream}3"));
    assert_eq!(leads_to(&node, "/all?to=2000-01-01T00:00").await, "/all?direction=forwards&from=0");
    assert_eq!(node.get("/all?to=yesterday").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_box_finds_streams_positions_and_correlations() {
    let node = Node::bank().await;
    node.account("jsdf", &[1]).await;
    let id = "0192aaaa-0000-7000-8000-000000000001";
    for (sought, place) in [
        ("account-jsdf", "/streams/account-jsdf".to_owned()),
        ("account-js", "/streams?prefix=account-js".to_owned()),
        ("3", "/events/3".to_owned()),
        ("$all", "/all".to_owned()),
        (id, format!("/correlations/{id}")),
        ("order 7", "/correlations/order%207".to_owned()),
    ] {
        assert_eq!(leads_to(&node, &format!("/find?q={sought}")).await, place);
    }
}

#[tokio::test]
async fn an_event_is_a_test_to_copy_and_says_what_it_belongs_to() {
    let node = Node::bank().await;
    node.account("jsdf", &[5, 7]).await;
    let page = node.get(&format!("/events/{}", node.head().await)).await.text;
    for part in [
        "given::&lt;Account&gt;",
        "MoneyDeposited { amount: 5 }",
        ".when(DepositMoney {",
        "MoneyDeposited { amount: 7 }",
    ] {
        assert!(page.contains(part), "`{part}` is missing: {page}");
    }
    assert!(page.contains("/aggregates/account/jsdf?at=2") && page.contains("Sent by"), "{page}");
    assert_eq!(node.get("/events/4711").await.status, StatusCode::NOT_FOUND);
}
