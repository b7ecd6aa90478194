//! What a cluster's secret is, and what protects packets by it. Never shows a secret, nor writes one anywhere.
//!
//! A [`Secret`] is what people hold; a [`Keyring`] holds the keys that were derived from up to four of them. Connections are protected by
//! what stands in `connection::tunnel`, packets by the envelope here:
//!
//! ```text
//!  0       2         3   4        8      16        24                                               end − 16
//!  | magic | version | 0 | key id | boot | counter | kind | family | port | ip | sent | body        | tag
//!    "SK"    1             u32      u64    u64       u8     4 or 6   u16    16   u64
//!    sent in the clear, authenticated              | encrypted by AES-256-GCM
//! ```
//!
//! Integers are little-endian. Each sender has a key of its own, derived from the secret and its boot id, so the counter alone is the
//! nonce: it is never used twice, since a process draws its boot id when it starts and counts on. The header and the cluster's name
//! are authenticated along with the rest. Who has seen a counter takes it no second time; the file `windows.rs` tells how that holds
//! also for senders of whom nothing is remembered.

mod entropy;
#[cfg(feature = "node")]
mod envelope;
mod file;
mod keyring;
#[cfg(feature = "node")]
mod post;
#[cfg(feature = "node")]
mod refusals;
#[expect(clippy::module_inception, reason = "a file is named after the one noun that it defines")]
mod secret;
#[cfg(feature = "node")]
mod window;
#[cfg(feature = "node")]
mod windows;

pub(crate) use entropy::Entropy;
#[cfg(feature = "fuzz")]
pub(crate) use envelope::fuzz;
pub use file::read_closed;
pub(crate) use keyring::{Key, aead};
pub use keyring::{KeyId, Keyring};
#[cfg(feature = "node")]
pub(crate) use post::{Ears, Post};
#[cfg(feature = "node")]
pub use refusals::{About, Refusal, Refused};
#[cfg(feature = "node")]
pub(crate) use refusals::{Refusals, Trouble};
pub use secret::{Secret, SecretError};
