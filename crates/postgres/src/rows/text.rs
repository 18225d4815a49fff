//! Texts of keys as the server can hold them: NUL is the one character that it cannot.

/// A text without NUL, in the same order and with the same beginnings.
pub(super) fn encoded(text: &str) -> String {
    if text.contains(['\0', '\u{1}']) {
        text.replace('\u{1}', "\u{1}\u{2}").replace('\0', "\u{1}\u{1}")
    } else {
        text.to_owned()
    }
}

/// The text that was encoded.
pub(super) fn decoded(text: &str) -> String {
    if text.contains('\u{1}') {
        text.replace("\u{1}\u{1}", "\0").replace("\u{1}\u{2}", "\u{1}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_and_keep_their_order() {
        let texts = [
            "",
            "\0",
            "\0\u{1}",
            "\0a",
            "\u{1}",
            "\u{1}\0",
            "\u{1}\u{1}",
            "\u{1}\u{2}",
            "\u{2}",
            "a",
            "a\0b",
            "é",
        ];
        let coded: Vec<_> = texts.iter().map(|text| encoded(text)).collect();
        assert!(coded.is_sorted_by(|left, right| left < right), "{coded:?}");
        for (text, coded) in texts.iter().zip(&coded) {
            assert_eq!(decoded(coded), *text);
            assert!(!coded.contains('\0'));
        }
    }
}
