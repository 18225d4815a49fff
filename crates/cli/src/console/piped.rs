//! The console without a terminal: one line after the other, each answered before the next is read.

use std::{
    io::{self, BufRead, BufReader, Read, Stdin},
    time::Duration,
};

use tokio::task::JoinHandle;

use super::prompt::{Outcome, Prompt};
use crate::{
    exit::Exit,
    failure::{Failure, Trouble},
    output::Output,
};

/// The longest line, in bytes: no command with a larger one could be stored.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// How long after a signal it is waited for a line that has come already.
const MOMENT: Duration = Duration::from_millis(250);

/// Answers line by line, also after a refused one. Ends with the input, with `exit`, or with a signal after
/// the running command. Whether any line failed decides the exit code; but a signal does that leaves a line
/// undone or unread.
pub(super) async fn run(mut prompt: Prompt<'_>) -> Result<Exit, Trouble> {
    let mut so_far = SoFar::default();
    let mut signals = prompt.signals.clone();
    let mut input = Input { at_hand: Some(BufReader::new(io::stdin())), waiting: None };
    let signal = loop {
        if let Some(signal) = signals.pending() {
            break signal;
        }
        let line = tokio::select! {
            line = input.read() => line.map_err(unreadable)?,
            signal = signals.next() => break signal,
        };
        let outcome = match line {
            Line::End => return Ok(so_far.exit()),
            Line::Text(text) => prompt.answer(&text).await?,
            Line::Unusable(fault) => prompt.refuse(Failure::usage(fault))?,
        };
        match outcome {
            Outcome::Leave => return Ok(so_far.exit()),
            Outcome::Stopped => so_far.is_broken_off = true,
            Outcome::Failed => so_far.failed += 1,
            Outcome::Done => so_far.done += 1,
        }
    };
    if so_far.is_broken_off || input.has_more().await {
        Output::complain(&so_far.stopped());
        return Ok(Exit::Stopped(signal));
    }
    Ok(so_far.exit())
}

/// What became of the lines that were read.
#[derive(Debug, Default)]
struct SoFar {
    done: u64,
    failed: u64,
    /// Whether a signal ended the last one without an answer.
    is_broken_off: bool,
}

impl SoFar {
    fn exit(&self) -> Exit {
        if self.failed > 0 { Exit::Refused } else { Exit::Done }
    }

    fn stopped(&self) -> Failure {
        let answered = match self.done + self.failed {
            0 => "no line was answered".to_owned(),
            1 => "1 line was answered".to_owned(),
            lines => format!("{lines} lines were answered"),
        };
        let failed =
            if self.failed > 0 { format!(", {} of them with a failure", self.failed) } else { String::new() };
        let broken_off = if self.is_broken_off { ", the next one was broken off" } else { "" };
        let message = format!(
            "stopped by a signal: {answered}{failed}{broken_off}; the rest of the input was not read"
        );
        Failure { message, ..Failure::stopped() }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unreadable(error: io::Error) -> Failure {
    Failure::usage(format!("stdin cannot be read: {error}"))
}

/// Stdin, which is with us, or with a thread that waits for a line.
struct Input {
    at_hand: Option<BufReader<Stdin>>,
    waiting: Option<JoinHandle<(BufReader<Stdin>, io::Result<Line>)>>,
}

impl Input {
    /// Reads the next line: at once where it has come already, else on a thread that may wait. Given up in the
    /// middle, nothing is lost: it is the next one to be read.
    async fn read(&mut self) -> io::Result<Line> {
        if let Some(reader) = self.at_hand.as_mut().filter(|reader| reader.buffer().contains(&b'\n')) {
            return next_line(reader);
        }
        if let Some(mut reader) = self.at_hand.take() {
            self.waiting = Some(tokio::task::spawn_blocking(move || {
                let line = next_line(&mut reader);
                (reader, line)
            }));
        }
        let waiting = self.waiting.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        let (reader, line) = waiting.await.map_err(io::Error::other)?;
        (self.at_hand, self.waiting) = (Some(reader), None);
        line
    }

    /// Whether a line has come that was not read.
    async fn has_more(&mut self) -> bool {
        match tokio::time::timeout(MOMENT, self.read()).await {
            Ok(line) => !matches!(line, Ok(Line::End)),
            Err(_) => false,
        }
    }
}

/// What the input gave.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Text(String),
    Unusable(&'static str),
    End,
}

fn next_line(input: &mut impl BufRead) -> io::Result<Line> {
    let mut bytes = Vec::new();
    input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(Line::End);
    }
    if bytes.len() as u64 == MAX_LINE_BYTES && !bytes.ends_with(b"\n") {
        input.skip_until(b'\n')?;
        return Ok(Line::Unusable("the line has more than 64 MiB"));
    }
    // Text from Windows ends its lines with both.
    for end in [b'\n', b'\r'] {
        let _ = bytes.pop_if(|last| *last == end);
    }
    Ok(String::from_utf8(bytes).map_or(Line::Unusable("the line is not text in UTF-8"), Line::Text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_a_line_break_or_the_input() {
        let mut input = &b"a\r\n\xff\n\r\n\nb"[..];
        assert_eq!(next_line(&mut input).unwrap(), Line::Text("a".to_owned()));
        assert_eq!(next_line(&mut input).unwrap(), Line::Unusable("the line is not text in UTF-8"));
        for text in ["", "", "b"] {
            assert_eq!(next_line(&mut input).unwrap(), Line::Text(text.to_owned()));
        }
        assert_eq!(next_line(&mut input).unwrap(), Line::End);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_whole() {
        let mut input = io::BufReader::new(io::repeat(b'x').take(MAX_LINE_BYTES + 10).chain(&b"\nb"[..]));
        assert_eq!(next_line(&mut input).unwrap(), Line::Unusable("the line has more than 64 MiB"));
        assert_eq!(next_line(&mut input).unwrap(), Line::Text("b".to_owned()));
    }
}
