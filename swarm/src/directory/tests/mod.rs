//! Tests of the directory: merging of copies, scripted schedules, and random walks over a whole cluster in memory.

mod cases;
pub(in crate::directory) mod cluster;
mod cost;
mod frozen;
mod ghost;
pub(in crate::directory) mod merge;
mod message;
mod quorum;
mod rest;
mod rules;
mod schedules;
mod steps;
mod sweep;
mod walk;
