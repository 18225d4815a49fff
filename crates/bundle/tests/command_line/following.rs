//! `read --follow` into a pipe whose reader is slow: the program waits for it, holds little, and leaves nothing out.

#![cfg(target_os = "linux")]

use std::fmt::Write;

use serde_json::{Value, json};

use crate::kit::{Console, Engine};

const EVENTS: u64 = 12_000;
const TEXT_BYTES: usize = 4_000;

/// How much more memory a follower may take for these events, which have four times as much.
const MOST_BYTES: u64 = 12 << 20;

/// With many large events.
fn engine() -> Engine {
    let engine = Engine::new();
    let text = "x".repeat(TEXT_BYTES);
    let mut lines = String::new();
    for number in 0..EVENTS {
        let id = uuid(number);
        let event = json!({"stream": "notes-a", "revision": number, "position": number, "id": id, "type": "Noted",
            "data": {"number": number, "text": text}, "metadata": {}, "created": "2026-01-01T00:00:00.000000Z"});
        writeln!(lines, "{event}").unwrap();
    }
    let (code, imported) = {
        let ended = engine.piped(&["--json", "import", "-"], &lines);
        (ended.code, ended.lines())
    };
    assert_eq!((code, &imported[0]["events"]), (Some(0), &json!(EVENTS)), "{imported:?}");
    engine
}

fn uuid(number: u64) -> String {
    format!("00000000-0000-7000-8000-{:012x}", number + 1)
}

/// The most memory that a program has occupied so far.
fn peak_bytes(follower: &Console) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", follower.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// How much a program has written so far, wherever to.
fn written_bytes(follower: &Console) -> u64 {
    let io = std::fs::read_to_string(format!("/proc/{}/io", follower.child.id())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap()
}

#[test]
fn a_slow_reader_of_a_follower_costs_little_memory_and_misses_nothing() {
    let engine = engine();
    let mut follower = engine.console(&["--json", "read", "notes-a", "--follow"]);
    let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["data"]["number"].as_u64();
    assert_eq!(number(&follower.next_line().unwrap()), Some(0));
    let before = peak_bytes(&follower);
    for expected in 1..EVENTS {
        // Reading each line is slower than writing it: the pipe is always full.
        assert_eq!(number(&follower.next_line().unwrap()), Some(expected));
        if expected == EVENTS / 2 {
            let ahead = written_bytes(&follower) / TEXT_BYTES as u64;
            assert!(
                ahead < EVENTS * 3 / 4,
                "it does not run ahead of its reader: {ahead} of {expected} lines"
            );
        }
    }
    let taken = peak_bytes(&follower) - before;
    let all = EVENTS * TEXT_BYTES as u64;
    assert!(all > 3 * MOST_BYTES && taken < MOST_BYTES, "{taken} bytes are taken for events of {all} bytes");
    assert!(follower.child.try_wait().unwrap().is_none(), "it goes on");
    follower.signal(rustix::process::Signal::INT);
    assert_eq!((follower.next_line(), follower.wait()), (None, Some(0)));
}
