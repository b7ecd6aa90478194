//! Owns the way out of the open connection of a lane, for senders that write to the socket themselves.
//! Never waits, neither for room in the socket nor for another writer.

use std::sync::Arc;

use super::sockets::Stream;
use crate::connection::{Flushed, SendQueue, SharedWriter};

/// The longest that a sender writes for others: about what one system call moves. The rest is the I/O thread's.
const WRITE_BYTES_MAX: usize = 128 << 10;

/// The socket of an open connection, and what is on its way into it.
#[derive(Debug)]
pub(crate) struct Outlet {
    stream: Arc<dyn Stream>,
    writer: SharedWriter,
}

impl Outlet {
    pub(crate) fn new(stream: Arc<dyn Stream>, writer: SharedWriter) -> Self {
        Self { stream, writer }
    }

    /// Writes what waits in the queue. False if something remains that the I/O thread has not been told of.
    pub(crate) fn write(&self, queue: &SendQueue) -> bool {
        let Some(mut writer) = self.writer.try_lock() else { return false };
        if !writer.is_open() {
            return false;
        }
        match writer.flush(&mut &*self.stream, Some(queue), WRITE_BYTES_MAX) {
            // The poll tells the I/O thread when there is room again.
            Ok(Flushed::All | Flushed::WouldBlock) => true,
            // An error is met again by the I/O thread, which ends the connection.
            Ok(Flushed::Budget) | Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;
    use crate::connection::{FrameNo, Limits};
    use crate::wire::Frame;

    /// An outlet of a connection that has just been made, its writer, the other end, and a queue with one frame.
    fn greeted() -> (Outlet, SharedWriter, std::net::TcpStream, SendQueue) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let near = std::net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        near.set_nonblocking(true).expect("it is a socket");
        let (far, _) = listener.accept().expect("somebody has connected");
        let writer = SharedWriter::default();
        let queue = SendQueue::new(Limits { frames: 8, bytes: 1 << 20, frame_body: 1 << 20 });
        queue.push(Frame::new(16, [0; 24], &[b"word"])).expect("there is room");
        (Outlet::new(Arc::new(mio::net::TcpStream::from_std(near)), writer.clone()), writer, far, queue)
    }

    #[test]
    fn nothing_is_claimed_for_a_connection_that_may_yet_be_refused() {
        let (outlet, _, _far, queue) = greeted();
        assert!(!outlet.write(&queue));
        assert_eq!(queue.claimed(), FrameNo(0));
    }

    #[test]
    fn an_open_connection_is_written_to() {
        let (outlet, writer, mut far, queue) = greeted();
        writer.lock().open();
        assert!(outlet.write(&queue));
        assert_eq!(queue.claimed(), FrameNo(1));
        let mut frame = [0; 36];
        far.read_exact(&mut frame).expect("it has been sent");
        assert_eq!(&frame[32..], b"word");
    }

    #[test]
    fn who_still_holds_a_connection_that_has_ended_claims_nothing_for_it() {
        let (outlet, writer, _far, queue) = greeted();
        writer.lock().open();
        writer.lock().end();
        assert!(!outlet.write(&queue));
        assert_eq!(queue.claimed(), FrameNo(0));
        assert_eq!(queue.reset().1.len(), 1, "it is given back for the next connection");
    }

    #[test]
    fn while_another_writes_the_frame_is_left_to_the_io_thread() {
        let (outlet, writer, _far, queue) = greeted();
        let mut busy = writer.lock();
        busy.open();
        assert!(!outlet.write(&queue));
        assert_eq!(queue.claimed(), FrameNo(0));
    }
}
