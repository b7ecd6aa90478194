//! Everything may be private, and everything may stand inside a function.
#![deny(warnings)]
use swarm::prelude::*;
use swarm::{Message, Worker};

struct Hidden(Inner);

#[swarm::message]
struct Inner {
    value: u32,
}

#[swarm::message]
struct Failure;

#[swarm::worker]
impl Hidden {
    #[init]
    fn init(inner: Inner) -> Self {
        Self(inner)
    }

    #[call]
    fn swap(&mut self, inner: Inner) -> Result<Inner, Failure> {
        if inner.value == 0 { Err(Failure) } else { Ok(std::mem::replace(&mut self.0, inner)) }
    }

    #[begin_handoff]
    fn begin(&mut self) -> Handoff {
        Handoff::Restart
    }
}

mod inner {
    use swarm::prelude::*;

    pub(super) mod deep {
        #[swarm::message]
        pub(crate) struct Deep(pub(crate) u64);
    }

    #[swarm::message]
    pub(crate) struct Beside;

    pub(crate) struct Paths;

    #[swarm::worker]
    impl Paths {
        #[init]
        fn init(_: &Context<Self>) -> Self {
            Self
        }

        /// Paths of all kinds, and arguments of types that are named like messages.
        #[call]
        fn deep(&self, a: self::deep::Deep, b: super::Inner, c: deep::Deep, d: Option<crate::Inner>) -> u64 {
            a.0 + c.0 + u64::from(b.value) + d.map_or(0, |inner| u64::from(inner.value))
        }

        #[call]
        fn beside(&self, beside: Beside, more: Vec<Beside>) -> u64 {
            let _ = beside;
            more.len() as u64
        }

        #[cast]
        fn string(&mut self, text: String) {
            drop(text);
        }
    }
}

#[test]
fn it_is_as_it_says() {
    struct Local;

    #[swarm::worker]
    impl Local {
        #[init]
        fn init() -> Self {
            Self
        }

        #[call]
        fn get(&self, text: String) -> String {
            text
        }
    }

    assert_eq!(Local::METHODS[0].id, local::Get::ID);
    assert_eq!(Hidden::METHODS[0].id, hidden::Swap::ID);
    drop(LocalClient::at("x").get("y"));
    drop(HiddenClient::register("x", Inner { value: 1 }));
    drop(inner::PathsClient::call("x", inner::paths::Beside { beside: inner::Beside, more: Vec::new() }));
    drop(inner::PathsClient::at("x").beside(inner::Beside, Vec::new()));
    drop(inner::PathsClient::at("x").deep(inner::deep::Deep(1), Inner { value: 1 }, inner::deep::Deep(2), None));
}
