//! The console without a terminal: one line after the other, each answered before the next is read.

use std::io::{self, BufRead, Read};

use super::Outcome;
use crate::{
    exit::Exit,
    failure::{Failure, Trouble},
    output::Output,
    signals::Signals,
    world::World,
};

/// The longest line, in bytes: no command with a larger one could be stored.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// Answers line by line, also after a refused one. Ends with the input, with `exit`, or with a signal after
/// the running command; whether any line failed decides the exit code.
pub(super) async fn run(world: &World, output: &mut Output, signals: &mut Signals) -> Result<Exit, Trouble> {
    let mut failed = false;
    while signals.pending().is_none() {
        let read = tokio::task::spawn_blocking(|| next_line(&mut io::stdin().lock()));
        let line = tokio::select! {
            line = read => line.map_err(|_| unreadable("the reader ended"))?,
            _ = signals.next() => break,
        };
        let outcome = match line.map_err(unreadable)? {
            Line::End => break,
            Line::Text(text) => super::answer(&text, world, output, signals).await?,
            Line::Unusable(fault) => super::conclude(Err(Failure::usage(fault).into()), output)?,
        };
        match outcome {
            Outcome::Leave => break,
            Outcome::Failed => failed = true,
            Outcome::Done | Outcome::Stopped => {}
        }
    }
    Ok(if failed { Exit::Refused } else { Exit::Done })
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("stdin cannot be read: {error}"))
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
    Ok(String::from_utf8(bytes).map_or(Line::Unusable("the line is not text in UTF-8"), Line::Text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_a_line_break_or_the_input() {
        let mut input = &b"a\r\n\xff\nb"[..];
        assert_eq!(next_line(&mut input).unwrap(), Line::Text("a\r\n".to_owned()));
        assert_eq!(next_line(&mut input).unwrap(), Line::Unusable("the line is not text in UTF-8"));
        assert_eq!(next_line(&mut input).unwrap(), Line::Text("b".to_owned()));
        assert_eq!(next_line(&mut input).unwrap(), Line::End);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_whole() {
        let mut input = io::BufReader::new(io::repeat(b'x').take(MAX_LINE_BYTES + 10).chain(&b"\nb"[..]));
        assert_eq!(next_line(&mut input).unwrap(), Line::Unusable("the line has more than 64 MiB"));
        assert_eq!(next_line(&mut input).unwrap(), Line::Text("b".to_owned()));
    }
}
