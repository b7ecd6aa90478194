#[swarm::message(json = true)]
struct Deposit {
    cents: u64,
}

struct A;

#[swarm::worker(json = "yes", name = "a")]
impl A {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call(Deposit)]
    fn deposit(&self, deposit: Deposit) -> u64 {
        deposit.cents
    }
}

fn main() {
    drop(AClient::at("a").deposit(Deposit { cents: 1 }));
}
