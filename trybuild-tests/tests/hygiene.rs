//! Nothing that generated code names can be taken away by the user's own names.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(non_camel_case_types, dead_code)]

// rkyv's derives name `Sized`.
use ::core::marker::Sized;

mod core {}
mod std {}
mod swarm {}
type u64 = ();
type usize = ();
type bool = ();
type str = ();
struct Option;
struct Result;
struct Box;
struct Some;
struct None;
struct Ok;
struct Err;
struct Into;
struct From;
struct Handle;
struct Message;
struct Worker;
struct __Name;

#[::swarm::message]
struct Ping {
    number: u32,
}

#[::swarm::message]
enum Shape {
    Circle { radius: u32 },
    Point,
    Square(u32),
}

struct Account(u32);

#[::swarm::worker(state = Self)]
impl Whole {
    #[init]
    fn init() -> Self {
        Whole(1)
    }
}

#[::swarm::message]
struct Whole(u32);

#[::swarm::worker]
impl Account {
    #[init]
    async fn init(opening: u32, text: ::std::string::String) -> Self {
        let _ = text;
        Account(opening)
    }

    #[call]
    fn get(&self) -> u32 {
        self.0
    }

    #[call(Ping)]
    async fn ping(&mut self, ping: &::swarm::rkyv::Archived<Ping>) -> Shape {
        Shape::Circle { radius: ping.number.to_native() }
    }

    #[cast]
    fn name_of(&mut self, at: u32, message: ::std::string::String, input: u32) {
        self.0 = at + input;
        let _ = message;
    }
}

#[derive(::swarm::Group)]
#[group(worker = Account)]
struct Audited;

#[::core::prelude::v1::test]
fn it_is_as_it_says() {
    ::core::mem::drop(AccountClient::at("x").name_of(1, "y", 2));
}
