#[swarm::message(nam = "x", name = "m")]
struct M;

#[swarm::message]
struct N {
    #[swarm(scheme = "x")]
    field: u64,
}

fn main() {
    drop(swarm::message::encode(&M));
}
