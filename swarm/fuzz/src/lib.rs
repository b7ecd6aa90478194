#![forbid(unsafe_code)]
//! The fuzz targets by name. CONTRIBUTING.md says how they are run.

mod targets;

pub use targets::{TARGETS, Target};

/// Does what this target does with an input.
///
/// # Panics
///
/// If the input breaks something, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name is listed");
    (target.run)(bytes);
}
