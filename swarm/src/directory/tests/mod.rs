//! Tests of the directory: merging of copies, scripted schedules, and random walks over a whole cluster in memory.

mod cluster;
mod cost;
mod ghost;
pub(in crate::directory) mod merge;
mod rest;
mod schedules;
mod walk;
