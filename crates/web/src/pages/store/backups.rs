//! Backups: each a folder below the one that the node keeps them in.

use std::{fs, path::Path, time::SystemTime};

use engine_store::Timestamp;
use maud::{Markup, html};

use super::super::parts::{secret, words};
use crate::{
    Web,
    access::{Caller, Role},
    api::Problem,
};

/// How many backups are listed at most.
const LISTED: usize = 100;

/// The longest name of a backup.
const NAME_BYTES: usize = 64;

pub(super) fn card(web: &Web, caller: &Caller) -> Markup {
    let folder = web.options().backups.as_deref();
    html! {
        section.card id="backups" {
            header { h2 { "Backups" } @if let Some(folder) = folder { span.muted.small.wrap { (folder.display()) } } }
            @match folder {
                None => div.body { p.muted { "This node has no folder for backups: start it with " code { "serve --backups FOLDER" } ", or use " code { "engine backup" } "." } },
                Some(folder) => {
                    (table(&list(folder)))
                    @if caller.role == Role::Admin { div.body { (form(caller)) } }
                },
            }
        }
    }
}

fn table(backups: &[(String, Timestamp)]) -> Markup {
    html! {
        @if backups.is_empty() { div.body { p.muted { "None yet." } } }
        @else { div.scroll { table {
            thead { tr { th { "Name" } th.fit { "Changed" } } }
            tbody { @for (name, changed) in backups { tr { td.mono.wrap { (name) } td.fit.muted { (words::ago(*changed)) } } } }
        } } }
    }
}

fn form(caller: &Caller) -> Markup {
    html! {
        form.filters method="post" action="/store/backup" {
            (secret(caller))
            div.field {
                label for="backup-name" { "Name" }
                input.wide id="backup-name" name="name" value="backup" required maxlength=(NAME_BYTES) autocomplete="off" aria-describedby="backup-hint";
            }
            button type="submit" { "Back up" }
        }
        p.muted.small id="backup-hint" { "Appends go on meanwhile. Under a name that is there already, only what has changed is copied. " code { "engine restore" } " makes a store of it." }
    }
}

/// The backups that are there, the newest first.
fn list(folder: &Path) -> Vec<(String, Timestamp)> {
    // A folder that is not there yet has none.
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let backup = |entry: fs::DirEntry| {
        let data = entry.metadata().ok().filter(fs::Metadata::is_dir)?;
        let changed = data.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let micros = i64::try_from(changed.as_micros()).ok()?;
        Some((entry.file_name().into_string().ok()?, Timestamp::from_micros(micros)))
    };
    let mut backups: Vec<_> = entries.flatten().filter_map(backup).collect();
    backups.sort_by_key(|(_, changed)| std::cmp::Reverse(*changed));
    backups.truncate(LISTED);
    backups
}

/// Refuses a name that could lead out of the folder.
pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= NAME_BYTES && !name.starts_with('.') && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Problem::bad_request(format!(
        "`{name}` is no name for a backup: use up to {NAME_BYTES} letters, digits, `-`, `_` and `.`, and begin with \
         another than `.`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_stays_in_its_folder() {
        for name in ["", "..", ".hidden", "a/b", "a\\b", "/etc", "ä", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["backup", "2026-11-24", "a.b_c"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }
}
