use swarm::prelude::*;

struct A(std::cell::Cell<u64>);

#[swarm::worker]
impl A {
    #[init]
    fn init(_: &Context<Self>, opening: u64) -> Self {
        let _ = opening;
        Self(std::cell::Cell::new(1))
    }

    #[call]
    fn fine(&self, number: u64) -> u64 {
        number
    }

    #[call]
    async fn wait(&self) {
        std::future::ready(()).await;
    }
}

fn main() {
    drop(AClient::register("a", 1));
    drop(AClient::at("a").fine(1));
}
