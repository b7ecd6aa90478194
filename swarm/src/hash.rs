//! Owns how maps of this crate hash. Names come from outside, so nobody may know how; but a simulation has to repeat itself.

#[cfg(not(any(test, feature = "sim")))]
pub(crate) use std::hash::RandomState as State;

/// The same in every run.
#[cfg(any(test, feature = "sim"))]
pub(crate) type State = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// A map without an order.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, State>;

/// A set without an order.
pub(crate) type HashSet<T> = std::collections::HashSet<T, State>;
