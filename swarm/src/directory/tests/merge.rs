//! Properties of merging copies.
