struct A;

#[swarm::worker(json)]
impl A {
    #[init]
    fn init((cents, _): (u64, u64)) -> Self {
        let _ = cents;
        Self
    }

    #[call]
    fn fine(&self, number: u64) -> u64 {
        number
    }
}

fn main() {
    drop(AClient::register("a", (1, 2)));
    drop(AClient::at("a").fine(1));
}
