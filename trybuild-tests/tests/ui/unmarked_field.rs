struct Plain;

#[swarm::message]
struct M {
    plain: Plain,
}

fn main() {}
