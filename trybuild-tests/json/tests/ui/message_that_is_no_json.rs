#[swarm::message]
struct Deposit {
    cents: u64,
}

struct A;

#[swarm::worker(json)]
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
