//! The fuzz targets by name. CONTRIBUTING.md says how they are run.

mod targets;

pub use targets::{TARGETS, Target, run};
