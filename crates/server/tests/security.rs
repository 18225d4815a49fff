//! Who is let in, and what he may do, as the official Rust client sees it.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

mod kit;

use std::{
    io::{Read, Write},
    sync::Arc,
};

use engine_server::{Node, Options, StartError, TlsFiles};
use engine_store::memory::MemoryStore;
use kit::{client, json, node, node_with, read};
use kurrentdb::{
    Acl, AppendToStreamOptions, Client, Error, ReadAllOptions, ReadStreamOptions, StreamAclBuilder,
    StreamMetadataBuilder,
};
use tempfile::TempDir;

async fn append(client: &Client, stream: &str) -> Result<(), Error> {
    client.append_to_stream(stream, &AppendToStreamOptions::default(), json(1)).await.map(|_| ())
}

async fn reads_all(client: &Client) -> Result<(), Error> {
    client.read_all(&ReadAllOptions::default().max_count(1)).await?.next().await.map(|_| ())
}

fn denied(result: Result<(), Error>) -> bool {
    match result {
        Ok(()) => false,
        Err(Error::AccessDenied) => true,
        Err(other) => panic!("{other:?}"),
    }
}

/// Options with a certificate that this test made; the folder holds it.
fn with_tls() -> (Options, TempDir) {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("node.crt"), key: folder.path().join("node.key") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (Options { tls: Some(files), ..Options::default() }, folder)
}

#[tokio::test]
async fn on_this_machine_without_tls_nobody_must_say_who_he_is_but_who_does_is_checked() {
    let node = node().await;
    append(&node.client, "account-1").await.unwrap();
    reads_all(&node.client).await.unwrap();
    let admin = client(&node.node, "admin:changeit@", false);
    append(&admin, "$system").await.unwrap();
    let wrong = client(&node.node, "admin:wrong@", false);
    assert!(denied(append(&wrong, "account-1").await));
    let operator = client(&node.node, "ops:changeit@", false);
    reads_all(&operator).await.unwrap();
    assert!(denied(append(&operator, "$system").await), "and may what he may");
}

#[tokio::test]
async fn with_tls_everybody_must_say_who_he_is() {
    let (options, _folder) = with_tls();
    let node = node_with(options).await;
    assert!(denied(append(&node.client, "account-1").await));
    assert!(denied(reads_all(&node.client).await));
    let admin = client(&node.node, "admin:changeit@", true);
    append(&admin, "account-1").await.unwrap();
    reads_all(&admin).await.unwrap();
    let operator = client(&node.node, "ops:changeit@", true);
    append(&operator, "account-1").await.unwrap();
    reads_all(&operator).await.unwrap();
}

#[tokio::test]
async fn the_access_list_of_a_stream_holds_for_reads_writes_and_links() {
    let node = node().await;
    let (admin, operator) =
        (client(&node.node, "admin:changeit@", false), client(&node.node, "ops:changeit@", false));
    append(&admin, "account-1").await.unwrap();
    let list = StreamAclBuilder::new().add_read_roles("zoe").add_write_roles("ops").build();
    let metadata = StreamMetadataBuilder::new().acl(Acl::Stream(list)).build();
    admin.set_stream_metadata("account-1", &AppendToStreamOptions::default(), &metadata).await.unwrap();
    append(&operator, "account-1").await.unwrap();
    let options = ReadStreamOptions::default();
    assert!(denied(read(&operator, "account-1", &options).await.map(|_| ())));
    let link = kurrentdb::EventData::binary("$>", "0@account-1".into()).id(uuid::Uuid::new_v4());
    admin.append_to_stream("links", &AppendToStreamOptions::default(), link).await.unwrap();
    let mut links = operator.read_stream("links", &options.resolve_link_tos()).await.unwrap();
    assert!(links.next().await.unwrap().unwrap().event.is_none(), "a link is no way around");
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused_with_the_password_that_everybody_knows() {
    let options = Options { listen: "0.0.0.0:0".parse().unwrap(), ..Options::default() };
    let refused = Node::start(Arc::new(MemoryStore::new()), Vec::new(), options).await.unwrap_err();
    assert!(matches!(refused, StartError::Exposed { .. }));
    for way_out in ["password", "--tls-cert", "--insecure"] {
        assert!(refused.to_string().contains(way_out), "{refused}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_is_named() {
    let (options, folder) = with_tls();
    std::fs::write(folder.path().join("node.crt"), "nothing").unwrap();
    let refused = Node::start(Arc::new(MemoryStore::new()), Vec::new(), options).await.unwrap_err();
    assert!(refused.to_string().contains("node.crt"), "{refused}");
}

#[tokio::test]
async fn a_browser_is_told_that_a_password_is_wrong_without_a_window_of_its_own() {
    let node = node().await;
    let address = node.node.address();
    let answer = tokio::task::spawn_blocking(move || {
        let mut connection = std::net::TcpStream::connect(address).unwrap();
        // admin:wrong
        let credentials = "Authorization: Basic YWRtaW46d3Jvbmc=";
        write!(connection, "GET /stats HTTP/1.1\r\nHost: x\r\n{credentials}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("www-authenticate: X-Basic"), "{answer}");
}
