//! Owns the names of workers and their stable hash. Never knows where a name lives.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use rkyv::{Archive, Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A worker's cluster-wide name. One flat namespace over all worker types; cheap to clone.
///
/// ```
/// use swarm::Name;
/// assert_eq!(Name::from(42), Name::from("42"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// The stable 64-bit hash of a name (xxh3-64 of its UTF-8 bytes). It decides the name's partition, so it is fixed for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct NameHash(pub u64);

impl Name {
    /// Names are at most this many bytes long, so that a name always fits a frame's header.
    pub const BYTES_MAX: usize = 1024;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name's stable hash.
    pub fn hash64(&self) -> NameHash {
        NameHash(xxh3_64(self.0.as_bytes()))
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&&str> for Name {
    fn from(text: &&str) -> Self {
        Self((*text).into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Name {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<Cow<'_, str>> for Name {
    fn from(text: Cow<'_, str>) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl From<char> for Name {
    fn from(letter: char) -> Self {
        Self(letter.encode_utf8(&mut [0; 4]).into())
    }
}

macro_rules! from_integers {
    ($($int:ty),*) => {$(
        impl From<$int> for Name {
            fn from(number: $int) -> Self {
                Self(number.to_string().into())
            }
        }
    )*};
}
from_integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

#[cfg(feature = "uuid")]
impl From<uuid::Uuid> for Name {
    fn from(id: uuid::Uuid) -> Self {
        Self(id.to_string().into())
    }
}

/// How a name travels inside control messages.
impl Archive for Name {
    type Archived = rkyv::string::ArchivedString;
    type Resolver = rkyv::string::StringResolver;

    fn resolve(&self, resolver: Self::Resolver, out: rkyv::Place<Self::Archived>) {
        rkyv::string::ArchivedString::resolve_from_str(&self.0, resolver, out);
    }
}

impl<S> Serialize<S> for Name
where
    S: rkyv::rancor::Fallible + rkyv::ser::Writer + ?Sized,
    S::Error: rkyv::rancor::Source,
{
    fn serialize(&self, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        rkyv::string::ArchivedString::serialize_from_str(&self.0, serializer)
    }
}

impl<D> Deserialize<Name, D> for rkyv::string::ArchivedString
where
    D: rkyv::rancor::Fallible + ?Sized,
{
    fn deserialize(&self, _: &mut D) -> Result<Name, D::Error> {
        Ok(Name(self.as_str().into()))
    }
}
