//! Every page, wide and narrow, light and dark.

use serde_json::json;

use crate::{driver::Browser, kit::Node, post::Post};

const PAGES: [(&str, &str); 16] = [
    ("overview", "/"),
    ("streams", "/streams"),
    ("stream", "/streams/account-jsdf"),
    ("all", "/all"),
    ("live-tail", "/tail"),
    ("commands", "/commands"),
    ("deposit", "/commands/DepositMoney"),
    ("aggregates", "/aggregates"),
    ("map", "/map"),
    ("processes", "/processes"),
    ("process", "/processes/transfers/t1"),
    ("timers", "/timers"),
    ("store", "/store"),
    ("users", "/users"),
    ("account", "/account"),
    ("api", "/api"),
];

async fn node() -> Node {
    let node = Post::default().node().await;
    for (id, amounts) in [("jsdf", &[23, 5, 1_200][..]), ("kasse", &[10]), ("mueller", &[300, 45])] {
        node.account(id, amounts).await;
    }
    node.send("TransferMoney", json!({ "id": "t1", "from": "jsdf", "to": "kasse", "amount": 100 })).await;
    node.send("WithdrawMoney", json!({ "id": "jsdf", "amount": 9_000 })).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_wide_enough_in_light() {
    let node = node().await;
    let browser = Browser::open(&node, 1440, 900, false).await;
    browser.sign_in("admin", "changeit").await;
    for (name, path) in PAGES {
        browser.goto(path).await;
        browser.find("main.page").await;
        browser.picture(&format!("light-{name}")).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_wider_than_a_telephone() {
    let node = node().await;
    let browser = Browser::open(&node, 360, 740, true).await;
    browser.sign_in("admin", "changeit").await;
    for (name, path) in PAGES {
        browser.goto(path).await;
        browser.find("main.page").await;
        browser.picture(&format!("narrow-{name}")).await;
        let width = browser.run("return document.documentElement.scrollWidth").await;
        assert!(width.as_u64() <= Some(360), "{path} is {width} wide");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_input_has_a_label_and_every_page_one_title() {
    let node = node().await;
    let browser = Browser::open(&node, 1440, 900, true).await;
    browser.sign_in("admin", "changeit").await;
    for (name, path) in PAGES {
        browser.goto(path).await;
        let unlabelled = "return [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
            .filter(it => !it.labels.length && !it.ariaLabel).map(it => it.outerHTML)";
        assert_eq!(browser.run(unlabelled).await, json!([]), "{path}");
        let nameless = "return [...document.querySelectorAll('button, a')]
            .filter(it => !it.textContent.trim() && !it.ariaLabel).map(it => it.outerHTML)";
        assert_eq!(browser.run(nameless).await, json!([]), "{path}");
        assert_eq!(browser.run("return document.querySelectorAll('h1').length").await, 1, "{path}");
        browser.picture(&format!("dark-{name}")).await;
    }
    browser.close().await;
}
