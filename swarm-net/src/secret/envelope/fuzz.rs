//! Owns the fuzzing of the envelope of packets: by who has no key, and by members that seal what they like. Never seals but as a sender
//! does, or as one who has the secret could.

use std::collections::BTreeSet;

use super::*;
use crate::fuzz::{put_step, steps};
use crate::secret::Secret;

const CLUSTER: &str = "fuzz";
const NOW: u64 = 1_700_000_000_000;
/// Those who are heard: one whose windows are kept, and two strangers.
const SENDERS: u64 = 3;

/// The steps of an input. All but the first three begin with a byte that chooses one of the packets that were sealed before.
const SENT: u8 = 0;
const KEPT: u8 = 1;
const INVENTED: u8 = 2;
const REPEATED: u8 = 3;
const FLIPPED: u8 = 4;
const CUT: u8 = 5;
const TIME: u8 = 6;
const FORGOTTEN: u8 = 7;

/// A socket that hears honest packets, and beside them others that are repeated, changed, cut, prolonged, or of who has the right key
/// and says what it likes. Each honest one is heard as it was sealed, nothing that was changed is heard, and nothing twice.
pub fn sealed(bytes: &[u8]) {
    let keys = Keyring::new([Secret::from("the secret of the fuzzed")]).expect("a good secret");
    let seals: Vec<_> = (1..=SENDERS).map(|boot| Seal::new(keys.clone(), CLUSTER, node(boot))).collect();
    let mut ears = Ears {
        opener: Opener::new(Arc::new(Seal::new(keys, CLUSTER, node(9))), NOW - 1),
        now: NOW,
        taken: BTreeSet::new(),
    };
    ears.opener.know(node(1), 1);
    let mut sealed: Vec<Vec<u8>> = Vec::new();
    let mut out = Vec::new();
    for (kind, step) in steps(bytes) {
        let Some((choice, rest)) = step.split_first() else { continue };
        let seal = &seals[usize::from(*choice) % seals.len()];
        let chosen = sealed.get(usize::from(*choice) % sealed.len().max(1));
        match kind % 8 {
            SENT | KEPT => {
                let as_kind = PacketKind::from_code(kind >> 3).unwrap_or(PacketKind::Gossip);
                seal.seal(as_kind, rest, ears.now, &mut out);
                sealed.push(out.clone());
                if kind % 8 == SENT {
                    assert_eq!(ears.hear(&out), Some((as_kind, seal.me, rest.to_vec())), "it comes as it was sent");
                }
            }
            INVENTED => {
                // Whose counters are used up by that is its own.
                let Some((counter, inner)) = rest.split_first_chunk() else { continue };
                insider(&seal.keys, 4 + u64::from(*choice), u64::from_le_bytes(*counter), inner, &mut out);
                ears.hear(&out);
                sealed.push(out.clone());
            }
            REPEATED => drop(chosen.map(|packet| ears.hear(packet))),
            FLIPPED => {
                let (Some(packet), [low, high, flip, ..]) = (chosen, rest) else { continue };
                let mut packet = packet.clone();
                let at = usize::from(u16::from_le_bytes([*low, *high])) % packet.len();
                packet[at] ^= flip;
                if *flip != 0 {
                    assert_eq!(ears.hear(&packet), None, "byte {at} is another");
                }
            }
            CUT => {
                let Some(packet) = chosen else { continue };
                let shorter = &packet[..usize::from(rest.first().copied().unwrap_or(0)) % packet.len()];
                assert_eq!(ears.hear(shorter), None, "{} bytes of {}", shorter.len(), packet.len());
                let longer = [packet, rest].concat();
                assert!(rest.is_empty() || ears.hear(&longer).is_none(), "{} bytes more", rest.len());
            }
            TIME => ears.now += u64::from(*choice) * 1_000,
            FORGOTTEN => {
                ears.opener.forget(seal.me);
                if !rest.is_empty() {
                    ears.opener.know(seal.me, seal.next());
                }
            }
            _ => {
                // There are eight kinds of steps.
            }
        }
    }
    // As it is, it is sealed by nobody.
    ears.hear(bytes);
}

/// Inputs of [`sealed`].
pub fn sealed_seeds() -> Vec<Vec<u8>> {
    let mut honest = Vec::new();
    for sender in 0..3 {
        put_step(&mut honest, SENT, &[&[sender], &b"body"[..]].concat());
        put_step(&mut honest, SENT | 8, &[sender]);
        put_step(&mut honest, KEPT, &[&[sender], &b"late"[..]].concat());
        put_step(&mut honest, TIME, &[7]);
    }
    for i in 0..9 {
        put_step(&mut honest, REPEATED, &[i]);
        put_step(&mut honest, FLIPPED, &[i, 7 * i, 0, 1 << (i % 8)]);
        put_step(&mut honest, CUT, &[i, 30 + i, 1]);
    }
    put_step(&mut honest, FORGOTTEN, &[0]);
    put_step(&mut honest, FORGOTTEN, &[1, 1]);
    put_step(&mut honest, SENT, b"\x00again");
    let mut insider = Vec::new();
    for (counter, family) in [(1, 4), (1, 4), (2_000, 6), (3, 4), (u64::MAX, 4), (u64::MAX - 1, 9)] {
        let inner = [&[1, family, 7, 0], &[127, 0, 0, 1][..], &[0; 12], &NOW.to_le_bytes(), b"body"].concat();
        put_step(&mut insider, INVENTED, &[&[0], &u64::to_le_bytes(counter)[..], &inner].concat());
    }
    put_step(&mut insider, INVENTED, &[&[0], &u64::to_le_bytes(9)[..], b"short"].concat());
    put_step(&mut insider, REPEATED, &[2]);
    vec![honest, insider]
}

/// What hears, and what it has heard.
struct Ears {
    opener: Opener,
    now: u64,
    /// The counters of each boot id.
    taken: BTreeSet<[u8; 16]>,
}

impl Ears {
    fn hear(&mut self, packet: &[u8]) -> Option<(PacketKind, NodeId, Vec<u8>)> {
        let mut bytes = packet.to_vec();
        let heard = self.opener.open(&mut bytes, self.now, |node| node.boot() == 1).ok();
        let heard = heard.map(|packet| (packet.kind, packet.sender, packet.body.to_vec()));
        if heard.is_some() {
            let boot_and_counter = *packet[8..].first_chunk().expect("it has a header");
            assert!(self.taken.insert(boot_and_counter), "it was heard before");
        }
        heard
    }
}

/// A packet as one could make it who has the secret: of any boot id and counter, with anything in it.
fn insider(keys: &Keyring, boot: u64, counter: u64, inner: &[u8], out: &mut Vec<u8>) {
    let key = keys.current();
    out.clear();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, 0]);
    out.extend_from_slice(&key.id().0.to_le_bytes());
    out.extend_from_slice(&boot.to_le_bytes());
    out.extend_from_slice(&counter.to_le_bytes());
    let aad = Aad::from([out, CLUSTER.as_bytes()].concat());
    out.extend_from_slice(inner);
    let tag = key.packets(boot).seal_in_place_separate_tag(nonce(counter), aad, &mut out[HEADER_BYTES..]);
    out.extend_from_slice(tag.expect("an input is far below 64 GiB").as_ref());
}

fn node(boot: u64) -> NodeId {
    NodeId::new(([127, 0, 0, 1], 1_000).into(), boot)
}
