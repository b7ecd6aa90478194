#[swarm::message(json)]
struct Overdrawn {
    by: u64,
}

struct A;

#[swarm::worker(json)]
impl A {
    #[init]
    fn init(opening: u64) -> Self {
        let _ = opening;
        Self
    }

    #[call]
    fn take(&self, cents: u64) -> Result<u64, Overdrawn> {
        Err(Overdrawn { by: cents })
    }
}

fn main() {
    drop(AClient::register("a", 1));
    drop(AClient::at("a").take(1));
}
