//! Looking after a store on disk.

use engine_web::WebOptions;
use reqwest::StatusCode;

use crate::kit::Node;

async fn node(folder: &std::path::Path) -> Node {
    let store = engine::stores::open(&format!("file:{}", folder.join("data").display())).await;
    let options = WebOptions {
        data_folder: Some(folder.join("data")),
        backups: Some(folder.join("backups")),
        ..WebOptions::default()
    };
    let node = Node::over(store.expect("it opens"), bank::app(), options).await;
    node.account("jsdf", &[5, 6]).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_backs_it_up_verifies_measures_and_scavenges_it() {
    let folder = tempfile::tempdir().expect("there is room");
    let node = node(folder.path()).await;
    let admin = node.sign_in("admin", "changeit").await;
    assert!(admin.get("/store").await.text.contains("id=\"segments\""), "its files are listed");
    for (work, fields, outcome) in [
        ("backup", &[("name", "first")][..], "It is backed up"),
        ("verify", &[], "It is whole."),
        ("measure", &[], "A scavenge would give back"),
        ("scavenge", &[], "It is scavenged."),
    ] {
        let answer = admin.post(&format!("/store/{work}"), fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        node.until("/store", |page| page.contains(outcome)).await;
    }
    assert!(admin.get("/store").await.text.contains(">first<"), "the backup is listed");
    let restored = folder.path().join("restored");
    let url = format!("file:{}", restored.display());
    let report = engine::stores::restore(&folder.path().join("backups/first"), &url, |_| {}).await;
    let report = report.expect("a store is made of it");
    assert!(report.bytes > 0, "{report:?}");
    let records = node.audit().await;
    assert!(records.iter().any(|it| it["action"] == "backup" && it["user"] == "admin"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_looks_after_it_and_a_backup_stays_in_its_folder() {
    let folder = tempfile::tempdir().expect("there is room");
    let node = node(folder.path()).await;
    let ops = node.sign_in("ops", "changeit").await;
    assert_eq!(ops.post("/store/verify", &[]).await.status, StatusCode::FORBIDDEN);
    let admin = node.sign_in("admin", "changeit").await;
    let answer = admin.post("/store/backup", &[("name", "../elsewhere")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("no name for a backup"), "{}", answer.text);
    assert!(!folder.path().join("elsewhere").exists());
}
