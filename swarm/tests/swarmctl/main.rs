//! `swarmctl` as people and scripts start it: as a process, against nodes of this one.
#![cfg(unix)]

mod commands;
mod fixture;
#[cfg(feature = "json")]
mod json;
mod statuses;
