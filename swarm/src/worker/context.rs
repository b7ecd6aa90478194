//! Owns the handle that a worker's handlers get.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::name::Name;

/// What a worker knows of itself and may ask of its node.
pub struct Context<W> {
    name: Arc<Name>,
    worker: PhantomData<fn() -> Box<W>>,
}

impl<W> Context<W> {
    /// The name that this worker is registered under.
    pub fn name(&self) -> &Name {
        &self.name
    }
}

impl<W> Clone for Context<W> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), worker: PhantomData }
    }
}
