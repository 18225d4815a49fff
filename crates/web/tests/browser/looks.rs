//! Every page, wide and narrow, light and dark.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    driver::Browser,
    kit::{Answer, Node},
    post::Post,
};

const PAGES: [(&str, &str); 25] = [
    ("overview", "/"),
    ("streams", "/streams"),
    ("stream", "/streams/account-jsdf"),
    ("all", "/all"),
    ("live-tail", "/tail"),
    ("commands", "/commands"),
    ("deposit", "/commands/DepositMoney"),
    ("aggregates", "/aggregates"),
    ("map", "/map"),
    ("queries", "/queries"),
    ("query", "/queries/statement?account=jsdf&$ask=1"),
    ("handlers", "/handlers"),
    ("parked", "/parked"),
    ("instances", "/processes/transfers"),
    ("correlation", "/correlations/a-transfer"),
    ("subscriptions", "/subscriptions"),
    ("subscription-new", "/subscriptions/new"),
    ("subscription", "/subscriptions/account-jsdf/mailers"),
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
    let transfer = json!({ "id": "t1", "from": "jsdf", "to": "kasse", "amount": 100 });
    let request = node.request(Method::POST, "/api/commands/TransferMoney").json(&transfer);
    Answer::of(request.header("Correlation-Id", "a-transfer")).await.expect(StatusCode::OK);
    node.until("/correlations/a-transfer", |page| page.contains("MoneyTransferCompleted")).await;
    node.group("account-jsdf", "mailers").await;
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
        browser.find(if name == "overview" { "#plot canvas" } else { "main.page" }).await;
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

/// Text that is hard to read: its words, its contrast, and where it stands. 4.5 is what WCAG asks for (AA); large text
/// and what cannot be used need less.
const FAINT: &str = r"
    const parse = (color) => (color.match(/[\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
        for (let it = element; it; it = it.parentElement) {
            const color = parse(getComputedStyle(it).backgroundColor);
            if (color.length && color[3] !== 0) return color;
        }
        return [255, 255, 255];
    };
    const faint = [];
    for (const element of document.querySelectorAll('body *:not(script):not(option):not(svg *)')) {
        const text = [...element.childNodes].filter(it => it.nodeType === 3).map(it => it.data.trim()).join('');
        const style = getComputedStyle(element);
        if (!text || !element.checkVisibility() || element.closest('[disabled], .u-legend')) continue;
        const [one, other] = [light(parse(style.color)), light(ground(element))].sort((a, b) => b - a);
        const contrast = (one + 0.05) / (other + 0.05);
        const isLarge = parseFloat(style.fontSize) >= 24;
        if (contrast < (isLarge ? 3 : 4.5)) faint.push([text.slice(0, 40), contrast.toFixed(2), element.className]);
    }
    return faint";

#[tokio::test(flavor = "multi_thread")]
async fn every_text_can_be_read_by_those_who_see_little_and_focus_is_seen() {
    let node = node().await;
    for dark in [false, true] {
        let browser = Browser::open(&node, 1280, 900, dark).await;
        browser.goto("/sign-in").await;
        assert_eq!(browser.run(FAINT).await, json!([]), "/sign-in, dark: {dark}");
        browser.sign_in("admin", "changeit").await;
        for (_, path) in PAGES {
            browser.goto(path).await;
            assert_eq!(browser.run(FAINT).await, json!([]), "{path}, dark: {dark}");
        }
        browser.goto("/").await;
        let focus = "document.querySelector('.side a.item').focus({ focusVisible: true });
            const style = getComputedStyle(document.activeElement);
            return parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== 'none'";
        assert_eq!(browser.run(focus).await, true, "where the focus is, is seen; dark: {dark}");
        browser.close().await;
    }
}
