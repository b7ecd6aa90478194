//! Owns the names of workers and their stable hash. Never knows where a name lives.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rkyv::{Archive, Deserialize, Serialize};
use smol_str::SmolStr;
use xxhash_rust::xxh3::xxh3_64;

/// A worker's cluster-wide name. One flat namespace over all worker types; cheap to clone.
///
/// ```
/// use swarm::Name;
/// assert_eq!(Name::from(42), Name::from("42"));
/// ```
///
/// A name of up to 23 bytes stands in the value itself: tables of names are searched without following a pointer for
/// each one that is compared, which at a million names is most of what a look-up costs.
#[derive(Clone)]
pub struct Name(SmolStr);

/// The stable 64-bit hash of a name (xxh3-64 of its UTF-8 bytes). It decides the name's partition, so it is fixed for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct NameHash(pub u64);

/// A name with its hash, for who has both.
#[derive(Clone, Copy)]
pub(crate) struct Hashed<'a> {
    pub(crate) name: &'a Name,
    pub(crate) hash: NameHash,
}

impl Name {
    /// Names are at most this many bytes long, so that a name always fits a frame's header.
    pub const BYTES_MAX: usize = 1024;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The name with its hash.
    #[cfg(test)]
    pub(crate) fn hashed(&self) -> Hashed<'_> {
        Hashed { name: self, hash: self.hash64() }
    }

    /// The name's stable hash.
    #[inline]
    pub fn hash64(&self) -> NameHash {
        NameHash(xxh3_64(self.as_bytes()))
    }
}

// Texts are ordered by their bytes.

impl PartialEq for Name {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Short ones are compared where they stand, without a look at how long they are.
        self.0 == other.0
    }
}

impl Eq for Name {}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As texts are hashed, so that tables of names can be asked with text.
        state.write(self.as_bytes());
        state.write_u8(0xff);
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<&&str> for Name {
    fn from(text: &&str) -> Self {
        Self::from(*text)
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<&String> for Name {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for Name {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(&*text)
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl From<char> for Name {
    fn from(letter: char) -> Self {
        Self::from(&*letter.encode_utf8(&mut [0; 4]))
    }
}

macro_rules! from_integers {
    ($($int:ty),*) => {$(
        impl From<$int> for Name {
            fn from(number: $int) -> Self {
                Self::from(number.to_string())
            }
        }
    )*};
}
from_integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

#[cfg(feature = "uuid")]
impl From<uuid::Uuid> for Name {
    fn from(id: uuid::Uuid) -> Self {
        Self::from(id.to_string())
    }
}

/// How a name travels inside control messages.
impl Archive for Name {
    type Archived = rkyv::string::ArchivedString;
    type Resolver = rkyv::string::StringResolver;

    fn resolve(&self, resolver: Self::Resolver, out: rkyv::Place<Self::Archived>) {
        rkyv::string::ArchivedString::resolve_from_str(self.as_str(), resolver, out);
    }
}

impl<S> Serialize<S> for Name
where
    S: rkyv::rancor::Fallible + rkyv::ser::Writer + ?Sized,
    S::Error: rkyv::rancor::Source,
{
    fn serialize(&self, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        rkyv::string::ArchivedString::serialize_from_str(self.as_str(), serializer)
    }
}

impl<D> Deserialize<Name, D> for rkyv::string::ArchivedString
where
    D: rkyv::rancor::Fallible + ?Sized,
{
    fn deserialize(&self, _: &mut D) -> Result<Name, D::Error> {
        Ok(Name::from(self.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn short_and_long_names_are_their_texts() {
        let long = "x".repeat(Name::BYTES_MAX);
        let texts = ["", "a", "acct/42", "twenty-three bytes, fit", "twenty-four bytes do not", "äöü", long.as_str()];
        for text in texts {
            let name = Name::from(text);
            assert_eq!(name.as_str(), text);
            assert_eq!(name, Name::from(Arc::<str>::from(text)));
            assert_eq!(name.hash64().0, xxh3_64(text.as_bytes()));
            for other in texts {
                assert_eq!(name.cmp(&Name::from(other)), text.cmp(other), "{text} and {other}");
            }
        }
        let names: HashSet<Name> = texts.iter().map(Name::from).collect();
        assert!(texts.iter().all(|text| names.contains(*text)));
    }

    #[test]
    fn a_name_is_three_words() {
        assert_eq!((size_of::<Name>(), size_of::<Option<Name>>()), (24, 24));
    }
}
