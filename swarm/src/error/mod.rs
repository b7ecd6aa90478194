//! Owns the errors that users meet. Each says what happened, to which name, on which node, and what to do about it.

mod call;
mod cast;
mod location;
#[cfg(feature = "node")]
mod node;
mod registry;
mod words;

// With the archived forms that rkyv derives of them.
pub use call::*;
pub use cast::CastError;
pub use location::*;
#[cfg(feature = "node")]
pub use node::{LeaveError, StartError};
pub use registry::{RegisterError, RegistryError};
