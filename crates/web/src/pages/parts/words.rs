//! Numbers, times and sizes as people read them.

use engine_store::{Clock, SystemClock, Timestamp};
use maud::{Markup, html};

/// A whole number in groups of three.
pub(in crate::pages) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A time span, roughly.
pub(in crate::pages) fn span(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min", millis / 60_000),
        3_600_000..86_400_000 => format!("{} h", millis / 3_600_000),
        _ => format!("{} d", millis / 86_400_000),
    }
}

/// A span in microseconds, exact enough to compare.
pub(in crate::pages) fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => span(micros / 1_000),
    }
}

/// A size.
pub(in crate::pages) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes, 0);
    let mut tenths = 0;
    while size >= 1_024 && unit + 1 < UNITS.len() {
        tenths = size % 1_024 * 10 / 1_024;
        size /= 1_024;
        unit += 1;
    }
    if unit == 0 || size >= 100 {
        format!("{size} {}", UNITS[unit])
    } else {
        format!("{size}.{tenths} {}", UNITS[unit])
    }
}

/// How long ago, with the exact time to be had by pointing at it.
pub(in crate::pages) fn ago(time: Timestamp) -> Markup {
    let millis = u64::try_from(SystemClock.now().since(time).as_millis()).unwrap_or(u64::MAX);
    let text = if millis < 1_000 { "just now".to_owned() } else { format!("{} ago", span(millis)) };
    html! { time datetime=(time) title=(time) { (text) } }
}

/// How old something is, with the exact time of its beginning to be had by pointing at it.
pub(in crate::pages) fn age(time: Timestamp) -> Markup {
    let millis = u64::try_from(SystemClock.now().since(time).as_millis()).unwrap_or(u64::MAX);
    html! { time datetime=(time) title=(time) { (span(millis)) } }
}

/// The time of day, exact, with the date to be had by pointing at it.
pub(in crate::pages) fn clock(time: Timestamp) -> Markup {
    let text = time.to_string();
    let day = text.split_once('T').map_or(text.as_str(), |(_, day)| day);
    html! { time.nowrap datetime=(text) title=(text) { (day.trim_end_matches('Z').get(..12).unwrap_or(day)) } }
}

/// `1 event`, `2 events`.
pub(in crate::pages) fn count(count: u64, word: &str) -> String {
    format!("{} {word}{}", number(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_groups_of_three() {
        assert_eq!([1, 1_000, 1_234_567].map(number), ["1", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn sizes_have_a_unit_and_at_most_one_decimal() {
        assert_eq!([0, 1_536, 150 * 1_024 * 1_024].map(bytes), ["0 B", "1.5 KiB", "150 MiB"]);
    }

    #[test]
    fn spans_are_rough() {
        assert_eq!([7, 1_250, 125_000, 90_000_000].map(span), ["7 ms", "1.2 s", "2 min", "1 d"]);
        assert_eq!([7, 1_250, 2_000_000].map(micros), ["7 µs", "1.2 ms", "2.0 s"]);
    }
}
