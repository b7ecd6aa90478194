//! Owns a TCP connection between a program and a service of a node: as it is, or protected by the cluster's secret. Never knows what is said
//! over it.

use std::io::{self, ErrorKind, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use swarm_net::connection::{Gate, Passage};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How much is sealed before the socket has to take it.
const UNWRITTEN_BYTES_MAX: usize = 256 << 10;

/// One end of a connection.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Without a secret.
    Open(TcpStream),
    /// With one. Both ends have proved that they know it.
    Sealed(Box<Sealed>),
}

/// A stream in a tunnel.
#[derive(Debug)]
pub(crate) struct Sealed {
    stream: TcpStream,
    passage: Passage,
    /// What was read, of which the part from `read` to `filled` has not been asked for yet.
    content: Vec<u8>,
    read: usize,
    filled: usize,
    /// What is sealed and not written yet from `written` on.
    sealed: Vec<u8>,
    written: usize,
}

impl Stream {
    /// The end of who has dialled.
    #[cfg(any(feature = "admin", feature = "remote"))]
    pub(crate) async fn dial(stream: TcpStream, gate: Option<&Gate>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let Some(gate) = gate else { return Ok(Self::Open(stream)) };
        let (passage, first) = Passage::dial(gate)?;
        say(&stream, &first).await?;
        Self::shake(stream, passage).await
    }

    /// The end of who was dialled.
    #[cfg(any(feature = "admin", feature = "gateway"))]
    pub(crate) async fn answer(stream: TcpStream, gate: Option<&Gate>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        match gate {
            None => Ok(Self::Open(stream)),
            Some(gate) => Self::shake(stream, Passage::answer(gate)).await,
        }
    }

    async fn shake(stream: TcpStream, mut passage: Passage) -> io::Result<Self> {
        let mut buffer = [0; 256];
        loop {
            stream.readable().await?;
            let read = match stream.try_read(&mut buffer) {
                Ok(0) => {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "the other end hung up at the handshake"));
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            match passage.shake(&buffer[..read]) {
                Ok(None) => {}
                Ok(Some(last)) => {
                    say(&stream, &last).await?;
                    return Ok(Self::Sealed(Box::new(Sealed::new(stream, passage))));
                }
                Err(denied) => {
                    if let Some(refusal) = denied.refusal() {
                        // It is told so as to help; if that fails it will not understand why it is hung up on.
                        let _ = say(&stream, &refusal).await;
                    }
                    return Err(io::Error::new(ErrorKind::PermissionDenied, denied));
                }
            }
        }
    }
}

/// Writes all of it.
async fn say(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Sealed {
    fn new(stream: TcpStream, passage: Passage) -> Self {
        let content = vec![0; Passage::READ_BYTES_MIN];
        Self { stream, passage, content, read: 0, filled: 0, sealed: Vec::new(), written: 0 }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read == self.filled {
            let mut source = Polled { stream: &mut self.stream, cx };
            match self.passage.read(&mut source, &mut self.content) {
                Ok(filled) => (self.read, self.filled) = (0, filled),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let take = buffer.remaining().min(self.filled - self.read);
        buffer.put_slice(&self.content[self.read..self.read + take]);
        self.read += take;
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, content: &[u8]) -> Poll<io::Result<usize>> {
        if self.sealed.len() - self.written >= UNWRITTEN_BYTES_MAX {
            ready!(self.poll_drain(cx))?;
        }
        Poll::Ready(Ok(self.passage.seal(content, &mut self.sealed)))
    }

    /// Writes what is sealed.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.sealed.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.sealed[self.written..]))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        self.sealed.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

/// A socket as a source that says when nothing has come yet, and then wakes who asked.
struct Polled<'a, 'b> {
    stream: &'a mut TcpStream,
    cx: &'a mut Context<'b>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut *self.stream).poll_read(self.cx, &mut buffer) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Open(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Sealed(sealed) => sealed.poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, content: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Open(stream) => Pin::new(stream).poll_write(cx, content),
            Self::Sealed(sealed) => sealed.poll_write(cx, content),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Open(stream) => Pin::new(stream).poll_flush(cx),
            Self::Sealed(sealed) => {
                ready!(sealed.poll_drain(cx))?;
                Pin::new(&mut sealed.stream).poll_flush(cx)
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Open(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Sealed(sealed) => {
                ready!(sealed.poll_drain(cx))?;
                Pin::new(&mut sealed.stream).poll_shutdown(cx)
            }
        }
    }
}
