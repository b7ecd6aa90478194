//! Owns the keys that a node holds: the first encrypts, all decrypt. Never gives one away but to what protects traffic.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

use super::secret::{SECRET_BYTES_MIN, Secret, SecretError};

/// Keys that a node holds at most: the old one, the new one, and two for those who were slow.
const KEYS_MAX: usize = 4;
/// What distinguishes our keys from those that another program derives from the same secret.
const SALT: &[u8] = b"swarm secret, version 1";
/// Bytes of every key here.
const KEY_BYTES: usize = 32;

/// Names a key in lists and in the headers of packets, and says nothing about it: who does not know the secret cannot tell which it
/// belongs to, and who guesses one learns from this no more than from any packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// What is derived from one secret. Wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct Key {
    id: KeyId,
    root: Zeroizing<[u8; KEY_BYTES]>,
}

impl Key {
    fn of(secret: &Secret) -> Result<Self, SecretError> {
        let bytes = secret.bytes();
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(SecretError::TooShort { bytes: bytes.len() });
        }
        let root = expand(&Salt::new(HKDF_SHA256, SALT).extract(bytes), &[b"root"]);
        let mut key = Self { id: KeyId(0), root };
        let id = key.derive(&[b"id"]);
        key.id = KeyId(u32::from_le_bytes(*id.first_chunk().expect("a key is longer than an id")));
        Ok(key)
    }

    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// What both ends of a connection prove to each other that they know.
    pub(crate) fn connections(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.derive(&[b"connections"])
    }

    /// The key of the packets of one sender.
    pub(crate) fn packets(&self, boot: u64) -> LessSafeKey {
        aead(&self.derive(&[b"packets", &boot.to_le_bytes()]))
    }

    fn derive(&self, info: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
        expand(&Prk::new_less_safe(HKDF_SHA256, &*self.root), info)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// A key of AES-256-GCM. The nonce is the business of who has it.
pub(crate) fn aead(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of this algorithm has 32 bytes"))
}

/// The length of what is derived.
struct KeyBytes;

impl KeyType for KeyBytes {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

fn expand(prk: &Prk, info: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let expanded = prk.expand(info, KeyBytes).and_then(|okm| okm.fill(&mut *key));
    expanded.expect("32 bytes are less than 255 hashes");
    key
}

/// The keys of a node, which can be changed while it runs. Cheap to clone; the clones are one ring.
///
/// To change the secret of a running cluster: `add` the new one on every node, then `use_key` it on every node, then `remove` the
/// old one on every node. At no moment do two nodes not understand each other, and no call is lost.
///
/// ```
/// use swarm_net::secret::{Keyring, Secret};
/// let keys = Keyring::new([Secret::from("q1Zr5WcVx0bJtD8eYkN2uA==")])?;
/// let old = keys.ids()[0];
/// let new = keys.add("0f3yHn7pQz8kLw2vBx5RtA==".into())?;
/// keys.use_key(new)?;
/// keys.remove(old)?;
/// assert_eq!(keys.ids(), [new]);
/// # Ok::<(), swarm_net::secret::SecretError>(())
/// ```
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<ArcSwap<Vec<Key>>>,
}

impl Keyring {
    /// A ring of these. The first encrypts.
    ///
    /// # Errors
    ///
    /// [`SecretError`] if there is none, there are more than four, or one is too short.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, SecretError> {
        let mut keys = Vec::new();
        for secret in secrets {
            insert(&mut keys, Key::of(&secret)?)?;
        }
        if keys.is_empty() {
            return Err(SecretError::Without);
        }
        Ok(Self { keys: Arc::new(ArcSwap::from_pointee(keys)) })
    }

    /// Whether this is one of its secrets, as where they are passwords. See [`find`](Keyring::find).
    pub fn knows(&self, secret: &Secret) -> bool {
        self.find(secret).is_some()
    }

    /// Which of its secrets this is. How long that takes says nothing about them, but how many they are: what is compared are keys that are
    /// derived from them, and all are looked at to the end.
    pub fn find(&self, secret: &Secret) -> Option<KeyId> {
        let key = Key::of(secret).ok()?;
        let differ = |known: &Key| known.root.iter().zip(key.root.iter()).fold(0, |bits, (a, b)| bits | (a ^ b));
        self.keys.load().iter().fold(false, |found, known| found | (differ(known) == 0)).then_some(key.id)
    }

    /// From now on also what was encrypted with this secret is understood. Nothing happens if it is there already.
    ///
    /// # Errors
    ///
    /// [`SecretError`] if it is too short, or there are four already.
    pub fn add(&self, secret: Secret) -> Result<KeyId, SecretError> {
        let key = Key::of(&secret)?;
        let id = key.id;
        self.change(|keys| insert(keys, key.clone()))?;
        Ok(id)
    }

    /// From now on this key encrypts what is sent as packets, and is proved to the nodes that are dialled. Connections that are open
    /// have keys of their own and go on.
    ///
    /// # Errors
    ///
    /// [`SecretError::Unknown`] if it is not there.
    pub fn use_key(&self, id: KeyId) -> Result<(), SecretError> {
        self.change(|keys| {
            let at = keys.iter().position(|key| key.id == id).ok_or(SecretError::Unknown { id })?;
            keys[..=at].rotate_right(1);
            Ok(())
        })
    }

    /// From now on this key is not accepted, neither in packets nor by new connections. Connections that are open go on, also those
    /// that were opened with it: their keys do not follow from it.
    ///
    /// # Errors
    ///
    /// [`SecretError::Unknown`] if it is not there, [`SecretError::InUse`] if it is the one that encrypts.
    pub fn remove(&self, id: KeyId) -> Result<(), SecretError> {
        self.change(|keys| match keys.iter().position(|key| key.id == id) {
            None => Err(SecretError::Unknown { id }),
            Some(0) => Err(SecretError::InUse { id }),
            Some(at) => {
                keys.remove(at);
                Ok(())
            }
        })
    }

    /// The keys by name. The first encrypts.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.load().iter().map(Key::id).collect()
    }

    /// The key that encrypts.
    pub(crate) fn current(&self) -> Key {
        self.keys.load().first().expect("the key in use is never removed").clone()
    }

    /// Whether this is the key that encrypts.
    pub(crate) fn is_current(&self, id: KeyId) -> bool {
        self.keys.load().first().is_some_and(|key| key.id == id)
    }

    /// Whether there is a key of this name.
    pub fn has(&self, id: KeyId) -> bool {
        self.keys.load().iter().any(|key| key.id == id)
    }

    /// The key of this name.
    pub(crate) fn get(&self, id: KeyId) -> Option<Key> {
        self.keys.load().iter().find(|key| key.id == id).cloned()
    }

    /// All keys as of now.
    pub(crate) fn all(&self) -> Arc<Vec<Key>> {
        self.keys.load_full()
    }

    /// Changes the ring, or leaves it as it was. Two who change it at once both have their way.
    fn change(&self, change: impl Fn(&mut Vec<Key>) -> Result<(), SecretError>) -> Result<(), SecretError> {
        loop {
            let before = self.keys.load();
            let mut keys = Vec::clone(&before);
            change(&mut keys)?;
            let replaced = self.keys.compare_and_swap(&*before, Arc::new(keys));
            if Arc::ptr_eq(&replaced, &before) {
                return Ok(());
            }
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({:?})", self.ids())
    }
}

fn insert(keys: &mut Vec<Key>, key: Key) -> Result<(), SecretError> {
    if keys.iter().any(|known| known.id == key.id) {
        return Ok(());
    }
    if keys.len() == KEYS_MAX {
        return Err(SecretError::TooMany { max: KEYS_MAX });
    }
    keys.push(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(n: usize) -> Secret {
        format!("the secret with the number {n}").into()
    }

    fn ring(count: usize) -> Keyring {
        Keyring::new((0..count).map(secret)).expect("good secrets")
    }

    #[test]
    fn short_secrets_are_refused_with_the_command_that_makes_a_good_one() {
        let error = Keyring::new([Secret::from("0123456789abcde")]).expect_err("fifteen bytes");
        assert_eq!(error, SecretError::TooShort { bytes: 15 });
        assert!(error.to_string().contains("openssl rand -base64 32"), "{error}");
        assert!(Keyring::new([Secret::from("0123456789abcdef")]).is_ok());
        assert_eq!(Keyring::new([]).expect_err("none"), SecretError::Without);
    }

    #[test]
    fn a_ring_knows_its_secrets_and_no_others() {
        let keys = ring(3);
        assert!((0..3).all(|n| keys.knows(&secret(n))));
        assert!(!keys.knows(&secret(3)));
        for other in ["", "the secret with the number", "the secret with the number 1 ", "THE SECRET WITH THE NUMBER 1"]
        {
            assert!(!keys.knows(&other.into()), "{other}");
        }
        keys.remove(keys.ids()[1]).expect("it is not in use");
        assert!(!keys.knows(&secret(1)));
    }

    #[test]
    fn a_ring_holds_four_and_the_first_encrypts() {
        let keys = ring(4);
        let ids = keys.ids();
        assert_eq!(keys.add(secret(4)), Err(SecretError::TooMany { max: 4 }));
        assert_eq!(keys.add(secret(2)), Ok(ids[2]), "it is there already");
        keys.use_key(ids[2]).expect("it is there");
        assert_eq!(keys.ids(), [ids[2], ids[0], ids[1], ids[3]]);
        assert!(keys.is_current(ids[2]) && keys.current().id() == ids[2]);
        assert_eq!(keys.remove(ids[2]), Err(SecretError::InUse { id: ids[2] }));
        keys.remove(ids[0]).expect("another is in use");
        assert_eq!(keys.remove(ids[0]), Err(SecretError::Unknown { id: ids[0] }));
        assert_eq!(keys.use_key(ids[0]), Err(SecretError::Unknown { id: ids[0] }));
        assert_eq!(keys.ids(), [ids[2], ids[1], ids[3]]);
    }

    #[test]
    fn each_secret_purpose_and_sender_has_a_key_of_its_own() {
        let (one, other) = (ring(1).current(), ring(2).all()[1].clone());
        assert_ne!(one.id, other.id);
        let keys = [
            one.root.clone(),
            one.connections(),
            one.derive(&[b"packets", &[1; 8]]),
            one.derive(&[b"packets", &[2; 8]]),
            other.connections(),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(keys[..i].iter().all(|earlier| earlier != key), "{i}");
        }
        assert_eq!(*ring(1).current().connections(), *one.connections(), "the same on every node");
    }

    #[test]
    fn nothing_that_is_printed_shows_a_key() {
        let keys = ring(2);
        let text = format!("{keys:?} {:?} {:?}", keys.current(), secret(1));
        let root = keys.current().root.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(!text.contains("number") && !text.contains(&root[..12]), "{text}");
    }
}
