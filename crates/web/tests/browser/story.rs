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

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_followed_from_its_command_through_its_process_to_the_last_event() {
    let node = Node::bank().await;
    node.account("from", &[50]).await;
    node.account("to", &[]).await;
    let transfer = json!({ "id": "t1", "from": "from", "to": "to", "amount": 20 });
    let sent = node.send("TransferMoney", transfer).await;
    let correlation = format!("/correlations/{}", sent["correlation_id"].as_str().expect("an id"));
    node.until(&correlation, |page| page.contains("MoneyTransferCompleted")).await;
    let browser = Browser::open(&node, 1440, 900, false).await;
    browser.sign_in("ops", "changeit").await;
    browser.goto(&correlation).await;
    browser.until("svg.drawing", "CompleteMoneyTransfer").await;
    let names = |class: &str| {
        format!(
            "return [...document.querySelectorAll('svg g.{class} text:not(.sub)')].map(it => it.textContent)"
        )
    };
    let commands = browser.run(&names("command")).await;
    assert_eq!(
        commands,
        json!(["TransferMoney", "WithdrawMoney", "DepositMoney", "CompleteMoneyTransfer"]),
        "each under its name"
    );
    let events = browser.run(&names("event")).await;
    let expected = ["MoneyTransferRequested", "MoneyWithdrawn", "MoneyDeposited", "MoneyTransferCompleted"];
    assert_eq!(events, json!(expected));
    assert_eq!(browser.run(&names("process")).await, json!(vec!["transfers t1"; 4]));
    let latencies = browser.run("return document.querySelectorAll('svg .edge-label').length").await;
    assert_eq!(latencies, 7, "from what was stored to what was stored next");
    browser.picture("transfer").await;
    browser.click("svg g.process").await;
    browser.until("h1", "transfers t1").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_asks_a_read_model_and_can_link_to_the_answer() {
    let node = Node::bank().await;
    node.account("jsdf", &[23, 7]).await;
    let browser = Browser::open(&node, 1280, 900, true).await;
    browser.sign_in("ops", "changeit").await;
    browser.goto("/queries").await;
    browser.click("a[href$=statement]").await;
    browser.fill("#field-account", "jsdf").await;
    browser.click_text("button", "Ask").await;
    browser.until("#answer", "23").await;
    let link = browser.client.current_url().await.expect("there is a page");
    assert!(link.query().is_some_and(|query| query.contains("account=jsdf")), "{link}");
    browser.goto("/queries/statement?account=jsdf&limit=x&$ask=1").await;
    browser.until("#answer .notice.bad", "limit").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_changes_and_removes_a_persistent_subscription() {
    let node = Node::bank().await;
    node.account("jsdf", &[23, 7]).await;
    let browser = Browser::open(&node, 1280, 900, false).await;
    browser.sign_in("ops", "changeit").await;
    browser.goto("/subscriptions").await;
    browser.click_text("a", "New subscription").await;
    browser.fill("#source", "account-jsdf").await;
    browser.fill("#group", "mailers").await;
    browser.click_text("summary", "Limits").await;
    browser.fill("#read_batch_size", "500").await;
    browser.click_text("button", "Make it").await;
    browser.until(".notice.bad", "larger than read batch size").await;
    browser.fill("#read_batch_size", "20").await;
    browser.click_text("button", "Make it").await;
    browser.until(".notice.good", "It is made").await;
    browser.until("#facts", "Behind\n3").await;
    browser.click_text("summary", "Limits").await;
    browser.fill("#max_retry_count", "3").await;
    browser.click("form button.primary").await;
    browser.until(".notice.good", "It is changed").await;
    browser.goto("/subscriptions/account-jsdf/mailers").await;
    let retries = browser.run("return document.querySelector('#max_retry_count').value").await;
    assert_eq!(retries, "3");
    browser.run("window.confirm = () => true").await;
    browser.click_text("button", "Delete").await;
    browser.until(".notice.good", "is no more").await;
    assert!(node.audit().await.iter().any(|it| it["action"] == "delete" && it["user"] == "ops"));
    browser.close().await;
}
