#[swarm::message]
struct Overdrawn;

struct A;

#[swarm::worker(json)]
impl A {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn take(&self, cents: u64) -> Result<u64, Overdrawn> {
        Ok(cents)
    }
}

fn main() {
    drop(AClient::at("a").take(1));
}
