struct A;

#[swarm::worker(json)]
impl A {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn take(&self, count: usize) -> u64 {
        count as u64
    }
}

fn main() {
    drop(AClient::at("a").take(1));
}
