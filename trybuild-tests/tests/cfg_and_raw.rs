//! Methods under `#[cfg]`, and raw identifiers.
#![allow(unexpected_cfgs)]
use swarm::message::Schema;
use swarm::prelude::*;
use swarm::{Message, Worker};

#[swarm::message]
pub struct Mail {
    pub r#type: String,
    #[cfg(never)]
    pub gone: Missing,
}

pub struct r#Loop;

#[swarm::worker]
impl r#Loop {
    #[cfg(never)]
    #[init]
    fn init(_: Missing) -> Self {
        Self
    }

    #[cfg(not(never))]
    #[init]
    fn init(text: String) -> Self {
        drop(text);
        Self
    }

    #[call]
    fn r#match(&self, r#type: String, r#in: u32) -> u32 {
        drop(r#type);
        r#in
    }

    #[cfg(never)]
    #[call]
    fn either(&self, missing: Missing) -> Missing {
        missing
    }

    #[cfg(not(never))]
    #[call]
    fn either(&self) -> u32 {
        1
    }

    #[cfg(never)]
    #[cast(Missing)]
    fn gone(&mut self, missing: Missing) {}

    #[cfg(never)]
    #[begin_handoff]
    fn begin(&mut self) -> Missing {}

    #[cfg(not(never))]
    #[begin_handoff]
    fn begin(&mut self) -> Handoff<u64> {
        Handoff::Ignore
    }
}

/// A worker whose module would be a keyword.
pub struct Match;

#[swarm::worker]
impl Match {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn go(&self) {}
}

#[test]
fn it_is_as_it_says() {
    assert_eq!(Loop::NAME, "Loop");
    assert_eq!(Loop::STATE, None);
    assert_eq!(Loop::ARGS, String::FINGERPRINT);
    assert_eq!(Loop::METHODS.len(), 2);
    assert_eq!(r#loop::Match::NAME, "Loop/match");
    assert_eq!(r#match::Go::NAME, "Match/go");
    drop(LoopClient::at("x").r#match("a", 1));
    let _ = Mail { r#type: String::new() };
}
