//! Owns the bytes of a trace context between the parts of a call's frame. Never reads one that is not sampled: none is sent.
//!
//! ```text
//!   0  16 bytes  id of the trace, not all zero
//!  16   8 bytes  id of the caller's span, not all zero
//!  24   u8       flags: 1 sampled, always, 2 the id of the trace is random
//!  25   u8       0
//!  26   u16      bytes of the state, 512 at most
//!  28   the state, printable ASCII
//! ```

use rkyv::util::AlignedVec;

use crate::trace::{TraceContext, is_state};

/// What it takes without its state.
pub(super) const TRACE: usize = 28;

/// How long it is.
pub(super) fn bytes_of(trace: &TraceContext) -> usize {
    TRACE + trace.state().len()
}

pub(super) fn write(trace: &TraceContext, bytes: &mut AlignedVec) {
    let state = trace.state();
    let state_bytes = u16::try_from(state.len()).unwrap_or_default();
    bytes.extend_from_slice(&trace.trace_id());
    bytes.extend_from_slice(&trace.parent_id());
    bytes.extend_from_slice(&[trace.flags(), 0]);
    bytes.extend_from_slice(&state_bytes.to_le_bytes());
    bytes.extend_from_slice(&state.as_bytes()[..usize::from(state_bytes)]);
}

/// The same alone, where it stands beside what is told to a group.
pub(crate) fn bytes(trace: &TraceContext) -> Vec<u8> {
    let mut bytes = AlignedVec::new();
    write(trace, &mut bytes);
    bytes.to_vec()
}

/// Reads what `bytes` begin with. `None` if it is not what a node would write.
pub(crate) fn read(bytes: &[u8]) -> Option<TraceContext> {
    let (trace_id, bytes) = bytes.split_first_chunk()?;
    let (parent_id, bytes) = bytes.split_first_chunk()?;
    let ([flags, zero], bytes) = bytes.split_first_chunk()?;
    let (state_bytes, bytes) = bytes.split_first_chunk()?;
    let state = bytes.get(..usize::from(u16::from_le_bytes(*state_bytes)))?;
    let trace = TraceContext::new(*trace_id, *parent_id, *flags)?;
    if *zero != 0 || trace.flags() != *flags || !trace.is_sampled() || !(state.is_empty() || is_state(state)) {
        return None;
    }
    Some(trace.with_state(std::str::from_utf8(state).ok()?))
}
