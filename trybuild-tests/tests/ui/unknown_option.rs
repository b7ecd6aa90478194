use swarm::prelude::*;

struct A;

#[swarm::worker(mailbx = 3, name = "a")]
impl A {
    #[init]
    fn init(_: &Context<Self>, opening: u64) -> Self {
        let _ = opening;
        Self
    }

    #[call]
    fn fine(&self, number: u64) -> u64 {
        number
    }

    #[call(nmae = "x")]
    fn count(&self) {}
}

fn main() {
    let _ = AClient::at("a").count();
}
