//! Owns where in which trace a call stands, and its text. Never decides what is traced.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

/// The longest state that travels, in bytes: as much as the recommendation asks everybody to pass on, at least.
pub const TRACE_STATE_BYTES_MAX: usize = 512;

/// At least the last seven bytes of the trace id are random (Level 2).
const RANDOM: u8 = 2;

/// The only version there is. A later one begins with the same fields.
const VERSION_TEXT: usize = 55;

/// The position of a span in its trace, as the [W3C Trace Context] recommendation has it. Neither of its ids is zero.
///
/// Its text is that of the header `traceparent`; what `tracestate` says can be had [beside it](Self::state).
///
/// ```
/// use swarm::trace::TraceContext;
///
/// let context: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// assert!(context.is_sampled());
/// assert_eq!(context.parent_id(), [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
/// assert_eq!(TraceContext::new(context.trace_id(), [0; 8], 1), None);
/// # Ok::<(), swarm::trace::BadTraceContext>(())
/// ```
///
/// [W3C Trace Context]: https://www.w3.org/TR/trace-context/
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: NonZeroU128,
    parent_id: NonZeroU64,
    flags: u8,
    state: Option<Box<str>>,
}

/// A text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no traceparent: it is 00-<32 digits>-<16 digits>-<2 digits>, in small hexadecimal digits, with no id of zeros only"
)]
pub struct BadTraceContext;

impl TraceContext {
    /// The flag that says: the caller may have recorded its span.
    pub const SAMPLED: u8 = 1;

    /// The span `parent_id` of a trace; `None` if either id is zeros only. Of the flags those are kept that the recommendation knows: 1 for
    /// sampled, 2 for a random trace id.
    pub fn new(trace_id: [u8; 16], parent_id: [u8; 8], flags: u8) -> Option<Self> {
        let trace_id = NonZeroU128::new(u128::from_be_bytes(trace_id))?;
        let parent_id = NonZeroU64::new(u64::from_be_bytes(parent_id))?;
        Some(Self { trace_id, parent_id, flags: flags & (Self::SAMPLED | RANDOM), state: None })
    }

    /// The same with what tracing systems have to say of it to each other, as `tracestate` has it. What is empty, longer than
    /// [512 bytes](TRACE_STATE_BYTES_MAX), or not printable ASCII is left out, as the recommendation allows.
    #[must_use]
    pub fn with_state(mut self, state: &str) -> Self {
        self.state = is_state(state.as_bytes()).then(|| state.into());
        self
    }

    /// The trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id.get().to_be_bytes()
    }

    /// The span, which is the parent of what goes on from here.
    pub fn parent_id(&self) -> [u8; 8] {
        self.parent_id.get().to_be_bytes()
    }

    /// The flags: 1 for sampled, 2 for a random trace id.
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether its caller may have recorded it. Only such contexts travel.
    pub fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// What tracing systems have to say of it to each other, as `tracestate` has it; empty if nothing.
    pub fn state(&self) -> &str {
        self.state.as_deref().unwrap_or_default()
    }
}

/// Whether it can be passed on. What it means is for tracing systems to know.
pub(crate) fn is_state(state: &[u8]) -> bool {
    (1..=TRACE_STATE_BYTES_MAX).contains(&state.len()) && state.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = BadTraceContext;

    fn from_str(text: &str) -> Result<Self, BadTraceContext> {
        read(text.as_bytes()).ok_or(BadTraceContext)
    }
}

fn read(text: &[u8]) -> Option<TraceContext> {
    let (known, more) = text.split_at_checked(VERSION_TEXT)?;
    let [version] = digits(&known[..2])?;
    // Of a later version only what this one knows is read, and 255 is none.
    let as_long = match version {
        0 => more.is_empty(),
        255 => false,
        _ => more.first().is_none_or(|next| *next == b'-'),
    };
    let apart = [2, 35, 52].iter().all(|at| known[*at] == b'-');
    let [flags] = digits(&known[53..])?;
    TraceContext::new(digits(&known[3..35])?, digits(&known[36..52])?, flags).filter(|_| as_long && apart)
}

/// Bytes of two digits each.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Capital ones are none, says the recommendation.
fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_text_is_read_as_it_is_written() {
        for text in [TEXT, "00-00000000000000000000000000000001-0000000000000001-00", &TEXT.replace("-01", "-03")] {
            assert_eq!(text.parse::<TraceContext>().map(|context| context.to_string()), Ok(text.to_owned()));
        }
        let context: TraceContext = TEXT.parse().expect("a traceparent");
        assert_eq!(TraceContext::new(context.trace_id(), context.parent_id(), context.flags()), Some(context));
    }

    #[test]
    fn flags_that_nobody_knows_are_forgotten_and_of_later_versions_the_beginning_is_read() {
        let read = |text: &str| text.parse::<TraceContext>().map(|context| context.to_string());
        assert_eq!(read(&TEXT.replace("-01", "-fd")), Ok(TEXT.to_owned()));
        assert_eq!(read(&TEXT.replacen("00-", "cc-", 1)), Ok(TEXT.to_owned()));
        assert_eq!(read(&format!("{}-what", TEXT.replacen("00-", "01-", 1))), Ok(TEXT.to_owned()));
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let bad = [
            String::new(),
            TEXT[..54].to_owned(),
            format!("{TEXT}-"),
            format!("{TEXT}0"),
            format!(" {TEXT}"),
            format!("{}0", TEXT.replacen("00-", "01-", 1)),
            TEXT.replacen("00-", "ff-", 1),
            TEXT.replacen("00-", "0g-", 1),
            TEXT.to_uppercase(),
            TEXT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            TEXT.replace("b7ad6b7169203331", &"0".repeat(16)),
            TEXT.replace("0af76", "é0af"),
            TEXT.replace("-b7", "_b7"),
        ];
        for text in bad {
            assert_eq!(text.parse::<TraceContext>(), Err(BadTraceContext), "{text:?}");
        }
    }

    #[test]
    fn a_state_is_passed_on_if_it_is_short_and_plain() {
        let with = |state: &str| {
            let context: TraceContext = TEXT.parse().expect("a traceparent");
            context.with_state(state).state().to_owned()
        };
        assert_eq!(with("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"), "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
        assert_eq!(with(&"x".repeat(512)).len(), 512);
        for none in ["", "a=\n", "a=é", &"x".repeat(513)] {
            assert_eq!(with(none), "", "{none:?}");
        }
    }
}
