//! Answers that do not come: what was written is found by its ids, and is not written again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_postgres_server::{fresh_schema, url};
use engine_store::{DocumentKey, EventStore, ExpectedVersion};
use engine_types::ExpectedRevision::{Any, NoStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::kit::*;

/// Stands between the store and the server. While it is cut, what the server answers is thrown away and the
/// connection closed: the server has done what it was asked, and nobody hears of it.
struct Proxy {
    port: u16,
    is_cut: Arc<AtomicBool>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = is_cut.clone();
        let server = url().rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, cut.clone()));
            }
        });
        Proxy { port, is_cut }
    }

    /// The URL of a schema, through here.
    fn through(&self, schema: &str) -> String {
        let (head, rest) = schema.split_once("127.0.0.1:").unwrap();
        let (_, rest) = rest.split_once('/').unwrap();
        format!("{head}127.0.0.1:{}/{rest}&listen=off", self.port)
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, is_cut: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            count = client.read(&mut asked) => match count {
                Ok(count) if count > 0 => server.write_all(&asked[..count]).await.unwrap(),
                _ => return,
            },
            count = server.read(&mut answered) => match count {
                // Once: the store then comes by another connection.
                Ok(count) if count > 0 && !is_cut.swap(false, Ordering::SeqCst) => {
                    if client.write_all(&answered[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_answered_all_the_same_and_written_once() {
    let schema = fresh_schema();
    let witness = open(&schema).await;
    let proxy = Proxy::start().await;
    let store = open(&proxy.through(&schema)).await;
    for (number, expected) in [(1, NoStream), (2, Any), (3, NoStream)] {
        let name = format!("account-{number}");
        let events = vec![event(), event()];
        // So that there is a connection, and the answer that is lost is the one to the append.
        store.head().await.unwrap();
        proxy.cut();
        let appended = append(&store, &name, expected, events.clone()).await.unwrap();
        assert!(!proxy.is_cut.load(Ordering::SeqCst), "an answer was lost");
        let there = all(&witness).await;
        assert_eq!(there.len(), 2 * number, "written once");
        assert_eq!(appended.position, there.last().map(|event| event.position));
        assert!(!appended.deduplicated, "it was this call that wrote it");
    }
    assert_whole(&all(&witness).await);
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_no_conflict() {
    let schema = fresh_schema();
    let proxy = Proxy::start().await;
    let store = open(&proxy.through(&schema)).await;
    for mode in [engine_store::DeleteMode::Soft, engine_store::DeleteMode::Tombstone] {
        append(&store, "account-1", Any, vec![event()]).await.unwrap();
        proxy.cut();
        let exists = engine_types::ExpectedRevision::StreamExists;
        // The first answer that comes may be that to a look; whichever it is, the deletion succeeds.
        store.delete_stream(&stream("account-1"), exists, mode).await.unwrap();
    }
}

#[tokio::test]
async fn a_document_whose_saving_was_not_answered_is_no_conflict() {
    let schema = fresh_schema();
    let proxy = Proxy::start().await;
    let store = open(&proxy.through(&schema)).await;
    let key = DocumentKey::new("checkpoint/x").unwrap();
    let mut expected = ExpectedVersion::Absent;
    for version in 1..=3 {
        store.head().await.unwrap();
        proxy.cut();
        let content = format!("{{\"at\":{version}}}");
        assert_eq!(store.save_document(&key, expected, content.into()).await.unwrap(), version);
        expected = ExpectedVersion::Exact(version);
    }
    assert_eq!(store.load_document(&key).await.unwrap().unwrap().version, 3);
}
