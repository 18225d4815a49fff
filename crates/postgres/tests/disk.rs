//! A disk that is full: a small one, in memory, which holds nothing but the tables of one schema.

use std::{fs, io::Write, process::Command};

use engine_postgres_server::{Server, Settings, in_schema};
use engine_store::{AppendError, EventStore, NewEvent};
use engine_types::ExpectedRevision::Any;

use crate::kit::*;

/// A disk of so many megabytes, which is let go of at the end.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: std::path::PathBuf, megabytes: u32, server: &Server) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let owner = server
            .account()
            .map_or_else(String::new, |owner| format!(",uid={},gid={}", owner.user, owner.group));
        let size = format!("size={megabytes}m,mode=700{owner}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(SmallDisk(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_as_nothing_written_and_work_goes_on_when_there_is_room() {
    let server = Server::start(&Settings::default());
    let Some(disk) = SmallDisk::mount(server.folder().join("small"), 12, &server) else {
        // Not `eprintln!`, which the test harness keeps to itself when a test passes.
        let skipped = "skipped disk::a_full_disk_is_told_as_nothing_written: it needs the right to mount a small disk\n";
        let _ = std::io::stderr().write_all(skipped.as_bytes());
        return;
    };
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![1_u8; 4 << 20]).unwrap();
    let operator = session(&server.url()).await;
    let tablespace = format!("CREATE TABLESPACE small LOCATION '{}'", disk.0.join("data").display());
    fs::create_dir(disk.0.join("data")).unwrap();
    if let Some(owner) = server.account() {
        std::os::unix::fs::chown(disk.0.join("data"), Some(owner.user), Some(owner.group)).unwrap();
    }
    operator.batch_execute(&tablespace).await.unwrap();
    operator.batch_execute("ALTER DATABASE engine SET default_tablespace = small").await.unwrap();
    let store = open(&in_schema(&server.url(), "shop")).await;
    // Nothing that could be made smaller.
    let mut seed = 1_u64;
    let mut noise = || {
        let bytes = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed.to_be_bytes()[0]
        });
        NewEvent { data: bytes.take(200_000).collect::<Vec<_>>().into(), ..event() }
    };
    let mut written = 0;
    let refused = loop {
        match append(&store, "a-1", Any, vec![noise()]).await {
            Ok(_) => written += 1,
            Err(refused) => break refused,
        }
        assert!(written < 1_000, "the disk is never full");
    };
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("make room"), "{refused}");
    assert_eq!(all(&store).await.len(), written, "reading goes on, and nothing was written");
    fs::remove_file(&ballast).unwrap();
    append(&store, "a-1", Any, vec![noise()]).await.unwrap();
    assert_whole(&all(&store).await);
    store.close().await.unwrap();
}
