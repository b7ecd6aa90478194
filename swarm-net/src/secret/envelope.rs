//! Owns how packets are sealed and opened. Never uses a nonce twice, and never looks into a body. The bytes stand in the module above.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::keyring::{KeyId, Keyring};
use super::windows::{Stale, Stamp, Windows};
use crate::node::NodeId;
use crate::wire::{Packet, PacketKind, addr_from_wire, addr_to_wire};

/// How sealed packets begin.
const MAGIC: [u8; 2] = *b"SK";
const VERSION: u8 = 1;
/// Bytes of the header, which is not encrypted.
const HEADER_BYTES: usize = 24;
/// Bytes of what is encrypted before the body.
const INNER_BYTES: usize = 28;
const TAG_BYTES: usize = 16;
/// Bytes by which a sealed packet is longer than its body.
pub(crate) const SEALED_BYTES: usize = HEADER_BYTES + INNER_BYTES + TAG_BYTES;
/// Senders whose key is kept at hand: deriving one takes as long as opening a packet or two.
const CACHED_MAX: usize = 1_024;

/// Seals what one process sends. Shared by all its threads, since they share its counter.
#[derive(Debug)]
pub(crate) struct Seal {
    keys: Keyring,
    cluster: Box<str>,
    me: NodeId,
    /// The counter of the next packet.
    next: AtomicU64,
    /// The key in use, as far as it is known here.
    at_hand: Mutex<(KeyId, Arc<LessSafeKey>)>,
}

/// Opens what one socket receives.
#[derive(Debug)]
pub(crate) struct Opener {
    seal: Arc<Seal>,
    windows: Windows,
    /// The keys of those who have proved that they use them.
    cached: BTreeMap<(KeyId, u64), LessSafeKey>,
}

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It is not sealed, or by another version.
    Plain,
    /// Its key is none of ours, or it is of another cluster, or it was changed on its way.
    Forged,
    /// It is authentic, and not to be taken.
    Stale(Stale),
}

impl Seal {
    pub(crate) fn new(keys: Keyring, cluster: &str, me: NodeId) -> Self {
        let key = keys.current();
        let at_hand = Mutex::new((key.id(), Arc::new(key.packets(me.boot()))));
        Self { keys, cluster: cluster.into(), me, next: AtomicU64::new(1), at_hand }
    }

    /// Whether a datagram looks like a sealed packet.
    pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
        bytes.len() >= SEALED_BYTES && bytes.starts_with(&MAGIC)
    }

    /// The counter of the next packet.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// Replaces the contents of `out` by this packet of ours, sent at this time (milliseconds since 1970).
    pub(crate) fn seal(&self, kind: PacketKind, body: &[u8], sent: u64, out: &mut Vec<u8>) {
        let (id, key) = self.key();
        // At a million packets a second it takes half a million years to come round.
        let counter = self.next.fetch_add(1, Ordering::SeqCst);
        let (family, port, ip) = addr_to_wire(self.me.addr());
        out.clear();
        out.reserve(SEALED_BYTES + body.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, 0]);
        out.extend_from_slice(&id.0.to_le_bytes());
        out.extend_from_slice(&self.me.boot().to_le_bytes());
        out.extend_from_slice(&counter.to_le_bytes());
        let aad = self.aad(out);
        out.extend_from_slice(&[kind.code(), family]);
        out.extend_from_slice(&port);
        out.extend_from_slice(&ip);
        out.extend_from_slice(&sent.to_le_bytes());
        out.extend_from_slice(body);
        let tag = key.seal_in_place_separate_tag(nonce(counter), aad, &mut out[HEADER_BYTES..]);
        out.extend_from_slice(tag.expect("a datagram is far below 64 GiB").as_ref());
    }

    /// The key in use. Whoever sends first after a change derives it.
    fn key(&self) -> (KeyId, Arc<LessSafeKey>) {
        let mut at_hand = self.at_hand();
        if !self.keys.is_current(at_hand.0) {
            let key = self.keys.current();
            *at_hand = (key.id(), Arc::new(key.packets(self.me.boot())));
        }
        at_hand.clone()
    }

    /// The key is whole wherever a panic could come from.
    fn at_hand(&self) -> MutexGuard<'_, (KeyId, Arc<LessSafeKey>)> {
        self.at_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is authenticated and not encrypted.
    fn aad(&self, header: &[u8]) -> Aad<Vec<u8>> {
        Aad::from([header, self.cluster.as_bytes()].concat())
    }
}

impl Opener {
    /// For a socket that listens since `now` (milliseconds since 1970).
    pub(crate) fn new(seal: Arc<Seal>, now: u64) -> Self {
        Self { seal, windows: Windows::new(now), cached: BTreeMap::new() }
    }

    /// Opens a packet where it stands. `is_member` tells whose windows are kept.
    pub(crate) fn open<'a>(
        &mut self,
        bytes: &'a mut [u8],
        now: u64,
        is_member: impl FnOnce(NodeId) -> bool,
    ) -> Result<Packet<'a>, Unopened> {
        if !Seal::is_sealed(bytes) || bytes[2..4] != [VERSION, 0] {
            return Err(Unopened::Plain);
        }
        let (header, sealed) = bytes.split_at_mut(HEADER_BYTES);
        let id = KeyId(u32::from_le_bytes(*header[4..].first_chunk().ok_or(Unopened::Plain)?));
        let boot = word(&header[8..])?;
        let counter = word(&header[16..])?;
        let key = self.key(id, boot)?;
        let inner = key.open_in_place(nonce(counter), self.seal.aad(header), sealed);
        let inner = inner.map_err(|_| Unopened::Forged)?;
        self.keep(id, boot, key);
        let (inner, body) = inner.split_first_chunk::<INNER_BYTES>().ok_or(Unopened::Forged)?;
        let [kind, family, port @ .., _, _, _, _, _, _, _, _] = inner;
        let (port, ip) = port.split_first_chunk().ok_or(Unopened::Forged)?;
        let addr = addr_from_wire(*family, *port, ip);
        let (Some(kind), Some(addr)) = (PacketKind::from_code(*kind), addr) else { return Err(Unopened::Forged) };
        let sent = word(&inner[INNER_BYTES - 8..])?;
        let sender = NodeId::new(addr, boot);
        self.windows.accept(Stamp { boot, counter, sent }, now, is_member(sender)).map_err(Unopened::Stale)?;
        Ok(Packet { kind, sender, body })
    }

    /// Over a connection a node has told the counter of its next packet.
    pub(crate) fn know(&mut self, node: NodeId, next: u64) {
        self.windows.know(node.boot(), next);
    }

    /// A node is neither a member any more nor connected.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.windows.forget(node.boot());
        self.cached.retain(|(_, boot), _| *boot != node.boot());
    }

    /// The key of a sender, if it uses one that we have.
    fn key(&self, id: KeyId, boot: u64) -> Result<LessSafeKey, Unopened> {
        if let Some(key) = self.cached.get(&(id, boot))
            && self.seal.keys.has(id)
        {
            return Ok(key.clone());
        }
        self.seal.keys.get(id).map(|key| key.packets(boot)).ok_or(Unopened::Forged)
    }

    /// Keeps the key of a sender at hand. What strangers only claim to use is not kept.
    fn keep(&mut self, id: KeyId, boot: u64, key: LessSafeKey) {
        if self.cached.contains_key(&(id, boot)) {
            return;
        }
        if self.cached.len() >= CACHED_MAX {
            self.cached.clear();
        }
        self.cached.insert((id, boot), key);
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn word(bytes: &[u8]) -> Result<u64, Unopened> {
    bytes.first_chunk().map(|word| u64::from_le_bytes(*word)).ok_or(Unopened::Forged)
}

#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::Secret;

    const NOW: u64 = 1_700_000_000_000;

    fn keyring(secret: &str) -> Keyring {
        Keyring::new([Secret::from(secret)]).expect("a good secret")
    }

    fn node(boot: u64) -> NodeId {
        NodeId::new(([10, 0, 0, 1], 45_892).into(), boot)
    }

    fn seal(secret: &str, cluster: &str, boot: u64) -> Arc<Seal> {
        Arc::new(Seal::new(keyring(secret), cluster, node(boot)))
    }

    fn sealed(seal: &Seal, body: &[u8]) -> Vec<u8> {
        let mut out = b"what was there before".to_vec();
        seal.seal(PacketKind::Gossip, body, NOW, &mut out);
        out
    }

    fn opener(secret: &str, cluster: &str) -> Opener {
        Opener::new(seal(secret, cluster, 2), NOW - 1_000)
    }

    fn open(opener: &mut Opener, bytes: &[u8]) -> Result<(PacketKind, NodeId, Vec<u8>), Unopened> {
        let mut bytes = bytes.to_vec();
        opener.open(&mut bytes, NOW, |_| false).map(|packet| (packet.kind, packet.sender, packet.body.to_vec()))
    }

    const ONE: &str = "the first of two secrets";
    const TWO: &str = "the other of two secrets";

    #[test]
    fn packets_come_back_once() {
        let (sender, mut receiver) = (seal(ONE, "bank", 1), opener(ONE, "bank"));
        for body in [b"".as_slice(), b"body", &[7; 1_000]] {
            let bytes = sealed(&sender, body);
            assert_eq!(bytes.len(), SEALED_BYTES + body.len());
            assert_eq!(open(&mut receiver, &bytes), Ok((PacketKind::Gossip, node(1), body.to_vec())));
            assert_eq!(open(&mut receiver, &bytes), Err(Unopened::Stale(Stale::Repeated)));
            assert!(body.is_empty() || !bytes.windows(body.len()).any(|part| part == body), "it is encrypted");
        }
        assert_eq!(sender.next(), 4);
    }

    #[test]
    fn every_flipped_bit_another_secret_and_another_cluster_are_noticed() {
        let bytes = sealed(&seal(ONE, "bank", 1), b"body");
        for (secret, cluster) in [(TWO, "bank"), (ONE, "benk"), (ONE, "")] {
            assert_eq!(open(&mut opener(secret, cluster), &bytes), Err(Unopened::Forged), "{cluster}");
        }
        let mut receiver = opener(ONE, "bank");
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(open(&mut receiver, &bytes), Err(Unopened::Forged | Unopened::Plain)), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(open(&mut receiver, &bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(open(&mut receiver, &bytes).is_ok(), "forgeries have not used up its counter");
    }

    #[test]
    fn two_senders_and_two_keys_share_no_nonce() {
        let one = sealed(&seal(ONE, "bank", 1), b"the same body");
        for other in [seal(ONE, "bank", 3), seal(TWO, "bank", 1)] {
            let other = sealed(&other, b"the same body");
            assert_ne!(one[HEADER_BYTES..], other[HEADER_BYTES..]);
        }
    }

    #[test]
    fn a_new_key_is_used_at_once_and_an_old_one_understood_until_it_is_removed() {
        let (sender, mut receiver) = (seal(ONE, "bank", 1), opener(ONE, "bank"));
        assert!(open(&mut receiver, &sealed(&sender, b"old")).is_ok());
        let new = sender.keys.add(TWO.into()).expect("there is room");
        sender.keys.use_key(new).expect("it is there");
        let early = sealed(&sender, b"new");
        assert_eq!(open(&mut receiver, &early), Err(Unopened::Forged), "nobody has told it the key");
        let keys = &receiver.seal.keys.clone();
        let old = keys.ids()[0];
        keys.add(TWO.into()).expect("there is room");
        assert!(open(&mut receiver, &early).is_ok());
        let late = {
            sender.keys.use_key(old).expect("it is there");
            sealed(&sender, b"old")
        };
        keys.use_key(new).expect("it is there");
        keys.remove(old).expect("another is in use");
        assert_eq!(open(&mut receiver, &late), Err(Unopened::Forged), "though its derived key is at hand");
        assert_eq!(sender.next(), 4, "the counter goes on");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), honest_head: bool) {
            let mut bytes = bytes;
            if honest_head && bytes.len() > 8 {
                let ids = keyring(ONE).ids();
                bytes[..4].copy_from_slice(&[b'S', b'K', VERSION, 0]);
                bytes[4..8].copy_from_slice(&ids[0].0.to_le_bytes());
            }
            prop_assert!(open(&mut opener(ONE, "bank"), &bytes).is_err());
        }
    }
}
