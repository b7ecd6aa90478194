use swarm::prelude::*;

#[swarm::message]
struct M(u64);

struct A;

#[swarm::worker]
impl A {
    #[init]
    fn init(_: &Context<Self>, opening: u64) -> Self {
        let _ = opening;
        Self
    }


}

fn main() {
    drop(AClient::call("a", M(1)));
    let _ = AClient::cast("a", M(1));
}
