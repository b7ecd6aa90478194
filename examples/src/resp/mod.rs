//! A store of strings and counters that speaks RESP2, so that every Redis client reaches it, by any node: a key is a worker.
//!
//! ```text
//! socket ──bytes──▶ parser ──words──▶ command ──▶ batch ──▶ one lane a key ──one call──▶ key, wherever it is: entry
//!    ▲                                              │                                           │
//!    └──────────────── replies, in order ───────────┴──────────────────── answers ◀─────────────┘
//! ```
//!
//! What came by one read is a batch. All of it that concerns one key travels in one call, so it runs in order, and either none
//! of it ran or all is known; different keys are called at once. What holds of a key: it moves with its value and its expiry
//! when nodes join or leave; when its node crashes it is gone, as in a Redis that saves nothing. Commands over several keys
//! (`MGET`, `DEL`, `EXISTS`) are one call a key, and so no transaction.

mod batch;
mod command;
mod connection;
mod entry;
mod info;
mod inline;
mod key;
mod lane;
pub mod options;
pub mod parser;
mod reply;
pub mod server;

pub use key::{Key, KeyClient};
