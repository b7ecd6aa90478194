//! Owns the closed enums of a connection: what it reports, what it is answered, where it stands, how it ends.

use std::io;
use std::time::Duration;

use super::tunnel::Denial;
use crate::wire::{FrameRef, Greeting, ReadError, Reason, Reject, WireError};

/// What a connection reports, in the order in which it came in.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The other node dialled us and introduces itself, or speaks so that it can only be refused.
    Hello(Result<Greeting, Reason>),
    /// The node that we dialled accepts.
    Welcome(Greeting),
    /// The node that dialled us, and was welcomed, uses the connection.
    Confirmed,
    /// A member list.
    Sync(&'a [u8]),
    /// The other node leaves.
    Goodbye,
    /// The other node has counted its packets so far: the next one has this number.
    Counted(u64),
    /// A frame of the layers above.
    Frame(FrameRef<'a>),
}

/// What to do about it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Go on.
    Go,
    /// Answer a hello by this welcome.
    Welcome(Greeting),
    /// Answer a welcome: this connection is used.
    Confirm,
    /// Answer a hello by a refusal, then end.
    Reject(Reject),
    /// End, because it is not wanted any more.
    Close,
}

impl From<ReadError> for Ended {
    fn from(error: ReadError) -> Self {
        match error {
            // A tunnel reports what is wrong with its bytes as the source's error.
            ReadError::Io(error) => match error.downcast::<WireError>().map_err(io::Error::downcast::<Denial>) {
                Ok(error) => Self::Wire(error),
                Err(Ok(denial)) => Self::Denied(denial),
                Err(Err(error)) => Self::Io(error),
            },
            ReadError::Wire(error) => Self::Wire(error),
        }
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// We dialled, and the socket is not connected yet.
    Dialling,
    /// We dialled and said hello.
    AwaitWelcome,
    /// We were dialled.
    AwaitHello,
    /// We were dialled and said welcome.
    AwaitConfirm,
    /// Frames go both ways.
    Open,
    /// A refusal is on its way out; then it ends.
    Rejecting,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The other end closed it.
    #[error("the other end closed the connection")]
    Closed,
    /// The system reported an error.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The other end sent what it must not.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// The two ends do not share a secret, or one does not accept the other's certificate.
    #[error("{0}")]
    Denied(#[from] Denial),
    /// We did not want it, or no more.
    #[error("it is not wanted")]
    Unwanted,
    /// The node that we dialled refused, and says which node is in the way if it speaks our version.
    #[error("the other end refused: {0:?}")]
    Rejected(Reason, Option<Reject>),
    /// We refused.
    #[error("we refused the other end")]
    Refused,
    /// The handshake took too long.
    #[error("the handshake took too long")]
    Slow,
    /// A frame began and was not completed in time.
    #[error("a frame was not completed in time")]
    Trickle,
    /// A ping was not answered in time.
    #[error("a ping was not answered in time")]
    Silent,
    /// The layers above gave it up, since the other end asks for more than it reads.
    #[error("the other end asked for more than it read")]
    Cut,
    /// It is made anew, by other certificates than it began with.
    #[error("it is made anew with the certificates of now")]
    Renewed,
    /// A ping was not answered though the other end answers by UDP.
    #[error("a ping was not answered though one by UDP was")]
    Stuck,
}

/// The limits of a connection; see the fields of the same names in `NetConfig`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) handshake: Duration,
    pub(crate) partial_frame: Duration,
    pub(crate) ping_after: Duration,
    pub(crate) ping_answer: Duration,
    pub(crate) stuck_after: Duration,
    pub(crate) frame_bytes_max: u32,
    pub(crate) sync_bytes_max: u32,
    pub(crate) read_bytes_per_turn: usize,
    pub(crate) write_bytes_per_turn: usize,
}
