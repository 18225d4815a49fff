//! Text at the prompt, as the shell would divide it: into lines, and into words that are still being typed.

/// Divides pasted text into lines. A line break inside quotes divides nothing.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_open = false;
    for part in text.lines() {
        match lines.last_mut() {
            Some(open) if is_open => {
                open.push('\n');
                open.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
        is_open = lines.last().is_some_and(|line| shell_words::split(line).is_err());
    }
    lines
}

/// A line up to the cursor: the words before it, and the one that is being typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Typed<'a> {
    /// The words that are complete.
    pub(super) words: Vec<String>,
    /// Where the present word begins, in bytes.
    pub(super) start: usize,
    /// The present word, which may be empty.
    pub(super) word: &'a str,
}

/// Divides a line that is being typed. Within quotes there is nothing to help with.
pub(super) fn typed(line: &str) -> Option<Typed<'_>> {
    let start = line
        .rfind(char::is_whitespace)
        .map_or(0, |blank| blank + line[blank..].chars().next().map_or(1, char::len_utf8));
    let word = &line[start..];
    let is_plain = !word.contains(['\'', '"', '\\']);
    let words = shell_words::split(&line[..start]).ok().filter(|_| is_plain)?;
    Some(Typed { words, start, word })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_lines_are_divided_but_not_inside_quotes() {
        assert_eq!(lines("a\nb"), ["a", "b"]);
        assert_eq!(lines("send X '{\n\"id\": 1}'\nexit"), ["send X '{\n\"id\": 1}'", "exit"]);
        assert_eq!(lines("it's"), ["it's"]);
    }

    #[test]
    fn the_present_word_begins_behind_the_last_blank() {
        let typed = |line| typed(line).map(|typed| (typed.words, typed.start, typed.word));
        assert_eq!(typed("send Dep"), Some((vec!["send".to_owned()], 5, "Dep")));
        assert_eq!(typed("send "), Some((vec!["send".to_owned()], 5, "")));
        assert_eq!(typed(""), Some((vec![], 0, "")));
        assert_eq!(typed("send 'a b"), None);
    }
}
