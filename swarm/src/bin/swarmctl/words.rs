//! Owns how spans, shares and texts are written for people.

use std::time::Duration;

/// A text that anybody may have given, such as a worker's name, as it may stand on a terminal: what would move the cursor or
/// change colours is written out.
pub(crate) fn plain(text: &str) -> String {
    let letter = |letter: char| match letter.is_control() || is_turner(letter) {
        true => letter.escape_default().collect::<String>(),
        false => letter.to_string(),
    };
    text.chars().map(letter).collect()
}

/// Whether it turns the direction of what follows.
fn is_turner(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A span of milliseconds in the two largest units of it.
pub(crate) fn span(ms: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match UNITS.iter().position(|(_, unit)| ms >= *unit) {
        None => format!("{ms}ms"),
        Some(first) => {
            let (name, unit) = UNITS[first];
            let rest = UNITS.get(first + 1).filter(|(_, unit)| ms % UNITS[first].1 >= *unit);
            let rest = rest.map(|(name, smaller)| format!(" {}{name}", ms % unit / smaller)).unwrap_or_default();
            format!("{}{name}{rest}", ms / unit)
        }
    }
}

/// A run's length.
pub(crate) fn run(ns: u64) -> String {
    let span = Duration::from_nanos(ns);
    match ns {
        0..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => format!("{:.1}us", span.as_secs_f64() * 1e6),
        1_000_000..1_000_000_000 => format!("{:.1}ms", span.as_secs_f64() * 1e3),
        _ => format!("{:.1}s", span.as_secs_f64()),
    }
}

/// A part of all.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// An instant by the clock of UTC.
pub(crate) fn clock(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let (year, month, day) = date(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}Z", unix_ms % 1000)
}

/// The day that is so many after the first of January 1970, by the Gregorian calendar's cycle of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the day that comes and goes is their last.
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (year + cycle * 400, if month < 10 { month + 3 } else { month - 9 });
    (year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_their_two_largest_units() {
        let cases =
            [(0, "0ms"), (999, "999ms"), (1_000, "1s"), (61_500, "1m 1s"), (3_600_000, "1h"), (7_263_000, "2h 1m")];
        for (ms, text) in cases.into_iter().chain([(90_061_000, "1d 1h"), (86_400_000 + 60_000, "1d")]) {
            assert_eq!(span(ms), text);
        }
    }

    #[test]
    fn runs_are_written_in_their_unit() {
        assert_eq!([run(12), run(1_500), run(2_000_000), run(3_200_000_000)], ["12ns", "1.5us", "2.0ms", "3.2s"]);
    }

    #[test]
    fn the_clock_is_that_of_the_calendar() {
        assert_eq!(clock(0), "1970-01-01 00:00:00.000Z");
        assert_eq!(clock(951_782_400_000), "2000-02-29 00:00:00.000Z");
        assert_eq!(clock(1_767_225_599_999), "2025-12-31 23:59:59.999Z");
        assert_eq!(clock(4_107_542_400_000), "2100-03-01 00:00:00.000Z", "2100 has no leap day");
    }

    #[test]
    fn a_name_cannot_write_to_the_terminal() {
        assert_eq!(plain("a\u{1b}[31m\nb\u{202e}ü"), "a\\u{1b}[31m\\nb\\u{202e}ü");
    }
}
