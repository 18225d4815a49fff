//! The console without a terminal: one line after the other, each answered before the next is read.

use std::io::{self, BufRead, BufReader, Read, Stdin};

use super::prompt::{Outcome, Prompt};
use crate::{
    exit::Exit,
    failure::{Failure, Trouble},
};

/// The longest line, in bytes: no command with a larger one could be stored.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// Answers line by line, also after a refused one. Ends with the input, with `exit`, or with a signal after
/// the running command; whether any line failed decides the exit code.
pub(super) async fn run(mut prompt: Prompt<'_>) -> Result<Exit, Trouble> {
    let mut failed = false;
    let mut signals = prompt.signals.clone();
    let mut input = Some(BufReader::new(io::stdin()));
    while signals.pending().is_none() {
        let line = tokio::select! {
            line = read(&mut input) => line.map_err(unreadable)?,
            _ = signals.next() => break,
        };
        let outcome = match line {
            Line::End => break,
            Line::Text(text) => prompt.answer(&text).await?,
            Line::Unusable(fault) => prompt.refuse(Failure::usage(fault))?,
        };
        match outcome {
            Outcome::Leave => break,
            Outcome::Failed => failed = true,
            Outcome::Done | Outcome::Stopped => {}
        }
    }
    Ok(if failed { Exit::Refused } else { Exit::Done })
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unreadable(error: io::Error) -> Failure {
    Failure::usage(format!("stdin cannot be read: {error}"))
}

/// Reads the next line: at once where it has come already, else on a thread that may wait. Given up in the
/// middle, the input is lost.
async fn read(input: &mut Option<BufReader<Stdin>>) -> io::Result<Line> {
    let mut reader = input.take().ok_or(io::ErrorKind::UnexpectedEof)?;
    let (reader, line) = if reader.buffer().contains(&b'\n') {
        let line = next_line(&mut reader);
        (reader, line)
    } else {
        let waiting = move || {
            let line = next_line(&mut reader);
            (reader, line)
        };
        tokio::task::spawn_blocking(waiting).await.map_err(io::Error::other)?
    };
    *input = Some(reader);
    line
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
