//! The line editor: completion, hints, colours and a history that outlives the process.

use std::{borrow::Cow, path::PathBuf};

use anstyle::{AnsiColor, Style};
use rustyline::{
    Context, Editor, Helper,
    completion::Completer,
    config::Configurer,
    error::ReadlineError,
    highlight::{CmdKind, Highlighter},
    hint::{Hint, Hinter},
    history::DefaultHistory,
    validate::Validator,
};

use super::completion::{Completion, LookUp};

const WORD: Style = AnsiColor::Green.on_default().bold();
const COMMAND: Style = Style::new().bold();
const FIELD: Style = AnsiColor::Cyan.on_default();
const ASIDE: Style = Style::new().dimmed();

/// How many lines are remembered.
const HISTORY_LINES: usize = 10_000;

/// Reads lines at a terminal.
pub(super) struct Lines {
    editor: Editor<Help, DefaultHistory>,
    history: Option<PathBuf>,
}

/// What the user did at the prompt.
pub(super) enum Typed {
    /// Entered a line, or pasted several.
    Text(String),
    /// Gave a line up with Ctrl-C.
    Nothing,
    /// Left, with Ctrl-D or by closing the terminal.
    Leave,
}

impl Lines {
    /// An editor that completes with these words, and with streams that are looked up.
    pub(super) fn new(
        completion: Completion,
        streams: Box<LookUp<'static>>,
        colours: bool,
    ) -> rustyline::Result<Self> {
        let config = rustyline::Config::builder()
            .max_history_size(HISTORY_LINES)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .completion_type(rustyline::CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config)?;
        if !colours {
            editor.set_color_mode(rustyline::ColorMode::Disabled);
        }
        editor.set_helper(Some(Help { completion, streams }));
        let history = history_file();
        if let Some(file) = &history {
            // The first time there is none; an unreadable one is no reason not to start.
            let _ = editor.load_history(file);
        }
        Ok(Lines { editor, history })
    }

    /// Waits for what the user does.
    pub(super) fn read(&mut self) -> Typed {
        match self.editor.readline("engine> ") {
            Ok(text) => {
                self.remember(&text);
                Typed::Text(text)
            }
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Typed::Nothing,
            Err(_) => Typed::Leave,
        }
    }

    /// Keeps a line at once, so that it is there even if the process is killed. Losing one is no failure.
    fn remember(&mut self, text: &str) {
        if text.trim().is_empty() || !self.editor.add_history_entry(text).unwrap_or(false) {
            return;
        }
        if let Some(file) = &self.history {
            let _ = self.editor.append_history(file);
        }
    }
}

/// The file of the history, in the user's folder for such things; its folder is made.
fn history_file() -> Option<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|it| it.is_absolute());
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .or_else(|| folder("LOCALAPPDATA"))?;
    let folder = state.join("cqrs-engine");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// What the editor asks while a line is being typed.
struct Help {
    completion: Completion,
    streams: Box<LookUp<'static>>,
}

impl Helper for Help {}
impl Validator for Help {}

impl Completer for Help {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.completion.complete(&line[..pos], &*self.streams))
    }
}

/// A hint is shown, but is not taken over: its values are only examples.
struct Example(String);

impl Hint for Example {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Help {
    type Hint = Example;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Example> {
        if pos < line.len() {
            return None;
        }
        self.completion.hint(line).map(Example)
    }
}

impl Highlighter for Help {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(self.coloured(line))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(format!("{WORD}{prompt}{WORD:#}"))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("{ASIDE}{hint}{ASIDE:#}"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

impl Help {
    /// The line with its known words, commands and names of fields in colours.
    fn coloured(&self, line: &str) -> String {
        let mut coloured = String::with_capacity(line.len() + 32);
        for (index, word) in line.split_inclusive(char::is_whitespace).enumerate() {
            let bare = word.trim_end();
            let blank = &word[bare.len()..];
            let is_field = |(name, _): &(&str, &str)| name.chars().all(|c| c.is_alphanumeric() || c == '_');
            if index == 0 && self.completion.is_word(bare) {
                coloured.extend([&format!("{WORD}{bare}{WORD:#}"), blank]);
            } else if self.completion.command(bare).is_some() {
                coloured.extend([&format!("{COMMAND}{bare}{COMMAND:#}"), blank]);
            } else if let Some((name, value)) = bare.split_once('=').filter(is_field) {
                coloured.extend([&format!("{FIELD}{name}{FIELD:#}="), value, blank]);
            } else {
                coloured += word;
            }
        }
        coloured
    }
}

#[cfg(test)]
mod tests {
    use engine::App;

    use super::*;

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let help =
            Help { completion: Completion::new(App::new("empty").map()), streams: Box::new(|_| Vec::new()) };
        for line in ["send  X id=a  b= 'it\u{a0}s'", "", "   ", "show account jsdf "] {
            let coloured = help.coloured(line);
            assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), line);
        }
        assert_ne!(help.coloured("send"), "send");
    }
}
