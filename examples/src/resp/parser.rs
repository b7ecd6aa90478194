//! Owns how bytes become the words of commands: arrays of bulk strings, and lines that a person types. Never allocates by a
//! length that is only announced, and keeps no more than [`COMMAND_BYTES_MAX`] and one bulk string of what is not whole.

use bytes::{Buf, Bytes, BytesMut};

use super::entry::integer;
use super::inline;

/// The longest word, and so the longest value: a quarter of what travels in one call, so that several fit.
pub const BULK_BYTES_MAX: usize = 1 << 20;
/// The most words of one command: an `MGET` of so many keys is one batch.
pub const WORDS_MAX: usize = 1024;
/// All words of one command together: one long value, and all that can stand beside it.
pub const COMMAND_BYTES_MAX: usize = BULK_BYTES_MAX + (128 << 10);
/// The longest line that is a command by itself: Redis's own limit.
pub const INLINE_BYTES_MAX: usize = 64 << 10;
/// The longest line that announces a count or a length: any number of 64 bits fits, and its end.
const COUNT_BYTES_MAX: usize = 32;

/// What is wrong with the bytes. The connection ends by it: where the next command begins is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Protocol error: {0}")]
pub struct ProtocolError(String);

/// A parser of one connection's bytes, which come in pieces.
#[derive(Debug, Default)]
pub struct Parser {
    words: Vec<Bytes>,
    bytes: usize,
    stage: Stage,
    /// How much of the buffer has no end of a line, so that it is not looked for there again.
    searched: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    /// A command begins.
    #[default]
    Command,
    /// So many words are to come.
    Words(usize),
    /// So many words are to come, and the first has this length.
    Bulk(usize, usize),
}

impl Parser {
    /// Takes the words of the next command out of the buffer; nothing if it is not whole yet.
    ///
    /// # Errors
    /// If the bytes are no command, or one beyond the limits.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        loop {
            let Some(&first) = buffer.first() else { return Ok(None) };
            match self.stage {
                Stage::Command if first == b'*' => {
                    let Some(count) = self.count(buffer, "mbulk count")? else { return Ok(None) };
                    let count = count.filter(|count| *count <= WORDS_MAX as i64);
                    let count = count.ok_or_else(|| error("invalid multibulk length"))?;
                    // An array without words is no command, and has no reply.
                    self.stage = usize::try_from(count).map_or(Stage::Command, begun);
                }
                Stage::Command => {
                    let Some(line) = self.line(buffer, INLINE_BYTES_MAX, "inline request")? else { return Ok(None) };
                    let words = inline::words(&line).ok_or_else(|| error("unbalanced quotes in request"))?;
                    if words.len() > WORDS_MAX {
                        return Err(error("too many words in request"));
                    }
                    if !words.is_empty() {
                        return Ok(Some(words));
                    }
                }
                Stage::Words(_) if first != b'$' => {
                    return Err(error(format!("expected '$', got '{}'", first.escape_ascii())));
                }
                Stage::Words(left) => {
                    let Some(length) = self.count(buffer, "bulk count")? else { return Ok(None) };
                    let length = length.and_then(|length| usize::try_from(length).ok());
                    let length = length.filter(|length| *length <= BULK_BYTES_MAX);
                    let length = length.ok_or_else(|| error("invalid bulk length"))?;
                    self.bytes += length;
                    if self.bytes > COMMAND_BYTES_MAX {
                        return Err(error("too big command"));
                    }
                    self.stage = Stage::Bulk(left, length);
                }
                Stage::Bulk(left, length) => {
                    let Some(end) = buffer.get(length..length + 2) else { return Ok(None) };
                    if end != b"\r\n" {
                        return Err(error("a bulk string is longer than its length"));
                    }
                    self.words.push(buffer.split_to(length).freeze());
                    buffer.advance(2);
                    self.stage = begun(left - 1);
                    if left == 1 {
                        self.bytes = 0;
                        return Ok(Some(std::mem::take(&mut self.words)));
                    }
                }
            }
        }
    }

    /// The number behind the first byte of a line, or nothing if the line is not whole. `Some(None)` is no number.
    fn count(&mut self, buffer: &mut BytesMut, what: &str) -> Result<Option<Option<i64>>, ProtocolError> {
        let line = self.line(buffer, COUNT_BYTES_MAX, format_args!("{what} string"))?;
        Ok(line.map(|line| integer(&line[1..])))
    }

    /// The next line without its end.
    fn line(
        &mut self,
        buffer: &mut BytesMut,
        bytes_max: usize,
        what: impl std::fmt::Display,
    ) -> Result<Option<Bytes>, ProtocolError> {
        let reach = buffer.len().min(bytes_max + 1);
        let Some(end) = buffer[self.searched..reach].iter().position(|byte| *byte == b'\n') else {
            self.searched = reach;
            return if reach > bytes_max { Err(error(format!("too big {what}"))) } else { Ok(None) };
        };
        let mut line = buffer.split_to(self.searched + end).freeze();
        buffer.advance(1);
        self.searched = 0;
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Ok(Some(line))
    }
}

/// Where a command stands of which so many words are to come.
fn begun(left: usize) -> Stage {
    if left == 0 { Stage::Command } else { Stage::Words(left) }
}

fn error(what: impl Into<String>) -> ProtocolError {
    ProtocolError(what.into())
}

#[cfg(test)]
mod tests;
