use std::sync::Arc;

#[swarm::message]
struct Shared {
    text: Arc<str>,
    name: String,
}

fn main() {}
