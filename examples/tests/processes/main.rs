//! The programs of this crate as processes, in networks of their own.
#![cfg(target_os = "linux")]

mod demo;
mod driven;
mod frozen;
mod namespaces;
mod network;
mod process;
mod programs;
mod readme;
mod redis;
mod resp;
mod signals;
mod web;
