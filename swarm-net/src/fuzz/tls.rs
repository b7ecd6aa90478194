//! Owns the fuzzing of connections with certificates: of what two ends say to each other, and of bytes from who has none. Never opens a socket.

use std::sync::OnceLock;

use super::put_step;
use super::talk::{shout, talk};
use crate::connection::{Lock, Tunnel};
use crate::tls::mint::Mint;

/// One certificate for both ends. To mint one takes longer than an input should.
fn lock() -> &'static Lock {
    static LOCK: OnceLock<Lock> = OnceLock::new();
    LOCK.get_or_init(|| Lock::Certificate(Mint::new("fuzz").credentials("fuzz.swarm", |_| {})))
}

/// Two nodes with certificates over a wire that cuts and changes a byte, or bytes from who is none. No handshake is twice the same, so
/// where a byte is changed means something else each time; what must hold does not depend on it.
pub fn tls(bytes: &[u8]) {
    match bytes.split_first() {
        Some((choice, rest)) if choice % 2 == 0 => talk(rest, Some(lock())),
        Some((_, rest)) => shout(rest, lock()),
        None => {}
    }
}

/// Inputs of [`tls`].
pub fn tls_seeds() -> Vec<Vec<u8>> {
    // The lock is no input's, so its memory is taken before the first.
    let lock = lock();
    let mut seeds: Vec<_> = [[0, 0, 0], [40, 0, 1], [0, 3, 8], [0, 5, 128], [20, 6, 1]]
        .map(|change| {
            let mut input = [&[0, 5, 0, 127, 130, 1, 255, 31, 64][..], &change].concat();
            put_step(&mut input, 0, b"a list");
            put_step(&mut input, 2, b"frame");
            put_step(&mut input, 6, &[9; 300]);
            put_step(&mut input, 1, b"");
            input
        })
        .into();
    let shouted = |bytes: &[u8]| [&[1, 255, 5, 255, 60, 255, 255, 0, 255][..], bytes].concat();
    let hello = Tunnel::behind(Some(lock)).begin().ok().flatten();
    seeds.push(shouted(&hello.unwrap_or_default()));
    // An alert, the beginning of a long handshake, a refusal of a node with a secret.
    seeds.push(shouted(&[21, 3, 3, 0, 2, 2, 48]));
    seeds.push(shouted(&[22, 3, 3, 0x40, 0, 1, 0, 0xff, 0xff, 3, 3]));
    seeds.push(shouted(b"locked\xa7\x01\x01\x00\xfe\xff"));
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_hold_and_with_any_byte_changed_nothing_else_comes() {
        let seeds = tls_seeds();
        seeds.iter().for_each(|seed| tls(seed));
        for at in 0..200_u16 {
            let mut changed = seeds[0].clone();
            changed[9..11].copy_from_slice(&(at * 13).to_le_bytes());
            changed[11] = 1 << (at % 8);
            tls(&changed);
        }
    }
}
