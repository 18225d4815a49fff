//! Options and where they come from.

use crate::kit::Engine;

#[test]
fn the_store_comes_from_the_option_then_the_environment_then_the_default() {
    let engine = Engine::new();
    let create = ["send", "CreateAccount", "id=a"];
    assert_eq!(engine.call(&[&["--store", "file:there"], &create[..]].concat()).code, Some(0));
    assert!(engine.folder().join("there").is_dir() && !engine.folder().join("engine-data").exists());
    let exists = |environment: &str, arguments: &[&str]| {
        let mut command = engine.command(arguments);
        command.args(["show", "account", "a"]).env("ENGINE_STORE", environment);
        command.output().unwrap().status.code() == Some(0)
    };
    assert!(exists("file:there", &[]));
    assert!(!exists("file:there", &["--store", "memory:"]));
    assert!(!exists("", &[]), "nothing is the default");
    assert_eq!(engine.call(&create).code, Some(0));
    assert!(engine.folder().join("engine-data").is_dir());
}

#[test]
fn wrong_usage_exits_with_two_and_says_how_it_is_right() {
    let engine = Engine::new();
    for (arguments, part) in [
        (&["sned"][..], "'send'"),
        (&["--store"], "--store <URL>"),
        (&["--store", "redis://x", "streams"], "use `memory:`, `file:PATH`, `postgres:"),
        (&["--app", "bnak", "map"], "did you mean `bank`?"),
        (&["read", "a", "--backwards", "--follow"], "cannot be used with"),
        (&["read", "a", "--from", "-1"], "--from"),
        (&["show", "account"], "<ID>"),
    ] {
        let ended = engine.call(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
    }
    assert!(!engine.folder().join("engine-data").exists(), "nothing was made");
}

#[test]
fn help_and_version_are_on_stdout() {
    let engine = Engine::new();
    for arguments in [&["--help"][..], &["send", "--help"], &["--version"]] {
        let ended = engine.call(arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(!ended.stdout.is_empty());
    }
    let help = engine.call(&["--help"]).stdout;
    assert!(help.contains("one of: bank, conference [default: bank]"), "{help}");
}

#[test]
fn the_console_keeps_its_store() {
    let ended = Engine::new().piped(&["--store", "memory:"], "streams --store file:x\n");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("chosen when the console starts"), "{}", ended.stdout);
}
