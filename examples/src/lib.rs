#![forbid(unsafe_code)]
//! The parts that the runnable programs of this crate share with their tests. The programs themselves stand in
//! `src/bin`.

pub mod chaos;
pub mod demo;
pub mod figures;
pub mod fleet;
pub mod log;
pub mod resp;
pub mod signals;
pub mod web;

/// The programs in the Readme, so that they are compiled with every test run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The pieces of the page for those who come from Elixir, likewise.
#[cfg(doctest)]
#[doc = include_str!("../migration.md")]
pub struct Migration;
