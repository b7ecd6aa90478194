//! Owns one client's connection: it reads, does what came as one batch, and writes the replies. Never reads on while a batch
//! is under way, and never ends in the middle of one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::batch::Batch;
use super::parser::Parser;
use super::reply::Reply;
use super::server::Hall;

/// How much is read at once, and so how many commands make a batch.
const READ_BYTES: usize = 64 << 10;
/// A buffer or a reply that was longer than this is given back, so that one long value is not held for ever.
const KEPT_BYTES_MAX: usize = 256 << 10;
/// A client that has broken the protocol is read on for so long, so that it sees why before it sees a reset.
const LAST_WORDS: Duration = Duration::from_millis(500);

pub(super) struct Connection {
    stream: TcpStream,
    parser: Parser,
    buffer: BytesMut,
    out: Vec<u8>,
    hall: Arc<Hall>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, hall: Arc<Hall>) -> Self {
        Self { stream, parser: Parser::default(), buffer: BytesMut::new(), out: Vec::new(), hall }
    }

    /// Serves until the client ends it, breaks the protocol, or `closing` says so between two batches.
    pub(super) async fn serve(mut self, mut closing: watch::Receiver<bool>) -> io::Result<()> {
        loop {
            self.buffer.reserve(READ_BYTES);
            // It comes first, since some clients always have something to say. It is ready, too, if nobody can say it any more.
            let closed = async { drop(closing.wait_for(|closing| *closing).await) };
            let read = tokio::select! {
                biased;
                () = closed => return self.end().await,
                read = self.stream.read_buf(&mut self.buffer) => read?,
            };
            if read == 0 || !self.answer().await? {
                return self.end().await;
            }
        }
    }

    /// Does what has come, and says whether to read on.
    async fn answer(&mut self) -> io::Result<bool> {
        let mut batch = Batch::default();
        loop {
            match self.parser.next(&mut self.buffer) {
                Ok(Some(words)) if batch.add(&words) => {}
                Ok(Some(_) | None) => break,
                Err(error) => {
                    batch.end(Reply::Error(format!("ERR {error}")));
                    break;
                }
            }
        }
        self.hall.counters.commands(batch.len());
        let goes_on = !batch.ends();
        let hall = &self.hall;
        if !batch.run(&hall.swarm, || super::info::text(hall), &mut self.out).await {
            tracing::warn!("a client wants more at once than it may have: its connection is closed");
            return Ok(false);
        }
        self.stream.write_all(&self.out).await?;
        self.tidy();
        Ok(goes_on)
    }

    fn tidy(&mut self) {
        self.out.clear();
        self.out.shrink_to(KEPT_BYTES_MAX);
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES_MAX {
            self.buffer = BytesMut::new();
        }
    }

    /// Closes it. What has come and was not read would make that a reset, by which the client loses the last replies.
    async fn end(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut rest = [0; 4096];
        let gone = async { while self.stream.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
        // Whoever goes on sending has been told.
        let _ = timeout(LAST_WORDS, gone).await;
        Ok(())
    }
}
