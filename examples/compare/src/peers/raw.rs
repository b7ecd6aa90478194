//! Owns what the kernel itself takes: one blocking TCP connection between two processes. For one caller a ping-pong; for more as
//! many frames in flight as there are callers, and each read answered by one write. Never does any work for a frame.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, SndBuf};

use super::Peer;
use crate::figure::Seen;
use crate::load::Ledger;
use crate::order::Load;

/// What goes before the bytes in each frame, as with any protocol: a length and a number.
const HEAD_BYTES: usize = 16;

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;

/// What each end may buffer, so that all frames of 512 callers fit on the way and nobody waits for anybody.
const SOCKET_BYTES: usize = 1 << 20;

/// Answers whatever comes.
pub(crate) fn serve() -> io::Result<(String, TcpListener)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let accepting = listener.try_clone()?;
    thread::spawn(move || {
        for stream in accepting.incoming() {
            thread::spawn(move || echo(prepared(stream?)?));
        }
        io::Result::Ok(())
    });
    Ok((address, listener))
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count])?;
    }
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    setsockopt(&stream, SndBuf, &SOCKET_BYTES)?;
    setsockopt(&stream, RcvBuf, &SOCKET_BYTES)?;
    Ok(stream)
}

/// The callers' end.
pub(crate) struct Raw {
    address: String,
}

impl Raw {
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned() }
    }
}

impl Peer for Raw {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let stream = prepared(TcpStream::connect(&self.address)?)?;
        let frame = HEAD_BYTES + load.payload;
        let ledger = Arc::new(Ledger::new()?);
        let noting = ledger.clone();
        let caller = thread::spawn(move || match load.callers {
            1 => ping_pong(stream, frame, &noting),
            callers => in_flight(stream, frame, callers, &noting),
        });
        let took = ledger.keep(load.measured);
        caller.join().map_err(|_| io::Error::other("the caller panicked"))??;
        Ok(ledger.seen(took))
    }
}

fn ping_pong(mut stream: TcpStream, frame: usize, ledger: &Ledger) -> io::Result<()> {
    let mut buffer = vec![0; frame];
    let mut begun = Instant::now();
    loop {
        stream.write_all(&buffer)?;
        stream.read_exact(&mut buffer)?;
        let now = Instant::now();
        if !ledger.note(now - begun, 1, 1, 0) {
            return Ok(());
        }
        begun = now;
    }
}

fn in_flight(mut stream: TcpStream, frame: usize, callers: usize, ledger: &Ledger) -> io::Result<()> {
    let mut first = stream.try_clone()?;
    thread::spawn(move || first.write_all(&vec![0; frame * callers]));
    // When how many frames were sent, the oldest first.
    let mut sent = VecDeque::from([(Instant::now(), callers)]);
    let (mut buffer, mut filled) = (vec![0; READ_BYTES], 0);
    loop {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            return Err(io::Error::other("the server hung up"));
        }
        filled += count;
        let whole = filled / frame;
        let now = Instant::now();
        let on = come(&mut sent, whole, |since, times| ledger.note(now - since, 1, times, 0));
        if !on {
            return Ok(());
        }
        sent.push_back((now, whole));
        stream.write_all(&buffer[..whole * frame])?;
        buffer.copy_within(whole * frame..filled, 0);
        filled -= whole * frame;
    }
}

/// Takes so many frames off what was sent.
fn come(sent: &mut VecDeque<(Instant, usize)>, mut whole: usize, mut note: impl FnMut(Instant, u64) -> bool) -> bool {
    let mut on = true;
    while whole > 0 {
        let Some((since, count)) = sent.front_mut() else { return on };
        let now = whole.min(*count);
        on &= note(*since, now as u64);
        *count -= now;
        whole -= now;
        if *count == 0 {
            sent.pop_front();
        }
    }
    on
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn frames_come_back_in_the_order_in_which_they_were_sent() {
        let (early, late) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut sent = VecDeque::from([(early, 3), (late, 2)]);
        let mut noted = Vec::new();
        assert!(come(&mut sent, 4, |since, times| {
            noted.push((since, times));
            true
        }));
        assert_eq!(noted, [(early, 3), (late, 1)]);
        assert_eq!(sent, [(late, 1)]);
    }
}
