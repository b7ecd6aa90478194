//! The parser by a table, by every way to cut it in two, and by whatever bytes.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

/// What the bytes come to, given in these pieces: all whole commands, and the error that ends them.
fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<Bytes>>, Option<String>) {
    let (mut parser, mut buffer, mut commands) = (Parser::default(), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match parser.next(&mut buffer) {
                Ok(Some(words)) => commands.push(words),
                Ok(None) => break,
                Err(error) => return (commands, Some(error.to_string())),
            }
        }
    }
    (commands, None)
}

fn commands(of: &[&[&str]]) -> Vec<Vec<Bytes>> {
    of.iter().map(|words| words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()).collect()
}

fn array(words: &[Bytes]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes().chain(word.iter().copied()).chain(*b"\r\n"));
    }
    bytes
}

/// Bytes, the commands in them, and the error that ends them.
type Row = (Vec<u8>, Vec<Vec<Bytes>>, Option<&'static str>);

fn table() -> Vec<Row> {
    let row = |bytes: &str, of: &[&[&str]], error| (bytes.as_bytes().to_vec(), commands(of), error);
    let long = |byte: u8, length: usize| vec![byte; length];
    vec![
        row("", &[], None),
        row("PING\r\n", &[&["PING"]], None),
        row("PING\n\r\n\n  \r\nGET a\n", &[&["PING"], &["GET", "a"]], None),
        row("set a 'b c'\r\n", &[&["set", "a", "b c"]], None),
        row("*1\r\n$4\r\nPING\r\n", &[&["PING"]], None),
        row("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$4\r\nb\r\nc\r\n", &[&["SET", "a", "b\r\nc"]], None),
        row("*2\r\n$3\r\nGET\r\n$0\r\n\r\nPING\r\n", &[&["GET", ""], &["PING"]], None),
        row("*0\r\n*-1\r\n*-7\r\nPING\r\n", &[&["PING"]], None),
        row("*2\r\n$3\r\nGET\r\n$5\r\nab", &[], None),
        row("PING\r\nset a \"b\r\n", &[&["PING"]], Some("unbalanced quotes in request")),
        row("*x\r\n", &[], Some("invalid multibulk length")),
        row("*1.5\r\n", &[], Some("invalid multibulk length")),
        row("*1025\r\n", &[], Some("invalid multibulk length")),
        row("*99999999999999999999\r\n", &[], Some("invalid multibulk length")),
        row("*2147483648\r\n$3\r\n", &[], Some("invalid multibulk length")),
        row("*1\r\n:1\r\n", &[], Some("expected '$', got ':'")),
        row("*1\r\n\r\n", &[], Some("expected '$', got '\\r'")),
        row("*1\r\n$-1\r\n", &[], Some("invalid bulk length")),
        row("*1\r\n$x\r\n", &[], Some("invalid bulk length")),
        row("*1\r\n$\r\n", &[], Some("invalid bulk length")),
        row("*1\r\n$1048577\r\n", &[], Some("invalid bulk length")),
        row("*1\r\n$536870912\r\n", &[], Some("invalid bulk length")),
        row("*2\r\n$1048576\r\n", &[], None),
        row("*1\r\n$1\r\nab\r\n", &[], Some("a bulk string is longer than its length")),
        row("*1\r\n$3\r\nab\r\n*1\r\n", &[], Some("a bulk string is longer than its length")),
        ([b"*".to_vec(), long(b'1', 40)].concat(), vec![], Some("too big mbulk count string")),
        ([b"*1\r\n$".to_vec(), long(b'1', 40), b"\r\n".to_vec()].concat(), vec![], Some("too big bulk count string")),
        (long(b'a', INLINE_BYTES_MAX + 1), vec![], Some("too big inline request")),
        ([b"a ".repeat(WORDS_MAX + 1), b"\n".to_vec()].concat(), vec![], Some("too many words in request")),
    ]
}

fn expected((_, commands, error): &Row) -> (Vec<Vec<Bytes>>, Option<String>) {
    (commands.clone(), error.map(|what| format!("Protocol error: {what}")))
}

#[test]
fn the_table() {
    for row in table() {
        assert_eq!(parse([row.0.as_slice()]), expected(&row), "{}", row.0.escape_ascii());
    }
}

#[test]
fn wherever_it_is_cut_it_comes_to_the_same() {
    for row in table().iter().filter(|row| row.0.len() < 1000) {
        for cut in 0..=row.0.len() {
            let (first, second) = row.0.split_at(cut);
            assert_eq!(parse([first, second]), expected(row), "{} cut at {cut}", row.0.escape_ascii());
        }
        assert_eq!(parse(row.0.chunks(1)), expected(row), "{} byte by byte", row.0.escape_ascii());
    }
}

#[test]
fn what_is_announced_and_does_not_come_takes_no_memory() {
    let (mut parser, mut buffer) = (Parser::default(), BytesMut::from("*1024\r\n$1048576\r\n"));
    assert_eq!(parser.next(&mut buffer), Ok(None));
    assert!(parser.words.capacity() == 0 && buffer.capacity() < 64, "{parser:?}, {}", buffer.capacity());
}

#[test]
fn the_words_of_a_command_are_bounded_together() {
    let word = Bytes::from(vec![b'a'; BULK_BYTES_MAX]);
    let fits = [word.clone(), word.slice(..COMMAND_BYTES_MAX - BULK_BYTES_MAX)];
    assert_eq!(parse([array(&fits).as_slice()]), (vec![fits.to_vec()], None));
    let over = [word.clone(), word.slice(..=COMMAND_BYTES_MAX - BULK_BYTES_MAX)];
    assert_eq!(parse([array(&over).as_slice()]), (vec![], Some("Protocol error: too big command".to_owned())));
    // The next command begins anew.
    let twice = [array(&fits), array(&fits)].concat();
    assert_eq!(parse([twice.as_slice()]), (vec![fits.to_vec(), fits.to_vec()], None));
}

fn words() -> impl Strategy<Value = Vec<Bytes>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from), 1..8)
}

/// Bytes that often look like commands.
fn mess() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => words().prop_map(|words| array(&words)),
        2 => "[*$][-0-9]{0,6}\r?\n?".prop_map(String::into_bytes),
        2 => "[a-z '\"\\\\x]{0,12}\r?\n?".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_read(commands in prop::collection::vec(words(), 0..6), size in 1_usize..50) {
        let bytes: Vec<u8> = commands.iter().flat_map(|words| array(words)).collect();
        prop_assert_eq!(parse(bytes.chunks(size)), (commands, None));
    }

    #[test]
    fn whatever_comes_it_does_not_matter_in_which_pieces(bytes in mess(), size in 1_usize..20) {
        let whole = parse([bytes.as_slice()]);
        prop_assert_eq!(parse(bytes.chunks(size)), whole);
    }
}
