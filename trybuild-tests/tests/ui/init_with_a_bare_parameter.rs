struct A<T>(T);

#[swarm::worker]
impl<T: swarm::Wire> A<T> {
    #[init]
    fn init(first: T) -> Self {
        Self(first)
    }
}

fn main() {
    drop(AClient::<u64>::register("a", 1));
}
