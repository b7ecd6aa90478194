use std::rc::Rc;

#[swarm::message]
struct Shared {
    text: Rc<str>,
    name: String,
}

fn main() {}
