//! Stores that cannot be used: each fault has its kind and a message that says what to do, and loses nothing.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::Value;

use crate::kit::{Ended, Engine};

const DEPOSIT: [&str; 4] = ["send", "DepositMoney", "id=jsdf", "amount=1"];

/// Defines `run NAME ARGUMENTS…`, which calls the program and keeps what it said and how it ended.
const PREAMBLE: &str = r#"
run() {
    name=$1; shift
    code=0
    "$ENGINE" "$@" >"$KEPT/$name.out" 2>"$KEPT/$name.err" || code=$?
    echo $code >"$KEPT/$name.code"
}
"#;

/// Runs a script in the engine's folder after a mount that nobody else sees. False, with a word on stderr, where
/// this machine does not let it mount.
fn with_a_mount_of_its_own(engine: &Engine, test: &str, mount: &str, script: &str) -> bool {
    let kept = engine.folder().join("kept");
    fs::create_dir(&kept).unwrap();
    let mut command = Command::new("unshare");
    let script = format!("{PREAMBLE}{mount}\n: >\"$KEPT/mounted\"\n{script}");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-euc", &script]);
    command.current_dir(engine.folder()).env("ENGINE", env!("CARGO_BIN_EXE_engine")).env("KEPT", &kept);
    let why = match command.env_remove("ENGINE_STORE").output() {
        Ok(output) if kept.join("mounted").exists() => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return true;
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    // Past the test runner's capture: whoever reads the log is to know what was not tested.
    let _ = writeln!(std::io::stderr(), "skipped {test}: no mount of its own: {why}");
    false
}

/// How a call of a script ended.
fn kept(engine: &Engine, name: &str) -> Ended {
    let read = |end: &str| fs::read_to_string(engine.folder().join(format!("kept/{name}.{end}"))).unwrap();
    Ended { code: read("code").trim().parse().ok(), stdout: read("out"), stderr: read("err") }
}

/// Checks that the last line of an answer is a fault of this kind whose message says all of this, also to people.
fn check(ended: &Ended, kind: &str, parts: &[&str]) {
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let line = ended.stdout.lines().last().unwrap_or_else(|| panic!("no answer: {ended:?}"));
    let answer: Value = serde_json::from_str(line).unwrap();
    assert_eq!(answer["error"]["kind"], kind, "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
        assert!(ended.stderr.contains(part), "`{part}` is not in: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("defect"), "{}", ended.stderr);
}

/// One call with `--json`.
fn call(engine: &Engine, arguments: &[&str]) -> Ended {
    engine.call(&[&["--json"], arguments].concat())
}

#[test]
fn a_full_disk_is_told_as_one_and_keeps_what_was_answered() {
    let engine = Engine::new();
    fs::create_dir(engine.folder().join("disk")).unwrap();
    fs::write(engine.folder().join("lines"), "send DepositMoney id=jsdf amount=1\n".repeat(3_000)).unwrap();
    let script = r#"
        cd disk
        run create send CreateAccount id=jsdf
        # Read models would take room, and give it back, while this is about events.
        rm -r engine-data/read-models && : >engine-data/read-models
        head -c 1000000 /dev/zero >filler 2>"$KEPT/filler" || true
        run lines --json <../lines
        run send --json send DepositMoney id=jsdf amount=1
        run new --json --store file:other send CreateAccount id=jsdf
        run full --json show account jsdf
        rm filler
        run room --json show account jsdf
        run again --json send DepositMoney id=jsdf amount=1
        run verify --json verify
    "#;
    if !with_a_mount_of_its_own(&engine, "a full disk", "mount -t tmpfs -o size=600k none disk", script) {
        return;
    }
    let lines = kept(&engine, "lines");
    let answered = lines.stdout.matches(r#""ok":true"#).count();
    assert_eq!((lines.code, lines.lines().len()), (Some(1), 3_000), "a console goes on after a fault");
    assert!(answered < 3_000, "the disk was not full");
    assert!(lines.lines()[answered..].iter().all(|line| line["error"]["kind"] == "unavailable"));
    check(&kept(&engine, "send"), "unavailable", &["the disk is full", "make room, then try again"]);
    check(&kept(&engine, "new"), "cannot_open", &["`other` is full", "make room"]);
    for name in ["full", "room"] {
        let shown = kept(&engine, name);
        assert_eq!(
            (shown.code, &shown.lines()[0]["state"]["balance"]),
            (Some(0), &answered.into()),
            "{name}"
        );
    }
    assert_eq!(kept(&engine, "again").lines()[0]["revision"], answered + 1);
    assert_eq!(kept(&engine, "verify").code, Some(0));
}

#[test]
fn a_write_that_fails_ends_writing_until_the_store_is_opened_again_and_keeps_what_was_answered() {
    let engine = Engine::with_account();
    let limited = |arguments: &[&str], input: &str| {
        // A file of more than a few KiB fails to grow.
        let mut command = engine.command(&[]);
        let script = r#"trap "" XFSZ; ulimit -f 8; exec "$0" "$@""#;
        let program = command.get_program().to_owned();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(program).args(arguments).current_dir(engine.folder());
        command = shell;
        crate::kit::ended(&mut command, input)
    };
    let lines = limited(&["--json"], &"send DepositMoney id=jsdf amount=1\n".repeat(200));
    let answered = lines.stdout.matches(r#""ok":true"#).count();
    assert!(lines.code == Some(1) && answered < 200, "{lines:?}");
    let single = limited(&[&["--json"], &DEPOSIT[..]].concat(), "");
    check(&single, "unavailable", &["the disk failed", "until the store is opened again"]);
    let balance = usize::try_from(engine.balance("jsdf")).unwrap();
    assert!(balance == 23 + answered || balance == 23 + answered + 1, "{balance} after {answered} answers");
    assert_eq!(engine.call(&DEPOSIT).code, Some(0));
    assert_eq!(engine.call(&["verify"]).code, Some(0));
}

#[test]
fn a_folder_that_cannot_be_written_is_told_as_one() {
    let engine = Engine::with_account();
    let store = engine.folder().join("engine-data");
    let mode = |mode| fs::set_permissions(&store, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    let is_obeyed = fs::write(store.join("probe"), "").is_err();
    let calls = [
        ("send", &DEPOSIT[..]),
        ("show", &["show", "account", "jsdf"]),
        ("new", &["--store", "file:engine-data/new", "send", "CreateAccount", "id=a"]),
    ];
    if is_obeyed {
        for (name, arguments) in calls {
            check(
                &call(&engine, arguments),
                "cannot_open",
                &["cannot be written", "give this user the right"],
            );
            assert!(name != "new" || !store.join("new").exists());
        }
        assert_eq!(engine.call(&["verify"]).code, Some(0), "verifying needs no right to write");
        mode(0o755);
    } else {
        // Permissions do not bind root; a mount that is read-only does.
        mode(0o755);
        fs::remove_file(store.join("probe")).unwrap();
        let runs = calls.map(|(name, arguments)| format!("run {name} --json {}\n", arguments.join(" ")));
        let mount = "mount --bind engine-data engine-data\nmount -o remount,ro,bind engine-data";
        let script = format!("{}run verify verify\n", runs.concat());
        if with_a_mount_of_its_own(&engine, "a folder that cannot be written, as root", mount, &script) {
            for (name, _) in calls {
                check(&kept(&engine, name), "cannot_open", &["cannot be written", "mount it writable"]);
            }
            assert_eq!(kept(&engine, "verify").code, Some(0), "verifying needs no right to write");
        }
    }
    assert_eq!(engine.balance("jsdf"), 23);
}

/// The files of a store whose name ends like this.
fn file(folder: &Path, end: &str) -> std::path::PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.to_str().unwrap().ends_with(end)).unwrap()
}

#[test]
fn a_store_of_another_version_is_told_with_both_versions_and_left_alone() {
    for (end, newest) in [("/store", 1), (".log", 3)] {
        let engine = Engine::with_account();
        let file = file(&engine.folder().join("engine-data"), end);
        let before = fs::read(&file).unwrap();
        // A header is 64 bytes: the version at 8, a checksum of all before it at 60.
        let mut bytes = before.clone();
        let version = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        bytes[8..12].copy_from_slice(&(version + 7).to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        fs::write(&file, &bytes).unwrap();
        let found = format!("format version {}, this program reads versions up to {newest}", version + 7);
        for arguments in [&DEPOSIT[..], &["show", "account", "jsdf"], &["read", "$all"], &["streams"], &[]] {
            check(&call(&engine, arguments), "wrong_version", &[&found, "use a program that fits"]);
        }
        assert_eq!(fs::read(&file).unwrap(), bytes, "nothing was changed");
        fs::write(&file, before).unwrap();
        assert_eq!(engine.balance("jsdf"), 23);
    }
}

#[test]
fn a_damaged_segment_is_told_with_its_place_and_left_alone() {
    let engine = Engine::with_account();
    assert_eq!(engine.piped(&[], "send CreateAccount id=other\n").code, Some(0));
    let file = file(&engine.folder().join("engine-data"), ".log");
    let mut bytes = fs::read(&file).unwrap();
    let place = bytes.windows(14).position(|window| window == b"MoneyDeposited").unwrap();
    bytes[place] ^= 1;
    fs::write(&file, &bytes).unwrap();
    for arguments in [&DEPOSIT[..], &["show", "account", "jsdf"], &["read", "$all"]] {
        let parts = ["is damaged at offset", "keep a copy of the files, then restore a backup"];
        check(&call(&engine, arguments), "corrupt", &parts);
    }
    // Handlers and read models that run may have stored where they are.
    let mut after = fs::read(&file).unwrap();
    assert!(after.starts_with(&bytes), "nothing was changed");
    after[place] ^= 1;
    fs::write(&file, after).unwrap();
    assert_eq!(engine.balance("jsdf"), 23);
}

#[test]
fn what_the_store_mends_is_a_warning_on_stderr() {
    let engine = Engine::with_account();
    let file = file(&engine.folder().join("engine-data"), ".idx");
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let shown = call(&engine, &["show", "account", "jsdf"]);
    assert_eq!((shown.code, &shown.lines()[0]["state"]["balance"]), (Some(0), &23.into()));
    let warnings: Vec<_> = shown.stderr.lines().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("warning (engine_log"), "{warnings:?}");
    assert!(warnings[0].contains("the index of segment 0"), "{warnings:?}");
}

#[test]
fn more_is_logged_where_it_is_asked_for_and_never_on_stdout() {
    let engine = Engine::with_account();
    let logged = |variable: &str, value: &str| {
        let mut command = engine.command(&["--json", "show", "account", "jsdf"]);
        let ended = crate::kit::ended(command.env(variable, value), "");
        assert_eq!((ended.code, ended.lines().len()), (Some(0), 1), "{ended:?}");
        ended.stderr
    };
    for variable in ["ENGINE_LOG", "RUST_LOG"] {
        assert!(logged(variable, "info").contains("info (engine_log::opening): the store is open"));
        assert_eq!(logged(variable, "error"), "");
        let warning = logged(variable, "engine=much");
        assert!(warning.starts_with(&format!("warning: {variable} is not understood")), "{warning}");
    }
}

#[test]
fn a_second_process_is_told_who_has_the_store() {
    let engine = Engine::with_account();
    let mut console = engine.console(&["--json"]);
    console.ask("streams");
    let holder = format!("is open in process {}", console.child.id());
    for arguments in
        [&DEPOSIT[..], &["show", "account", "jsdf"], &["read", "$all"], &["streams"], &["stats"], &[]]
    {
        let advice = ["close it there, or wait until it has stopped", "`engine backup` copies it"];
        check(&call(&engine, arguments), "locked", &[&holder, advice[0], advice[1]]);
    }
    assert!(console.ask("send DepositMoney id=jsdf amount=1").starts_with(r#"{"ok":true"#));
    drop(console.stdin.take());
    assert_eq!(console.wait(), Some(0));
    assert_eq!(engine.balance("jsdf"), 24);
}
