//! Owns how a line that a person types is cut into words: at blanks, with quotes as Redis has them. Never looks at what the
//! words mean.

use bytes::Bytes;

/// The words of a line; nothing if a quote is not closed, or something follows it directly.
pub(super) fn words(line: &[u8]) -> Option<Vec<Bytes>> {
    let mut rest = line.trim_ascii_start();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        words.push(Bytes::from(word));
        rest = after.trim_ascii_start();
    }
    Some(words)
}

/// The first word, and what follows it. A quote may begin in the middle of a word, and ends it.
fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match *rest {
            [] => return Some((word, rest)),
            [blank, ..] if blank.is_ascii_whitespace() => return Some((word, rest)),
            [quote @ (b'"' | b'\''), ref quoted @ ..] => {
                let after = unquote(quote, quoted, &mut word)?;
                let ends = after.first().is_none_or(u8::is_ascii_whitespace);
                return ends.then_some((word, after));
            }
            [byte, ref after @ ..] => {
                word.push(byte);
                rest = after;
            }
        }
    }
}

/// Takes what stands before the closing quote, and gives what follows that.
fn unquote<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match *rest {
            [] => return None,
            [byte, ref after @ ..] if byte == quote => return Some(after),
            [b'\\', b'x', high, low, ref after @ ..] if quote == b'"' && hex(high).is_some() && hex(low).is_some() => {
                word.push(hex(high)? << 4 | hex(low)?);
                rest = after;
            }
            [b'\\', escaped, ref after @ ..] if quote == b'"' => {
                word.push(meant(escaped));
                rest = after;
            }
            [b'\\', b'\'', ref after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [byte, ref after @ ..] => {
                word.push(byte);
                rest = after;
            }
        }
    }
}

fn meant(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[track_caller]
    fn check(line: &str, expected: Option<&[&[u8]]>) {
        let words = words(line.as_bytes());
        let words: Option<Vec<&[u8]>> = words.as_ref().map(|words| words.iter().map(AsRef::as_ref).collect());
        assert_eq!(words.as_deref(), expected, "{line}");
    }

    #[test]
    fn words_stand_between_blanks_and_quotes() {
        check("", Some(&[]));
        check("  \t ", Some(&[]));
        check("SET  a\tb ", Some(&[b"SET", b"a", b"b"]));
        check(r#"SET a "two words""#, Some(&[b"SET", b"a", b"two words"]));
        check(r#"SET a '' """#, Some(&[b"SET", b"a", b"", b""]));
        check(r#""\x00\xfF\n\r\t\b\a\\\"\q\xg""#, Some(&[b"\x00\xff\n\r\t\x08\x07\\\"qxg"]));
        check(r"'it\'s \n'", Some(&[b"it's \\n"]));
        check(r#"a"b c" d"#, Some(&[b"ab c", b"d"]));
    }

    #[test]
    fn a_quote_is_closed_and_ends_its_word() {
        for line in [r#"""#, r#"SET a "b"#, "SET a 'b", r#""a"b"#, "'a'b", r#""\""#, r"'\'"] {
            check(line, None);
        }
    }
}
