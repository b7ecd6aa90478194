#![no_main]
//! Owns the entry of the target `sealed`. Never does more than hand the bytes on.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| swarm_fuzz::run("sealed", bytes));
