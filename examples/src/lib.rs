#![forbid(unsafe_code)]
//! The parts that the runnable programs of this crate share with their tests. The programs themselves stand in `src/bin`.

pub mod demo;
