//! A person opens an account, puts money in, and follows what came of it.

use serde_json::json;

use crate::{driver::Browser, kit::Node};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sends_commands_and_follows_them_through_time() {
    let node = Node::bank().await;
    let browser = Browser::open(&node, 1440, 900, false).await;
    browser.goto("/commands/CreateAccount").await;
    assert_eq!(browser.path().await, "/sign-in", "nobody gets in without a name");
    browser.picture("sign-in").await;
    browser.sign_in("admin", "changeit").await;

    browser.goto("/commands/CreateAccount").await;
    browser.fill("#field-id", "jsdf").await;
    browser.click_text("button", "Send").await;
    browser.until("#answer", "Accepted").await;

    browser.goto("/commands/DepositMoney").await;
    browser.fill("#field-id", "jsdf").await;
    browser.fill("#field-amount", "0").await;
    browser.click_text("button", "Dry run").await;
    browser.until("#answer", "must be a whole number above 0").await;
    browser.fill("#field-amount", "23").await;
    browser.click_text("button", "Dry run").await;
    browser.until("#answer", "Nothing was stored").await;
    browser.click_text("button", "Send").await;
    browser.until("#answer", "is at revision 1").await;
    browser.picture("command").await;

    browser.click_text("a", "Follow what it led to").await;
    browser.until("svg.drawing", "MoneyDeposited").await;
    browser.picture("correlation").await;
    browser.click("tbody a.type").await;
    browser.until(".json", "amount: 23").await;
    browser.until("dl.facts", "admin").await;
    browser.picture("event").await;

    node.send("DepositMoney", json!({ "id": "jsdf", "amount": 7 })).await;
    browser.goto("/aggregates/account/jsdf").await;
    browser.until("#state", "balance: 30").await;
    browser.run("const it = document.querySelector('#at'); it.value = 1; it.dispatchEvent(new Event('input', { bubbles: true }));").await;
    browser.until("#state", "balance: 23").await;
    browser.until(".diff", "balance: 23").await;
    browser.click_text("a", "WithdrawMoney").await;
    browser.fill("#field-amount", "25").await;
    browser.click_text("button", "Decide").await;
    browser.until("#what-if", "It would have led to").await;
    browser.picture("aggregate").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_moves_while_somebody_watches_and_rests_when_told_to() {
    let node = Node::bank().await;
    let browser = Browser::open(&node, 1440, 900, true).await;
    browser.sign_in("ops", "changeit").await;
    browser.goto("/tail?type=MoneyDeposited").await;
    browser.until("#tail-state", "live").await;
    node.account("jsdf", &[1, 2, 3]).await;
    browser.until("#tail tr:nth-child(1)", "\"amount\":3").await;
    assert_eq!(browser.run("return document.querySelectorAll('#tail tr').length").await, 3);
    browser.picture("tail").await;
    browser.click("#pause").await;
    node.send("DepositMoney", json!({ "id": "jsdf", "amount": 4 })).await;
    browser.until("#tail-state", "1 waiting").await;
    assert_eq!(browser.run("return document.querySelectorAll('#tail tr').length").await, 3);
    browser.click("#pause").await;
    browser.until("#tail tr:nth-child(1)", "\"amount\":4").await;
    browser.close().await;
}
