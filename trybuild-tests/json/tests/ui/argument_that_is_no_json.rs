use swarm::prelude::*;

#[swarm::message]
struct Plain {
    text: String,
}

struct A;

#[swarm::worker(json)]
impl A {
    #[init]
    fn init(_: &Context<Self>, opening: u64) -> Self {
        let _ = opening;
        Self
    }

    #[call]
    fn take(&self, plain: Plain) -> u64 {
        plain.text.len() as u64
    }
}

fn main() {
    drop(AClient::at("a").take(Plain { text: String::new() }));
}
