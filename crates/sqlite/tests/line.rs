//! A line to the server that can be cut in the middle of what is said, and mended.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Stands between read models and the server.
pub struct Line {
    port: u16,
    is_cut: watch::Sender<bool>,
    /// So many answers are still carried.
    answers: Arc<AtomicI64>,
}

impl Line {
    /// A line to this server, which is whole.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_cut, answers) = (watch::Sender::new(false), Arc::new(AtomicI64::new(i64::MAX)));
        let server = server.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let (cut, left) = (is_cut.clone(), answers.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Who comes while it is cut is sent away.
                if !*cut.borrow() {
                    let server = TcpStream::connect(&server).await.unwrap();
                    tokio::spawn(carry(client, server, cut.clone(), left.clone()));
                }
            }
        });
        Line { port, is_cut, answers }
    }

    /// The same URL, over this line.
    pub fn over(&self, url: &str) -> String {
        let (head, rest) = url.split_once("127.0.0.1:").unwrap();
        format!("{head}127.0.0.1:{}/{}", self.port, rest.split_once('/').unwrap().1)
    }

    /// Carries so many more answers, and then nothing until it is mended.
    pub fn cut_after(&self, answers: i64) {
        self.answers.store(answers, Ordering::SeqCst);
    }

    /// Waits until it is cut.
    pub async fn cut(&self) {
        drop(self.is_cut.subscribe().wait_for(|is_cut| *is_cut).await);
    }

    /// Makes it whole.
    pub fn mend(&self) {
        self.answers.store(i64::MAX, Ordering::SeqCst);
        self.is_cut.send_replace(false);
    }
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    is_cut: watch::Sender<bool>,
    left: Arc<AtomicI64>,
) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut cut = is_cut.subscribe();
    loop {
        tokio::select! {
            () = async { drop(cut.wait_for(|is_cut| *is_cut).await) } => return,
            count = client.read(&mut asked) => match count {
                Ok(count) if count > 0 && server.write_all(&asked[..count]).await.is_ok() => {}
                _ => return,
            },
            count = server.read(&mut answered) => match count {
                Ok(count) if count > 0 => {
                    if left.fetch_sub(1, Ordering::SeqCst) <= 0 {
                        is_cut.send_replace(true);
                        return;
                    }
                    if client.write_all(&answered[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}
